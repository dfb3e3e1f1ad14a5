// SPDX-License-Identifier: Apache-2.0
// Chunks out of a step, and ranks that draw speed and expert loads each for itself.
#include "workloads/parallel/individual.hpp"

#include "tests/unit/parallel/fixture.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace aisle::workloads {
namespace {

using test::Ground;
using test::plan_of;
using test::work_of;

Ground small_moe() {
  return test::ground("deepseek-v3", "h800-sxm", 8,
                      "layers: 2 mtp_layers: 0 experts { routed: 32 first_dense: 0 }");
}

/// The fixture's models keep head and embedding, which a study's chunk leaves out.
Ground small_chunk() {
  Ground on = small_moe();
  std::erase_if(on.model.layers, [](const Layer& layer) { return layer.kind != LayerKind::moe; });
  return on;
}

std::string training(const std::string& more) {
  return "precision: \"fp8\" scaling: blocks recompute: selective ranks: individual parallel { "
         "expert: 8 schedule: dual_pipe } chunk { layers: 2 } " +
         more;
}

std::string messages(const std::string& text) {
  Diagnostics diagnostics;
  test::placed(small_chunk(), text, diagnostics);
  std::string all;
  for (const Diagnostic& d : diagnostics.all()) all += to_string(d) + "\n";
  return all;
}

/// Load of the first kernel that follows rows (or does not), by rank, layer and micro-batch.
std::map<std::tuple<int, int, int>, std::set<double>> loads(const Plan& plan, bool rows) {
  std::map<std::tuple<int, int, int>, std::set<double>> found;
  for (const Operation& operation : plan.operations) {
    const int rank = plan.places[static_cast<std::size_t>(operation.first_place)].rank;
    for (const Kernel& kernel : work_of(plan, operation).kernels) {
      if (kernel.follows_rows != rows) continue;
      found[{rank, operation.layer, operation.micro_batch}].insert(kernel.load);
    }
  }
  return found;
}

TEST(Chunk, IsOnePassForwardAndOneBackwardOfEachRank) {
  const TrainingPlan placed = plan_of(small_chunk(), training(""));
  EXPECT_EQ(placed.plan.ranks.size(), 8u);  // individual: unfolded although not asked for
  EXPECT_EQ(placed.tokens, 8 * 4096);
  std::map<std::string, int> count;
  for (const Operation& operation : placed.plan.operations) {
    ++count[work_of(placed.plan, operation).name];
    EXPECT_NE(operation.phase, Phase::optimizer);
  }
  const int layers = 2, ranks = 8;
  const std::map<std::string, int> expected = {{"attention forward", layers * ranks},
                                               {"attention backward", layers * ranks},
                                               {"attention weight gradients", layers * ranks},
                                               {"expert forward", layers * ranks},
                                               {"expert backward", layers * ranks},
                                               {"expert weight gradients", layers * ranks},
                                               {"expert dispatch", layers},
                                               {"expert combine", layers},
                                               {"expert gradient dispatch", layers},
                                               {"expert gradient combine", layers}};
  EXPECT_EQ(count, expected);
}

TEST(Chunk, RefusesWhatItCannotHave) {
  EXPECT_EQ(messages(training("global_batch: 8")), "");
  EXPECT_THAT(messages(training("global_batch: 16")), testing::HasSubstr("8 sequences"));
  EXPECT_THAT(messages("chunk { layers: 2 } parallel { pipeline: 2 }"),
              testing::HasSubstr("a chunk is of one pipeline rank"));
  EXPECT_THAT(messages("parallel { data: 8 }"), testing::HasSubstr("global_batch"));
}

TEST(Individual, NothingToDrawChangesNothing) {
  Plan plan = plan_of(small_chunk(), training("")).plan;
  draw_ranks(plan, {0, 0, 8, 1});
  for (const bool rows : {false, true}) {
    for (const auto& [key, found] : loads(plan, rows)) EXPECT_EQ(found, std::set<double>{1.0});
  }
}

TEST(Individual, WhatOneReceivesMoreOthersReceiveLess) {
  Plan plan = plan_of(small_chunk(), training("")).plan;
  draw_ranks(plan, {0, 0.1, 8, 1});
  for (const auto& [key, found] : loads(plan, false)) EXPECT_EQ(found, std::set<double>{1.0});
  std::map<std::pair<int, int>, double> sum;
  std::set<double> all;
  for (const auto& [key, found] : loads(plan, true)) {
    ASSERT_EQ(found.size(), 1u);  // backward and weight gradients alike
    sum[{std::get<1>(key), std::get<2>(key)}] += *found.begin();
    all.insert(*found.begin());
  }
  EXPECT_EQ(sum.size(), 4u);  // two layers, two micro-batches
  for (const auto& [key, rows] : sum) EXPECT_NEAR(rows, 8, 1e-12);
  EXPECT_EQ(all.size(), 32u);
}

TEST(Individual, ASpeedBelongsToTheRank) {
  Plan plan = plan_of(small_chunk(), training("")).plan;
  draw_ranks(plan, {0.02, 0, 8, 1});
  std::map<int, std::set<double>> by_rank;
  for (const bool rows : {false, true}) {
    for (const auto& [key, found] : loads(plan, rows)) {
      by_rank[std::get<0>(key)].insert(found.begin(), found.end());
    }
  }
  std::set<double> speeds;
  for (const auto& [rank, found] : by_rank) {
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NEAR(*found.begin(), 1, 0.1);
    speeds.insert(*found.begin());
  }
  EXPECT_EQ(speeds.size(), 8u);
  Plan again = plan_of(small_chunk(), training("")).plan, other = again;
  draw_ranks(again, {0.02, 0, 8, 1});
  draw_ranks(other, {0.02, 0, 8, 2});
  EXPECT_EQ(loads(again, false), loads(plan, false));
  EXPECT_NE(loads(other, false), loads(plan, false));
}

TEST(Individual, OrderStatisticsAreLeftOut) {
  for (const bool individual : {false, true}) {
    const TrainingPlan placed =
        plan_of(small_chunk(),
                "precision: \"fp8\" scaling: blocks chunk { layers: 2 } parallel { "
                "expert: 8 schedule: dual_pipe } ranks: " +
                    std::string(individual ? "individual" : "alike"));
    const auto found = loads(placed.plan, true);
    ASSERT_FALSE(found.empty());
    for (const auto& [key, each] : found) EXPECT_EQ(each == std::set<double>{1.0}, individual);
  }
}

// Weight gradients that are put off run over all layers in one go: their rows are the mean.
TEST(Individual, PutOffWeightGradientsHaveTheMeanOfTheirLayers) {
  const Ground on = test::ground("deepseek-v3", "h800-sxm", 16,
                                 "layers: 8 mtp_layers: 0 experts { routed: 32 first_dense: 0 }");
  Plan plan = plan_of(on,
                      "global_batch: 64 precision: \"fp8\" scaling: blocks ranks: individual "
                      "parallel { pipeline: 4 expert: 4 zero: 1 schedule: dual_pipe "
                      "stage_layers: [2, 2, 2, 2] }")
                  .plan;
  draw_ranks(plan, {0, 0.1, 4, 1});
  const auto found = loads(plan, true);
  int checked = 0;
  for (const auto& [key, each] : found) {
    const auto [rank, layer, micro_batch] = key;
    ASSERT_EQ(each.size(), 1u);
    if (layer >= 0) continue;
    double sum = 0;
    int layers = 0;
    for (const auto& [other, load] : found) {
      if (std::get<0>(other) != rank || std::get<2>(other) != micro_batch) continue;
      if (std::get<1>(other) < 0) continue;
      sum += *load.begin();
      ++layers;
    }
    EXPECT_EQ(layers, 2);
    EXPECT_NEAR(*each.begin(), sum / layers, 1e-12);
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

}  // namespace
}  // namespace aisle::workloads
