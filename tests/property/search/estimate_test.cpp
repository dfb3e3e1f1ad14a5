// SPDX-License-Identifier: Apache-2.0
// Estimates of the search beside the planner's memory and the analytic engine's time, over layouts
// drawn from whole spaces.
#include "sim/report/search.hpp"
#include "tests/property/search/ground.hpp"
#include "workloads/parallel/place.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace aisle::sim::test {

namespace {

/// Every `all.size() / count`-th layout, from an offset that the seed gives.
std::vector<Estimated> drawn(const std::vector<Estimated>& all, std::size_t count,
                             std::uint64_t seed) {
  std::vector<Estimated> some;
  const std::size_t step = std::max<std::size_t>(1, all.size() / count);
  for (std::size_t i = seed % step; i < all.size(); i += step) some.push_back(all[i]);
  return some;
}

double planned_bytes(const Ground& on, const Mapping& mapping) {
  Diagnostics diagnostics;
  const pb::Scenario scenario = with_layout(*on.study.scenario, mapping);
  const auto placed =
      workloads::place(on.prepared->model, scenario.workload().training(), on.prepared->cluster,
                       workloads::Folding::folded, on.study.places, diagnostics);
  if (!placed) return 0;
  const auto* plan = std::get_if<workloads::TrainingPlan>(&*placed);
  const auto& memory =
      plan != nullptr ? plan->memory : std::get<workloads::Infeasible>(*placed).memory;
  Bytes most;
  for (const workloads::RankMemory& rank : memory) most = std::max(most, rank.total());
  return most.in(units::B);
}

struct Errors {
  double median = 0, worst = 0;
  std::string worst_layout;
};

Errors errors_of(const Ground& on, const std::vector<Estimated>& layouts) {
  std::vector<double> all;
  Errors errors;
  for (const Estimated& one : layouts) {
    const double error = std::abs(std::log(one.seconds / step_of(run_analytic(on, one.mapping))));
    all.push_back(error);
    if (error > errors.worst) {
      errors.worst = error;
      errors.worst_layout = describe(one.mapping);
    }
  }
  std::sort(all.begin(), all.end());
  if (!all.empty()) errors.median = all[all.size() / 2];
  return errors;
}

constexpr const char* kDense =
    "model: \"llama-3.1-8b\" sequence: 4096 global_batch: 64 states { optimizer_moments: \"bf16\" "
    "}";
constexpr const char* kSparse =
    "model: \"deepseek-v2-lite\" sequence: 4096 global_batch: 128 states { optimizer_moments: "
    "\"bf16\" }";
constexpr const char* kCluster = "accelerator: \"h100-sxm\" count: 32";

}  // namespace

TEST(Estimate, MemoryIsThatOfThePlanner) {
  for (const char* training : {kDense, kSparse}) {
    const Ground on = ground(kCluster, training);
    for (const Estimated& one : drawn(estimate_all(on, {}), 40, 7)) {
      EXPECT_NEAR(one.bytes / planned_bytes(on, one.mapping), 1, 1e-9) << describe(one.mapping);
    }
  }
}

// A search leaves out what follows from layouts that are too large.
TEST(Estimate, LargerMicroBatchesNeedNoLessMemory) {
  for (const char* training : {kDense, kSparse}) {
    const Ground on = ground(kCluster, training);
    Diagnostics diagnostics;
    const auto space = LayoutSpace::build(on.training(), on.prepared->model, on.prepared->cluster,
                                          {}, diagnostics);
    ASSERT_TRUE(space);
    Estimator estimator(on.prepared->model, on.prepared->cluster, *on.kernels,
                        on.prepared->powers.front());
    std::map<Mapping, double> largest;  // so far, by all but the micro-batch
    int compared = 0;
    for (const LayoutSpace::Cut& cut : space->cuts()) {
      space->each(cut, [&](Mapping mapping, const workloads::parallel::Job* job, bool) {
        const bool chunked = mapping.schedule == pb::interleaved || mapping.schedule == pb::zb_v;
        if (job == nullptr || chunked) return LayoutSpace::Verdict::go_on;
        const double bytes = estimator.memory(*job);
        mapping.micro_batch = 1;
        const auto [at, is_new] = largest.emplace(mapping, bytes);
        EXPECT_GE(bytes * (1 + 1e-12), at->second) << describe(mapping);
        at->second = bytes;
        compared += is_new ? 0 : 1;
        return LayoutSpace::Verdict::go_on;
      });
    }
    EXPECT_GT(compared, 1000);
  }
}

TEST(Estimate, TimeIsNearThatOfTheAnalyticEngine) {
  for (const char* training : {kDense, kSparse}) {
    const Ground on = ground(kCluster, training);
    const Errors errors = errors_of(on, drawn(estimate_all(on, {}), 40, 3));
    std::printf("%s: median %.2f %%, worst %.2f %% (%s)\n", training, 100 * errors.median,
                100 * errors.worst, errors.worst_layout.c_str());
    EXPECT_LT(errors.median, 0.01);
    EXPECT_LT(errors.worst, 0.08) << errors.worst_layout;
  }
}

TEST(Estimate, PowerIsNearThatOfTheAnalyticEngine) {
  const Ground on = ground(kCluster, kDense);
  const auto space = [&] {
    Diagnostics diagnostics;
    return LayoutSpace::build(on.training(), on.prepared->model, on.prepared->cluster, {},
                              diagnostics);
  }();
  ASSERT_TRUE(space);
  Estimator estimator(on.prepared->model, on.prepared->cluster, *on.kernels,
                      on.prepared->powers.front());
  int number = 0;
  for (const LayoutSpace::Cut& cut : space->cuts()) {
    space->each(cut, [&](const Mapping& mapping, const workloads::parallel::Job* job, bool) {
      if (job == nullptr || ++number % 2003 != 0) return LayoutSpace::Verdict::go_on;
      const pb::Result result = run_analytic(on, mapping);
      if (!result.feasible()) return LayoutSpace::Verdict::go_on;
      power::Activity activity = estimator.activity(*job);
      activity.duration = step_of(result) * units::s;
      const Watts estimated = energy_of(on.prepared->curve, activity) / activity.duration;
      for (const pb::Metric& metric : result.metric()) {
        if (metric.name() != "accelerator_power_w") continue;
        EXPECT_NEAR(estimated.in(units::W) / metric.value(), 1, 0.08) << describe(mapping);
      }
      return LayoutSpace::Verdict::go_on;
    });
  }
  EXPECT_GT(number, 20000);
}

// One micro-batch through a pipeline, and ranks without replicas: nothing runs beside anything.
TEST(Estimate, TimeIsTheEnginesWhereNothingContends) {
  struct Case {
    const char *cluster, *training;
    std::vector<std::string> fixed;
  };

  const std::vector<Case> cases = {
      {"accelerator: \"h100-sxm\" count: 8",
       "model: \"llama-3.1-8b\" sequence: 4096 global_batch: 1",
       {"tensor=1", "context=1", "pipeline=8", "schedule=one_f_one_b", "zero=0"}},
      {"accelerator: \"h100-sxm\" count: 8",
       "model: \"llama-3.1-8b\" sequence: 1024 global_batch: 1 host_launch: \"60 us\" offload { "
       "optimizer: 0.5 }",
       {"tensor=1", "context=1", "pipeline=8", "schedule=one_f_one_b", "zero=0"}},
      {"accelerator: \"h100-sxm\" count: 1",
       "model: \"deepseek-v2-lite\" sequence: 4096 global_batch: 4 states { gradients: \"bf16\" "
       "master_weights: \"bf16\" optimizer_moments: \"fp8\" } what_if { layers: 8 }",
       {}},
  };
  for (const Case& one : cases) {
    const Ground on = ground(one.cluster, one.training);
    SearchOptions options;
    options.fixed = one.fixed;
    int compared = 0;
    for (const Estimated& layout : estimate_all(on, options)) {
      EXPECT_NEAR(layout.seconds / step_of(run_analytic(on, layout.mapping)), 1, 1e-6)
          << describe(layout.mapping);
      ++compared;
    }
    EXPECT_GE(compared, 3);
  }
}

// What the host does beside passes is in estimates. When copies of activations start, relative to
// the pass before, is less so.
TEST(Estimate, HostsAndTheirMemoryAreCounted) {
  struct Case {
    std::string fields;
    double median, worst;
  };

  for (const Case& one : {Case{"offload { optimizer: 1 }", 0.01, 0.08},
                          Case{"offload { activations: 0.5 }", 0.03, 0.08}}) {
    const Ground on = ground("accelerator: \"h100-sxm\" count: 8",
                             std::string(kDense) + " host_launch: \"80 us\" " + one.fields);
    SearchOptions options;
    options.fixed = {"context=1", "recompute=selective"};
    const Errors errors = errors_of(on, drawn(estimate_all(on, options), 30, 3));
    std::printf("%s: median %.2f %%, worst %.2f %% (%s)\n", one.fields.c_str(), 100 * errors.median,
                100 * errors.worst, errors.worst_layout.c_str());
    EXPECT_LT(errors.median, one.median);
    EXPECT_LT(errors.worst, one.worst) << errors.worst_layout;
  }
}

// With wide weights ZeRO-3 gathers fewer bytes of each than ZeRO-1 and 2 do.
TEST(Estimate, ALayoutsTimeDoesNotHangOnThoseBeforeIt) {
  const Ground on = ground("accelerator: \"h100-sxm\" count: 8",
                           "model: \"llama-3.1-8b\" sequence: 4096 global_batch: 16 states { "
                           "weights: \"fp32\" } what_if { layers: 8 }");
  std::map<Mapping, double> among_all;
  for (const Estimated& one : estimate_all(on, {})) { among_all[one.mapping] = one.seconds; }
  SearchOptions options;
  options.fixed = {"zero=1"};
  int compared = 0;
  for (const Estimated& one : estimate_all(on, options)) {
    const auto same = among_all.find(one.mapping);
    if (same == among_all.end()) continue;  // held at ZeRO-1 without replicas
    EXPECT_DOUBLE_EQ(one.seconds, same->second) << describe(one.mapping);
    ++compared;
  }
  EXPECT_GE(compared, 3);
}

}  // namespace aisle::sim::test
