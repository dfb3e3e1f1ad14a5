// SPDX-License-Identifier: Apache-2.0
// Where experts lie, what their ranks then receive, and what a plan makes of it.
#include "workloads/parallel/uneven.hpp"

#include "sim/base/random.hpp"
#include "tests/unit/parallel/fixture.hpp"
#include "workloads/parallel/expert_placement.hpp"
#include "workloads/parallel/individual.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace aisle::workloads {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

/// Load of each rank under a placement.
std::vector<double> by_rank(const std::vector<double>& loads, const ExpertPlacement& placement,
                            int ranks) {
  std::vector<double> sums(static_cast<std::size_t>(ranks), 0);
  const std::size_t per_rank = placement.slots.size() / sums.size();
  for (std::size_t slot = 0; slot < placement.slots.size(); ++slot) {
    const auto expert = static_cast<std::size_t>(placement.slots[slot]);
    sums[slot / per_rank] += loads[expert] / placement.copies[expert];
  }
  return sums;
}

TEST(Placement, HeaviestFirstToTheLightestWithRoom) {
  const std::vector<double> loads{8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_THAT(by_rank(loads, balanced_experts(loads, {8, 4, 1, 1}), 4), Each(9));
  EXPECT_THAT(by_rank(loads, experts_in_order(8), 4), ElementsAre(15, 11, 7, 3));
}

TEST(Placement, CopiesGoToWhereMostIsCarried) {
  const std::vector<double> loads{90, 30, 10, 10};
  const ExpertPlacement placed = balanced_experts(loads, {8, 4, 1, 1});
  EXPECT_THAT(placed.copies, ElementsAre(4, 2, 1, 1));
  EXPECT_THAT(by_rank(loads, placed, 4), Each(DoubleNear(35, 3)));
}

TEST(Placement, GroupsStayTogetherOnANode) {
  // Four groups of two experts, two nodes of two ranks: the heaviest group goes with the lightest.
  const std::vector<double> loads{10, 10, 6, 6, 5, 5, 1, 1};
  const ExpertPlacement placed = balanced_experts(loads, {8, 4, 4, 2});
  const std::set<int> first(placed.slots.begin(), placed.slots.begin() + 4);
  EXPECT_THAT(first, ElementsAre(0, 1, 6, 7));
}

TEST(Placement, EveryExpertHasItsCopiesForAnyLoads) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<double> loads(64);
    for (double& load : loads) load = random.exponential();
    const ExpertPlacement placed = balanced_experts(loads, {80, 16, 8, 4});
    std::vector<int> seen(loads.size(), 0);
    for (const int expert : placed.slots) ++seen[static_cast<std::size_t>(expert)];
    EXPECT_EQ(seen, placed.copies);
    EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), 80);
    EXPECT_GE(*std::min_element(seen.begin(), seen.end()), 1);
  }
}

// --- recorded loads on ranks ---

ExpertLoads recorded(int experts, std::vector<int> layers, std::vector<double> tokens) {
  return {experts, std::move(layers), {""}, std::move(tokens)};
}

ModelGraph model_of(int experts, int layers) {
  ModelGraph model;
  for (int i = 0; i < layers; ++i) {
    Layer layer;
    layer.kind = LayerKind::moe;
    layer.feed_forward.experts = experts;
    layer.feed_forward.top_k = 2;
    layer.number = i;
    model.layers.push_back(layer);
  }
  return model;
}

TEST(UnevenExperts, RanksGetTheLoadsOfTheirExperts) {
  const UnevenExperts uneven(model_of(4, 1), recorded(4, {0}, {4, 2, 1, 1}), {}, 2, 1);
  EXPECT_THAT(uneven.at(0, 0).rows, ElementsAre(1.5, 0.5));
  EXPECT_DOUBLE_EQ(uneven.summary().placed, 1.5);
  EXPECT_DOUBLE_EQ(uneven.summary().hottest_expert, 2);
  EXPECT_EQ(uneven.summary().dropped, 0);
  // Chances 1, 0.5 | 0.25, 0.25: at least one of them 1 | 0.4375; with even loads 0.75.
  EXPECT_DOUBLE_EQ(uneven.at(0, 0).copies[0], 1 / 0.75);
  EXPECT_DOUBLE_EQ(uneven.at(0, 0).copies[1], 0.4375 / 0.75);
}

TEST(UnevenExperts, LayersOfEqualWidthMeetByNumberOthersStandInARow) {
  const ExpertLoads loads = recorded(2, {0, 3}, {3, 1, 1, 7});
  const UnevenExperts same(model_of(2, 4), loads, {}, 2, 1);
  EXPECT_TRUE(same.same_experts());
  for (const int layer : {0, 1}) EXPECT_THAT(same.at(0, layer).rows, ElementsAre(1.5, 0.5));
  for (const int layer : {2, 3}) EXPECT_THAT(same.at(0, layer).rows, ElementsAre(0.25, 1.75));
  const UnevenExperts wider(model_of(4, 2), loads, {}, 4, 1);
  EXPECT_FALSE(wider.same_experts());
  EXPECT_THAT(wider.at(0, 0).rows, ElementsAre(1.5, 0.5, 0.25, 1.75));
  EXPECT_EQ(wider.at(0, 1).rows, wider.at(0, 0).rows);
}

TEST(UnevenExperts, CapacityDropsWhatIsBeyond) {
  const UnevenExperts uneven(model_of(4, 1), recorded(4, {0}, {5, 1, 1, 1}), {1.25, 0, false}, 4,
                             1);
  EXPECT_THAT(uneven.at(0, 0).rows, ElementsAre(1.25, 0.5, 0.5, 0.5));
  EXPECT_DOUBLE_EQ(uneven.summary().dropped, (2.5 - 1.25) / 4);
}

TEST(UnevenExperts, BalancingAndCopiesFlatten) {
  const ExpertLoads loads = recorded(8, {0}, {20, 4, 4, 4, 2, 2, 2, 2});
  const UnevenExperts plain(model_of(8, 1), loads, {}, 4, 1);
  const UnevenExperts balanced(model_of(8, 1), loads, {0, 0, true}, 4, 1);
  const UnevenExperts copies(model_of(8, 1), loads, {0, 4, true}, 4, 1);
  EXPECT_DOUBLE_EQ(plain.summary().placed, 2.4);
  EXPECT_DOUBLE_EQ(balanced.summary().placed, 2.2);
  EXPECT_LT(copies.summary().placed, 1.25);
  EXPECT_DOUBLE_EQ(copies.summary().in_order, 2.4);
}

TEST(UnevenExperts, FeltIsTheMostLoadedOverAllLayersOfAPair) {
  const UnevenExperts uneven(model_of(2, 2), recorded(2, {0, 1}, {3, 1, 1, 3}), {}, 2, 1);
  EXPECT_DOUBLE_EQ(uneven.felt({0}).rows, 1.5);
  EXPECT_DOUBLE_EQ(uneven.felt({0, 1}).rows, 1);
}

// --- in a plan ---

/// Two layers of 16 experts on 16 accelerators, of which 8 share the experts.
test::Ground small() {
  return test::ground(
      "deepseek-v3", "h800-sxm", 16,
      "layers: 2 mtp_layers: 0 experts { routed: 16 first_dense: 0 groups: 1 group_limit: 0 }");
}

std::string training(const std::string& more) {
  return "sequence: 4096 global_batch: 64 precision: \"fp8\" scaling: blocks recompute: selective "
         "parallel { expert: 8 zero: 1 } " +
         more;
}

/// Experts 0 and 1 get five times what others get in layer 0, experts 14 and 15 in layer 1.
ExpertLoads two_hot() {
  std::vector<double> tokens(32, 1);
  tokens[0] = tokens[1] = tokens[30] = tokens[31] = 5;
  return recorded(16, {0, 1}, std::move(tokens));
}

std::set<double> kernel_loads(const Plan& plan) {
  std::set<double> found;
  for (const Operation& operation : plan.operations) {
    for (const Kernel& kernel : test::work_of(plan, operation).kernels) {
      if (kernel.follows_rows) found.insert(kernel.load);
    }
  }
  return found;
}

double hottest_rank(const Plan& plan) {
  double most = 0;
  for (const Operation& operation : plan.operations) {
    const Work& work = test::work_of(plan, operation);
    if (work.is_communication) most = std::max(most, work.communication.hottest_rank);
  }
  return most;
}

TEST(RecordedPlan, OneForAllWorksAsLongAsTheMostLoadedRank) {
  const ExpertLoads loads = two_hot();
  const TrainingPlan placed =
      test::plan_of(small(), training("routing {}"), Folding::folded, &loads);
  EXPECT_THAT(kernel_loads(placed.plan), ElementsAre(DoubleNear(10.0 * 8 / 24, 1e-12)));
  EXPECT_GT(hottest_rank(placed.plan), 1.2);
  EXPECT_FALSE(placed.rows);
  EXPECT_DOUBLE_EQ(placed.experts->placed, 10.0 * 8 / 24);
}

TEST(RecordedPlan, RanksOfAnExpertGroupStandForAllGroups) {
  const ExpertLoads loads = two_hot();
  TrainingPlan placed =
      test::plan_of(small(), training("routing {} ranks: expert_ranks"), Folding::folded, &loads);
  ASSERT_EQ(placed.plan.ranks.size(), 8U);
  for (const Rank& rank : placed.plan.ranks) EXPECT_EQ(rank.multiplicity, 2);
  EXPECT_THAT(kernel_loads(placed.plan), ElementsAre(1));
  Chance chance;
  chance.recorded = placed.rows;
  chance.expert_ranks = 8;
  draw_ranks(placed.plan, chance);
  EXPECT_THAT(kernel_loads(placed.plan),
              ElementsAre(DoubleNear(2.0 * 8 / 24, 1e-12), DoubleNear(10.0 * 8 / 24, 1e-12)));
}

TEST(RecordedPlan, StepsAreTakenInTurn) {
  ExpertLoads loads = two_hot();
  loads.steps = {"a", "b"};
  loads.tokens.insert(loads.tokens.end(), 32, 1.0);  // even in the second
  const TrainingPlan placed =
      test::plan_of(small(), training("routing {} ranks: expert_ranks"), Folding::folded, &loads);
  // Layers count the embedding.
  EXPECT_DOUBLE_EQ(placed.rows(0, 1, 0), 10.0 * 8 / 24);
  EXPECT_DOUBLE_EQ(placed.rows(0, 1, 1), 1);
  EXPECT_DOUBLE_EQ(placed.rows(0, 1, 2), 10.0 * 8 / 24);
}

TEST(RecordedPlan, CopiesTakeMemory) {
  const ExpertLoads loads = two_hot();
  const auto weights = [&](const std::string& routing) {
    const TrainingPlan placed = test::plan_of(small(), training(routing), Folding::folded, &loads);
    return placed.memory[0].items[0].bytes.si();
  };
  const double plain = weights("routing {}");
  const double copies = weights("routing { placement: balanced redundant_experts: 8 }");
  // Two layers of one expert more: three matrices of 7168 x 2048 in two bytes.
  EXPECT_DOUBLE_EQ(copies - plain, 2 * 3 * 7168.0 * 2048 * 2);
}

TEST(RecordedPlan, WhatContradictsIsExplained) {
  const auto refused = [](const std::string& routing, bool with_loads) {
    const ExpertLoads loads = two_hot();
    Diagnostics diagnostics;
    test::placed(small(), training(routing), diagnostics, Folding::folded,
                 with_loads ? &loads : nullptr);
    std::string all;
    for (const Diagnostic& d : diagnostics.all()) all += to_string(d) + "\n";
    return all;
  };
  EXPECT_THAT(refused("routing { placement: balanced }", false), HasSubstr("none are given"));
  EXPECT_THAT(refused("routing { redundant_experts: 8 }", true), HasSubstr("placement: balanced"));
  EXPECT_THAT(refused("routing { placement: balanced redundant_experts: 9 }", true),
              HasSubstr("(8 or 16)"));
  EXPECT_THAT(refused("routing { capacity_factor: 0 }", true), HasSubstr("must be above 0"));
}

TEST(Capacity, ClosedFormOfNormalLoads) {
  // Two experts a rank, rank spread 0.1: an expert's is 0.1414, and 1.2 lies 1.414 of it above.
  const TrainingPlan placed =
      test::plan_of(small(), training("expert_load_spread: 0.1 routing { capacity_factor: 1.2 }"));
  EXPECT_NEAR(placed.experts->dropped, 0.00502, 2e-4);
}

}  // namespace
}  // namespace aisle::workloads
