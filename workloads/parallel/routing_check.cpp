// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/routing_check.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/parallel/groups.hpp"
#include "workloads/parallel/layers.hpp"
#include "workloads/parallel/stages.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

namespace aisle::workloads::parallel {

namespace {

/// Computations that ranks of their own may have in all; beyond, a plan would not fit in memory.
constexpr double kMostWorks = 400'000;

class RoutingReader {
 public:
  RoutingReader(const pb::Training& training, const SourceMap& places, Job& job,
                Diagnostics& diagnostics)
      : routing_(training.routing()), places_(places), job_(job), diagnostics_(diagnostics) {}

  void read(const ExpertLoads* loads) {
    const int before = diagnostics_.error_count();
    if (!job_.model->is_moe()) {
      error("", fmt::format("{} has no experts to route to", job_.model->name), "leave it out");
      return;
    }
    read_capacity();
    read_placement(loads);
    if (loads == nullptr || diagnostics_.error_count() > before) return;
    const topology::Hierarchy group = Groups(job_).hierarchy(Group::expert, 0);
    const ExpertPolicy policy{job_.capacity, job_.redundant_experts,
                              routing_.placement() == pb::balanced};
    check_size(*loads);
    job_.uneven = std::make_shared<const UnevenExperts>(*job_.model, *loads, policy,
                                                        job_.layout.expert, group.domains);
    job_.expert_load_spread = 0;
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "workload.training.routing" + (field.empty() ? "" : "." + field);
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  void read_capacity() {
    if (!routing_.has_capacity_factor()) return;
    constexpr double kMost = 1e6;
    job_.capacity = routing_.capacity_factor();
    if (job_.capacity > 0 && job_.capacity <= kMost) return;
    error("capacity_factor", fmt::format("must be above 0, is {:g}", job_.capacity),
          "1.25: an expert takes a quarter more than the mean one; absent: all that comes");
  }

  void read_placement(const ExpertLoads* loads) {
    const bool balanced = routing_.placement() == pb::balanced;
    job_.redundant_experts = routing_.redundant_experts();
    if (balanced && loads == nullptr) {
      error("placement", "experts are balanced by recorded loads, and none are given",
            "name a table in routing.loads");
    }
    if (job_.redundant_experts < 0) {
      error("redundant_experts", "a negative number of experts", "0 or more");
      return;
    }
    if (job_.redundant_experts > 0 && !balanced) {
      error("redundant_experts", "in order, every expert lies once", "placement: balanced");
    }
    for (const Layer& layer : job_.model->layers) {
      const int experts = layer.feed_forward.experts, ranks = job_.layout.expert;
      if (experts == 0 || (experts + job_.redundant_experts) % ranks == 0) continue;
      const int over = (experts + job_.redundant_experts) % ranks;
      error("redundant_experts",
            fmt::format("{} expert-parallel ranks do not divide {} experts and {} copies", ranks,
                        experts, job_.redundant_experts),
            fmt::format("{} or {}", std::max(0, job_.redundant_experts - over),
                        job_.redundant_experts + ranks - over));
      return;
    }
  }

  void check_size(const ExpertLoads& loads) {
    if (!job_.own_loads) return;
    constexpr double kWorksPerLayer = 4;
    const double works = kWorksPerLayer * static_cast<double>(loads.steps.size()) *
                         job_.layout.expert * static_cast<double>(job_.model->layers.size());
    if (works <= kMostWorks) return;
    error("step",
          fmt::format("{} recorded steps, each for {} ranks and {} layers, make about {:.0f} "
                      "different computations, more than {:.0f}",
                      loads.steps.size(), job_.layout.expert, job_.model->layers.size(), works,
                      kMostWorks),
          "select fewer with routing.where, or leave routing.step out");
  }

  const pb::MoeRouting& routing_;
  const SourceMap& places_;
  Job& job_;
  Diagnostics& diagnostics_;
};

}  // namespace

void read_routing(const pb::Training& training, const ExpertLoads* loads, const SourceMap& places,
                  Job& job, Diagnostics& diagnostics) {
  if (training.has_routing()) RoutingReader(training, places, job, diagnostics).read(loads);
}

RowsOf recorded_rows(const Job& job) {
  if (!job.uneven || !job.own_loads) return {};
  const int replicas = job.planned_replicas(), expert = job.layout.expert;
  const int micro_batches = job.layout.micro_batches;
  return [uneven = job.uneven, numbers = layer_numbers(job), replicas, expert, micro_batches](
             std::int32_t rank, std::int32_t layer, std::int32_t micro_batch) {
    const int replica = rank % replicas;
    const auto turn =
        static_cast<std::size_t>(replica / expert) * static_cast<std::size_t>(micro_batches) +
        static_cast<std::size_t>(micro_batch);
    const int number = numbers[static_cast<std::size_t>(layer)];
    return uneven->at(turn % uneven->steps(), number)
        .rows[static_cast<std::size_t>(replica % expert)];
  };
}

void add_expert_caveats(const Job& job, std::vector<std::string>& caveats) {
  if (!job.uneven) {
    if (job.capacity > 0) {
      caveats.push_back(fmt::format(
          "Experts take {:g} times the mean at most and drop {:.2g} % of assignments, taking their "
          "loads as independent and normal.",
          job.capacity, 100 * dropped_share(job)));
    }
    return;
  }
  const UnevenExperts::Summary& summary = job.uneven->summary();
  caveats.push_back(fmt::format(
      "Experts by recorded loads: the most loaded of {} expert-parallel ranks has {:.2f} times the "
      "mean in a layer ({:.2f} with experts in order), the most loaded expert {:.2f} times; {:.2g} "
      "% of assignments are dropped.",
      job.layout.expert, summary.placed, summary.in_order, summary.hottest_expert,
      100 * summary.dropped));
  if (!job.uneven->same_experts()) {
    caveats.emplace_back(
        "The recorded model has another number of experts: its layers, one behind the other, stand "
        "for those of this one.");
  }
}

}  // namespace aisle::workloads::parallel
