// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parallel/fixture.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/models/model.pb.h"
#include "workloads/parallel/stages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace aisle::workloads::test {

namespace {

const topology::Catalogue& catalogue() {
  static const topology::Catalogue read = [] {
    Diagnostics diagnostics;
    auto found = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
    if (!found) std::abort();
    return std::move(*found);
  }();
  return read;
}

void expect_clean(const Diagnostics& diagnostics) {
  for (const Diagnostic& d : diagnostics.all()) {
    EXPECT_NE(d.severity, Severity::error) << to_string(d);
  }
}

}  // namespace

Ground ground(const std::string& model, const std::string& accelerator, int count,
              const std::string& what_if) {
  Diagnostics diagnostics;
  SourceMap places;
  pb::Model description = *catalogue().model(model);
  pb::Model change;
  read_text(what_if, "what_if", change, places, diagnostics);
  description.MergeFrom(change);
  auto graph = build_model(description, places, "", diagnostics);
  pb::Cluster spec;
  spec.set_accelerator(accelerator);
  spec.set_count(count);
  auto cluster = topology::build_cluster(spec, places, catalogue(), diagnostics);
  expect_clean(diagnostics);
  return {std::move(*graph), std::move(*cluster)};
}

std::optional<std::variant<TrainingPlan, Infeasible>> placed(const Ground& on,
                                                             const std::string& training,
                                                             Diagnostics& diagnostics,
                                                             Folding folding,
                                                             const ExpertLoads* loads) {
  pb::Scenario scenario;
  SourceMap places;
  read_text("workload { training {\n" + training + "\n} }", "test.textproto", scenario, places,
            diagnostics);
  expect_clean(diagnostics);
  return place(on.model, scenario.workload().training(), on.cluster, folding, places, diagnostics,
               loads);
}

TrainingPlan plan_of(const Ground& on, const std::string& training, Folding folding,
                     const ExpertLoads* loads) {
  Diagnostics diagnostics;
  auto result = placed(on, training, diagnostics, folding, loads);
  expect_clean(diagnostics);
  if (!result) return {};
  if (const auto* infeasible = std::get_if<Infeasible>(&*result)) {
    ADD_FAILURE() << infeasible->reason;
    return {};
  }
  return std::move(std::get<TrainingPlan>(*result));
}

parallel::Job job_of(const Ground& on, const Layout& layout, parallel::Schedule schedule) {
  parallel::Job job;
  job.model = &on.model;
  job.cluster = &on.cluster;
  job.layout = layout;
  job.schedule = schedule;
  job.sequence = 4096;
  job.global_batch = layout.micro_batches * layout.data;
  if (job.layout.stage_layers.empty()) {
    job.layout.stage_layers = parallel::balanced_stage_layers(on.model, job.stages(), job.sequence);
  }
  return job;
}

Ground deepseek_ground() {
  return ground("deepseek-v3", "h800-sxm", 2048);
}

parallel::Job deepseek_job(const Ground& on) {
  Layout layout;
  layout.pipeline = 16;
  layout.data = 128;
  layout.expert = 64;
  layout.zero = 1;
  layout.micro_batches = 120;
  parallel::Job job = job_of(on, layout, parallel::Schedule::dual_pipe);
  job.precision = topology::Precision::fp8;
  job.scaling = parallel::Scaling::blocks;
  job.recompute = parallel::Recompute::selective;
  job.states.moments = 2;
  return job;
}

Times times_of(const Plan& plan, const std::function<double(const Operation&)>& duration) {
  const std::size_t count = plan.operations.size();
  std::vector<std::vector<std::int32_t>> queues(plan.ranks.size() * kStreams);
  const auto queue_of = [](const Place& place) {
    return static_cast<std::size_t>(place.rank) * kStreams + static_cast<std::size_t>(place.stream);
  };
  std::vector<int> missing(count, 0);  // heads of queues and dependencies still to come
  std::vector<std::vector<std::int32_t>> waiting(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Operation& operation = plan.operations[i];
    const auto index = static_cast<std::int32_t>(i);
    for (int p = 0; p < operation.places; ++p) {
      auto& queue =
          queues[queue_of(plan.places[static_cast<std::size_t>(operation.first_place + p)])];
      if (!queue.empty()) {
        waiting[static_cast<std::size_t>(queue.back())].push_back(index);
        ++missing[i];
      }
      queue.push_back(index);
    }
    for (int d = 0; d < operation.dependencies; ++d) {
      const auto before =
          plan.dependencies[static_cast<std::size_t>(operation.first_dependency + d)];
      waiting[static_cast<std::size_t>(before)].push_back(index);
      ++missing[i];
    }
  }
  std::vector<double> start(count, 0), end(count, -1);
  std::vector<std::int32_t> ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (missing[i] == 0) ready.push_back(static_cast<std::int32_t>(i));
  }
  std::size_t done = 0;
  while (!ready.empty()) {
    const auto i = static_cast<std::size_t>(ready.back());
    ready.pop_back();
    end[i] = start[i] + duration(plan.operations[i]);
    ++done;
    for (const std::int32_t next : waiting[i]) {
      const auto at = static_cast<std::size_t>(next);
      start[at] = std::max(start[at], end[i]);
      if (--missing[at] == 0) ready.push_back(next);
    }
  }
  return done == count ? Times{std::move(start), std::move(end)} : Times{};
}

std::vector<double> unit_times(const Plan& plan) {
  return times_of(plan,
                  [&plan](const Operation& operation) {
                    return work_of(plan, operation).is_communication ? 0.0 : 1.0;
                  })
      .end;
}

const Work& work_of(const Plan& plan, const Operation& operation) {
  return plan.works[static_cast<std::size_t>(operation.work)];
}

std::map<std::string, Seen> exchanges(const Plan& plan) {
  std::map<std::string, Seen> seen;
  for (const Operation& operation : plan.operations) {
    const Work& work = work_of(plan, operation);
    if (!work.is_communication) continue;
    Seen& one = seen[work.name];
    ++one.count;
    one.group = work.communication.group;
    one.bytes += work.communication.bytes.si();
  }
  return seen;
}

double plan_flops(const Plan& plan, bool attention) {
  double sum = 0;
  for (const Operation& operation : plan.operations) {
    const Work& work = plan.works[static_cast<std::size_t>(operation.work)];
    for (int p = 0; p < operation.places; ++p) {
      const Place& place = plan.places[static_cast<std::size_t>(operation.first_place + p)];
      const auto ranks =
          static_cast<double>(plan.ranks[static_cast<std::size_t>(place.rank)].multiplicity);
      for (const Kernel& kernel : work.kernels) {
        const bool core = kernel.family == Family::attention || kernel.family == Family::mla;
        if (core != attention) continue;
        sum += ranks * kernel.count * kernel.flops.si();
      }
    }
  }
  return sum;
}

}  // namespace aisle::workloads::test
