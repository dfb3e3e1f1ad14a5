// SPDX-License-Identifier: Apache-2.0
// Which passes feel the most loaded expert-parallel rank of each layer, and which exchanges run
// beside computation.
#include "sim/base/statistics.hpp"
#include "tests/unit/parallel/fixture.hpp"
#include "workloads/parallel/layers.hpp"
#include "workloads/parallel/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

namespace aisle::workloads {
namespace {

using test::Ground;
using test::plan_of;

constexpr double kSpread = 0.1;

/// Every layer has experts, two layers a stage, no prediction module.
Ground all_experts() {
  return test::ground("deepseek-v3", "h800-sxm", 32,
                      "layers: 8 mtp_layers: 0 experts { routed: 32 first_dense: 0 }");
}

std::string training(const std::string& schedule, const std::string& spread = "0.1") {
  return "sequence: 4096 global_batch: 80 precision: \"fp8\" scaling: blocks recompute: selective "
         "expert_load_spread: " +
         spread + " parallel { pipeline: 4 expert: 8 zero: 1 stage_layers: [2, 2, 2, 2] " +
         schedule + " }";
}

/// Loads of a family's kernels that operations use (the table of works may hold more).
std::set<double> loads(const Plan& plan, Family family) {
  std::set<double> found;
  for (const Operation& operation : plan.operations) {
    for (const Kernel& kernel : test::work_of(plan, operation).kernels) {
      if (kernel.family == family) found.insert(kernel.load);
    }
  }
  return found;
}

/// Expert exchanges that operations of the plan carry out, with the flag or without.
int exchanges(const Plan& plan, bool beside) {
  int count = 0;
  for (const Operation& operation : plan.operations) {
    const Work& work = test::work_of(plan, operation);
    if (!work.is_communication) continue;
    const Communication& c = work.communication;
    const bool expert = c.kind == CollectiveKind::dispatch || c.kind == CollectiveKind::combine;
    if (!expert) { EXPECT_FALSE(c.beside_computation) << work.name; }
    if (expert && c.beside_computation == beside) ++count;
  }
  return count;
}

TEST(Exposure, ClosedForms) {
  const Ground on = test::deepseek_ground();
  parallel::Job job = test::deepseek_job(on);
  job.expert_load_spread = 0.076;
  const double most = 0.076 * expected_maximum(64);
  EXPECT_NEAR(most, 0.18, 0.005);
  EXPECT_DOUBLE_EQ(parallel::exposed(job).expert_load, 1 + most);
  EXPECT_FALSE(parallel::exposed(job).beside_computation);
  EXPECT_DOUBLE_EQ(parallel::overlapped(job, 8).expert_load, 1 + most / std::sqrt(8.0));
  EXPECT_TRUE(parallel::overlapped(job, 8).beside_computation);
  EXPECT_DOUBLE_EQ(parallel::overlapped(job, 0).expert_load, 1 + most);
  job.expert_load_spread = 0;
  EXPECT_EQ(parallel::exposed(job).expert_load, 1);
  EXPECT_EQ(parallel::overlapped(job, 8).expert_load, 1);
  job.expert_load_spread = 0.076;
  job.layout.expert = 1;
  EXPECT_EQ(parallel::exposed(job).expert_load, 1);
}

// The rows of the eight layers of deepseek-ai/profile-data @ 4496024 : train.json.
TEST(Exposure, DefaultSpreadIsThatOfTheTrace) {
  const double rows[] = {28984, 28856, 34144, 29128, 32120, 30048, 30584, 26592};
  double sum = 0, squares = 0;
  for (const double r : rows) sum += r / 8;
  for (const double r : rows) squares += (r - sum) * (r - sum);
  EXPECT_NEAR(std::sqrt(squares / 7) / sum, 0.076, 0.001);
}

TEST(Exposure, ExposedPassesFeelEveryLayer) {
  const Ground on = all_experts();
  const double load = 1 + kSpread * expected_maximum(8);
  for (const char* schedule :
       {"", "schedule: gpipe", "schedule: dual_pipe overlap: false", "overlap: false"}) {
    SCOPED_TRACE(schedule);
    const Plan plan = plan_of(on, training(schedule)).plan;
    // Weight gradients that DualPipe puts off meet no exchange.
    const bool puts_off = std::string(schedule).find("dual_pipe") != std::string::npos;
    EXPECT_EQ(loads(plan, Family::grouped_gemm).count(load), 1u);
    EXPECT_EQ(loads(plan, Family::grouped_gemm).size(), puts_off ? 2u : 1u);
    for (const Family family : {Family::gemm, Family::mla}) {
      EXPECT_EQ(loads(plan, family), std::set<double>{1.0});
    }
    EXPECT_EQ(exchanges(plan, true), 0);
    EXPECT_EQ(exchanges(plan, false), 4 * 8 * 10);  // exchanges x layers x micro-batches
  }
}

TEST(Exposure, PairsFeelTheirLayersTogether) {
  const Ground on = all_experts();
  const Plan plan = plan_of(on, training("schedule: dual_pipe")).plan;
  const double most = kSpread * expected_maximum(8);
  // Two layers forward and two backward.
  EXPECT_EQ(loads(plan, Family::grouped_gemm), (std::set<double>{1 + most, 1 + most / 2}));
  for (const Family family : {Family::gemm, Family::mla}) {
    EXPECT_EQ(loads(plan, family), std::set<double>{1.0});
  }
}

TEST(Exposure, OnlyExchangesInPairsRunBesideComputation) {
  const Ground on = all_experts();
  const auto placed = plan_of(on, training("schedule: dual_pipe"));
  const parallel::Job job = test::job_of(on, placed.layout, parallel::Schedule::dual_pipe);
  int pairs = 0;
  for (int rank = 0; rank < 4; ++rank) {
    for (const parallel::Action& action : parallel::program(job, rank)) {
      if (action.kind == parallel::Action::Kind::pair) ++pairs;
    }
  }
  EXPECT_GT(pairs, 0);
  // Two layers forward and two backward, each with an exchange there and back.
  EXPECT_EQ(exchanges(placed.plan, true), 8 * pairs);
  EXPECT_EQ(exchanges(placed.plan, false), 4 * 8 * 10 - 8 * pairs);
}

TEST(Exposure, NoSpreadIsNoLoad) {
  const Ground on = all_experts();
  for (const char* schedule : {"", "schedule: dual_pipe"}) {
    const Plan plan = plan_of(on, training(schedule, "0")).plan;
    EXPECT_EQ(loads(plan, Family::grouped_gemm), std::set<double>{1.0});
  }
}

TEST(Exposure, CaveatNamesTheLoad) {
  const auto placed = plan_of(all_experts(), training(""));
  ASSERT_FALSE(placed.caveats.empty());
  EXPECT_NE(placed.caveats.front().find("expert_load_spread 0.1"), std::string::npos);
  EXPECT_NE(placed.caveats.front().find("most loaded of 8"), std::string::npos);
}

}  // namespace
}  // namespace aisle::workloads
