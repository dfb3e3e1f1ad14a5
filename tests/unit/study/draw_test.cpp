// SPDX-License-Identifier: Apache-2.0
#include "sim/study/draw.hpp"

#include "sim/base/random.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace aisle::sim {
namespace {

using namespace units;  // NOLINT: literals of a test
using workloads::Place;
using workloads::Stream;

constexpr auto kBf16 = static_cast<std::size_t>(topology::Precision::bf16);

power::PowerCurve curve() {
  power::PowerCurve curve;
  curve.idle = 100 * W;
  curve.active = 60 * W;
  curve.waiting = 40 * W;
  curve.limit = 700 * W;
  curve.flop.fill(0.5 * pJ / FLOP);
  curve.hbm = 100 * pJ / B;
  curve.scale_up = 40 * pJ / B;
  return curve;
}

std::vector<RankPower> powers(Watts cap = 700 * W) {
  return {RankPower(curve(), cap)};
}

/// Two ranks that compute, one of them twice, then reduce together.
struct Job {
  workloads::Plan plan;
  TimedPlan timed;

  explicit Job(double teraflops) {
    plan.ranks = {{"first", 3, 0}, {"second", 5, 1}};
    workloads::Work compute, reduce;
    compute.name = "compute";
    reduce.is_communication = true;
    plan.add_work(compute);
    plan.add_work(reduce);
    plan.add(0, {{0, Stream::compute}}, {}, workloads::Phase::forward);
    plan.add(0, {{0, Stream::compute}}, {}, workloads::Phase::forward);
    plan.add(0, {{1, Stream::compute}}, {}, workloads::Phase::forward);
    plan.add(1, {{0, Stream::collective}, {1, Stream::collective}}, {1, 2},
             workloads::Phase::communication);
    timed.plan = &plan;
    timed.works.resize(2);
    TimedWork& work = timed.works[0];
    work.alone = 1 * s;
    work.flops_by_precision[kBf16] = teraflops * TFLOP;
    work.hbm_bytes = 1 * TB;
    work.binding.tensor_s = 0.7;
    work.binding.memory_s = 0.2;
    work.binding.gaps_s = 0.1;
    work.widths = {{0.9 * s, 1}, {0.1 * s, 0}};
    work.family_seconds[0] = 1;
    timed.works[1].alone = 0.5 * s;
    timed.works[1].scale_up_bytes = 1 * TB;
  }

  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
};

TEST(Draw, StatesAndWork) {
  const Job job(400);
  const Execution execution = execute_analytic(job.timed);
  ASSERT_NEAR(execution.makespan.si(), 2.5, 1e-12);
  const auto draws = draws_of(job.timed, execution, powers());
  // 100 + 60 + 200 + 100 W while it computes, 100 + 40 + 80 W while it reduces.
  EXPECT_NEAR(mean_of(draws[0]).si(), (2 * 460 + 0.5 * 220) / 2.5, 1e-9);
  EXPECT_NEAR(mean_of(draws[1]).si(), (460 + 100 + 0.5 * 220) / 2.5, 1e-9);
  EXPECT_NEAR(draws[1].activity.computing.si(), 1, 1e-12);
  EXPECT_NEAR(draws[1].activity.waiting.si(), 0.5, 1e-12);
}

// Energy is the integral of power: of the draws, of any series of them, and, where no limit is in
// the way, of idle, states and work added up.
TEST(Draw, EnergyIsTheIntegralOfPower) {
  Random random(11, "draw");
  for (int i = 0; i < 50; ++i) {
    const Job job(600 * random.uniform());
    const Execution execution = execute_analytic(job.timed);
    const auto draws = draws_of(job.timed, execution, powers());
    const auto intervals = 1 + random.below(300);
    power::Series series{execution.makespan / static_cast<double>(intervals),
                         std::vector<double>(intervals)};
    double energy = 0, expected = 0;
    for (std::size_t r = 0; r < draws.size(); ++r) {
      const auto count = static_cast<double>(job.plan.ranks[r].multiplicity);
      add_to(series, draws[r], count);
      energy += count * (mean_of(draws[r]) * execution.makespan).si();
      expected += count * (power::demand(curve(), draws[r].activity) * execution.makespan).si();
    }
    EXPECT_NEAR(series.energy().si() / energy, 1, 1e-9);
    EXPECT_NEAR(expected / energy, 1, 1e-9);
  }
}

TEST(Draw, NeverAboveTheLimit) {
  const Job job(3000);
  const auto draws = draws_of(job.timed, execute_analytic(job.timed), powers());
  for (const RankDraw& draw : draws) {
    for (const double watts : draw.watts) EXPECT_LE(watts, 700);
  }
}

TEST(Draw, NeverBelowTheFloor) {
  const Job job(400);
  std::vector<RankPower> floor = powers();
  floor[0].warm.floor = 300 * W;
  for (const RankDraw& draw : draws_of(job.timed, execute_analytic(job.timed), floor)) {
    for (const double watts : draw.watts) EXPECT_TRUE(watts == 300 || watts > 459) << watts;
  }
}

// What is missing to the slowest fall is burnt: 460 W fall towards 220 for half a second.
TEST(Draw, FallsNoFasterThanAsked) {
  const Job job(400);
  std::vector<RankPower> slow = powers();
  slow[0].warm.fall = 200;  // W/s
  const auto draws = draws_of(job.timed, execute_analytic(job.timed), slow);
  EXPECT_NEAR(mean_of(draws[0]).si() * 2.5, 2 * 460 + 0.5 * (460 + 360) / 2, 1e-9);
  // The second falls from 460 to 260 while it waits for a second, then to the 220 of the reduction.
  EXPECT_NEAR(mean_of(draws[1]).si() * 2.5, 460 + 360 + 0.2 * 240 + 0.3 * 220, 1e-9);
  for (std::size_t i = 1; i < draws[1].watts.size(); ++i) {
    const double time = draws[1].start_s[i] - draws[1].start_s[i - 1];
    EXPECT_GT(draws[1].watts[i], draws[1].watts[i - 1] - 200 * 2 * time - 1e-9);
  }
}

TEST(Draw, CapSlowsTensorCoresAlone) {
  Job job(800);  // 660 W
  apply_power_caps(job.timed, powers());
  EXPECT_EQ(job.timed.works[0].alone.si(), 1);
  apply_power_caps(job.timed, powers(400 * W));
  const TimedWork& work = job.timed.works[0];
  const double clock = 0.7 / work.binding.tensor_s;
  EXPECT_LT(clock, 1);
  EXPECT_NEAR(work.alone.si(), 1 + 0.7 * (1 / clock - 1), 1e-9);
  EXPECT_NEAR(work.binding.sum(), work.alone.si(), 1e-12);
  EXPECT_NEAR(work.widths[0].time.si() + work.widths[1].time.si(), work.alone.si(), 1e-12);
  EXPECT_EQ(work.widths[1].time.si(), 0.1);
  EXPECT_EQ(job.timed.works[1].alone.si(), 0.5);  // communication
}

}  // namespace
}  // namespace aisle::sim
