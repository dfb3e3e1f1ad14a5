// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parallel/fixture.hpp"
#include "workloads/parallel/stages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

namespace aisle::workloads {
namespace {

using test::Ground;
using test::ground;
using test::plan_of;

const char* const kSmallMoe = "layers: 8 experts { routed: 32 }";

Ground small_moe() {
  return ground("deepseek-v3", "h800-sxm", 64, kSmallMoe);
}

std::string training(const std::string& parallel, const std::string& rest = "") {
  return "sequence: 4096 global_batch: 64 micro_batch: 1 precision: \"fp8\" scaling: blocks "
         "recompute: selective "
         "states { optimizer_moments: \"bf16\" }\n parallel { " +
         parallel + " }\n" + rest;
}

const char* const kLayouts[] = {
    "tensor: 2 pipeline: 4 data: 8 expert: 4 zero: 1 schedule: dual_pipe",
    "tensor: 2 pipeline: 4 data: 8 expert: 4 zero: 1",
    "tensor: 2 pipeline: 4 data: 8 expert: 4 zero: 0 schedule: gpipe",
    ("tensor: 2 pipeline: 2 data: 8 context: 2 expert: 8 zero: 2 schedule: interleaved "
     "virtual_stages: 2"),
    "tensor: 1 pipeline: 1 data: 64 expert: 32 zero: 3",
    "tensor: 2 pipeline: 4 data: 8 expert: 4 zero: 1 schedule: dual_pipe overlap: false",
    "tensor: 1 pipeline: 2 data: 32 expert: 32 zero: 1 overlap: false",
};

/// Forward FLOPs of one step by the models' count, without the attention core.
double matrix_flops(const ModelGraph& model, double tokens, int sequence) {
  double sum = 0;
  for (const Layer& layer : model.layers) {
    sum += forward_flops(model, layer, 1, sequence).si();
    const AttentionShape& a = layer.attention;
    sum -= a.heads * static_cast<double>(a.qk_dim + a.v_dim) * sequence;  // causal
  }
  return sum * tokens;
}

TEST(Plan, FlopsAreThoseOfTheModel) {
  const Ground on = ground("llama-3.1-405b", "h100-sxm", 64, "layers: 8");
  const std::string text =
      "sequence: 8192 global_batch: 32 parallel { tensor: 8 pipeline: 4 zero: 1 } ";
  const TrainingPlan placed = plan_of(on, text);
  EXPECT_DOUBLE_EQ(placed.tokens, 32.0 * 8192);
  const double forward = matrix_flops(on.model, placed.tokens, 8192);
  EXPECT_NEAR(test::plan_flops(placed.plan, false) / (3 * forward), 1, 1e-9);
  // Attention: forward two products of the causal half, backward five.
  const double core = placed.tokens * 8192 * 8 * 128 * (2 * 128 + 5 * 128);
  EXPECT_NEAR(test::plan_flops(placed.plan, true) / core, 1, 1e-9);
  EXPECT_NEAR(placed.model_flops.si(),
              training_flops_per_token(on.model, 8192, true).si() * placed.tokens, 1);
}

TEST(Plan, ModelFlopsLeaveOutThePredictionModule) {
  // Published: 385 TFLOP/s at 1,542 tokens/s per chip, 249.7 GFLOP per token.
  const Ground on = small_moe();
  const TrainingPlan placed =
      plan_of(on, training("tensor: 2 pipeline: 4 data: 8 expert: 4 zero: 1"));
  const auto count = [&](bool with_module) {
    return training_flops_per_token(on.model, 4096, with_module).si() * placed.tokens;
  };
  EXPECT_DOUBLE_EQ(placed.model_flops.si(), count(false));
  EXPECT_GT(count(true), count(false));
}

TEST(Plan, FullRecomputationRunsLayersForwardTwice) {
  const Ground on = ground("llama-3.1-405b", "h100-sxm", 64, "layers: 8");
  const std::string text =
      "sequence: 8192 global_batch: 32 parallel { tensor: 8 pipeline: 4 zero: 1 } ";
  const double plain = test::plan_flops(plan_of(on, text).plan, false);
  const double again = test::plan_flops(plan_of(on, text + "recompute: full").plan, false);
  double head = 0;
  for (const Layer& layer : on.model.layers) {
    if (layer.kind == LayerKind::head) head = forward_flops(on.model, layer, 1, 8192).si();
  }
  const double forward = plain / 3 - head * 32 * 8192;
  EXPECT_NEAR((again - plain) / forward, 1, 1e-9);
}

TEST(Plan, MoeFlopsAreThoseOfTheModel) {
  const Ground on = small_moe();
  for (const char* layout : kLayouts) {
    SCOPED_TRACE(layout);
    const TrainingPlan placed = plan_of(on, training(layout));
    const auto layers = static_cast<double>(on.model.transformer_layers() + 1);
    // MLA up-projections once more.
    const double recomputed = 2.0 * placed.tokens * layers * (24576.0 * 1536 + 32768.0 * 512);
    const double expected = 3 * matrix_flops(on.model, placed.tokens, 4096) + recomputed;
    EXPECT_NEAR(test::plan_flops(placed.plan, false) / expected, 1, 1e-6);
  }
}

TEST(Plan, NoScheduleLocksUp) {
  const Ground on = small_moe();
  for (const char* layout : kLayouts) {
    SCOPED_TRACE(layout);
    for (const Folding folding : {Folding::folded, Folding::unfolded}) {
      const TrainingPlan placed = plan_of(on, training(layout), folding);
      EXPECT_FALSE(test::unit_times(placed.plan).empty());
    }
  }
}

TEST(Plan, FoldedAndUnfoldedTakeTheSameUnitTime) {
  const Ground on = small_moe();
  for (const char* layout : kLayouts) {
    SCOPED_TRACE(layout);
    const auto folded = plan_of(on, training(layout));
    const auto unfolded = plan_of(on, training(layout), Folding::unfolded);
    const auto a = test::unit_times(folded.plan), b = test::unit_times(unfolded.plan);
    ASSERT_FALSE(a.empty());
    ASSERT_FALSE(b.empty());
    EXPECT_DOUBLE_EQ(*std::max_element(a.begin(), a.end()), *std::max_element(b.begin(), b.end()));
    EXPECT_EQ(unfolded.plan.ranks.size(), 64u);
    EXPECT_NEAR(test::plan_flops(folded.plan, false) / test::plan_flops(unfolded.plan, false), 1,
                1e-12);
  }
}

TEST(Plan, RanksStandForTheWholeCluster) {
  const Ground on = small_moe();
  const auto count = [](const Plan& plan) {
    return std::accumulate(
        plan.ranks.begin(), plan.ranks.end(), std::int64_t{0},
        [](std::int64_t sum, const Rank& rank) { return sum + rank.multiplicity; });
  };
  EXPECT_EQ(count(plan_of(on, training(kLayouts[0])).plan), 64);
  EXPECT_EQ(count(plan_of(on, training(kLayouts[0]), Folding::unfolded).plan), 64);
}

/// Bytes of all operations of one name at the ranks of the plan, representatives counted once.
double bytes_of(const Plan& plan, const std::string& name) {
  double sum = 0;
  for (const Operation& operation : plan.operations) {
    const Work& work = plan.works[static_cast<std::size_t>(operation.work)];
    if (work.name == name) sum += work.communication.bytes.si() * operation.places;
  }
  return sum;
}

TEST(Plan, EveryGradientIsReducedOnce) {
  const Ground on = small_moe();
  std::int64_t parameters = 0;
  std::int64_t experts = 0;
  for (const Layer& layer : on.model.layers) {
    parameters += count_parameters(on.model, layer).total;
    experts += count_parameters(on.model, layer).routed_experts;
  }
  const std::string text =
      "sequence: 4096 global_batch: 128 precision: \"fp8\" scaling: blocks recompute: selective "
      "parallel { pipeline: 4 expert: 8 zero: 1 schedule: dual_pipe }";
  const Plan plan = plan_of(on, text).plan;
  // Each stage's gradients once at each of its two holders; a rank has 1/8 of the routed experts.
  const double held = static_cast<double>(parameters - experts) + static_cast<double>(experts) / 8;
  EXPECT_NEAR(bytes_of(plan, "gradient reduce-scatter") / (2 * 4 * held), 1, 1e-9);
  EXPECT_NEAR(bytes_of(plan, "weight all-gather") / (2 * 2 * held), 1, 1e-9);
}

TEST(Plan, MessagesCarryEveryMicroBatchOverEveryBorder) {
  const Ground on = small_moe();
  const Plan plan = plan_of(on, training(kLayouts[0])).plan;
  // 8 micro-batches over 3 borders, each way, a tensor-parallel rank's half of the tokens; counted
  // at sender and receiver.
  const double one = 4096.0 / 2 * 7168 * 2;
  EXPECT_DOUBLE_EQ(bytes_of(plan, "pipeline forward"), 2 * 8 * 3 * one);
  EXPECT_DOUBLE_EQ(bytes_of(plan, "pipeline backward"), 2 * 8 * 3 * one);
}

TEST(Plan, ExchangesCarryTheirFormats) {
  const Ground on = small_moe();
  const Plan plan = plan_of(on, training(kLayouts[0])).plan;
  for (const Work& work : plan.works) {
    if (work.name == "expert dispatch" || work.name == "expert gradient dispatch") {
      EXPECT_DOUBLE_EQ(work.communication.bytes.si(), 2048.0 * 7392);
    }
    if (work.name == "expert combine" || work.name == "expert gradient combine") {
      EXPECT_DOUBLE_EQ(work.communication.bytes.si(), 2048.0 * 14336);
      EXPECT_EQ(work.communication.group.size, 4);
      EXPECT_EQ(work.communication.group.domains, 1);
    }
  }
}

TEST(Plan, DeepSeekStaysSmall) {
  const Ground on = test::deepseek_ground();
  const std::string text =
      "sequence: 4096 global_batch: 15360 precision: \"fp8\" scaling: blocks recompute: selective "
      "states { optimizer_moments: \"bf16\" } "
      "parallel { pipeline: 16 data: 128 expert: 64 zero: 1 schedule: dual_pipe }";
  const TrainingPlan placed = plan_of(on, text);
  EXPECT_EQ(placed.layout.micro_batches, 120);
  EXPECT_EQ(placed.plan.ranks.size(), 16u);
  EXPECT_LT(placed.plan.operations.size(), 80000u);  // half of it after mirrored ranks are merged
  EXPECT_LT(placed.plan.works.size(), 100u);
}

TEST(Plan, MoreReplicasAreNoMoreOperations) {
  const std::string text =
      "sequence: 4096 precision: \"fp8\" scaling: blocks recompute: selective "
      "states { optimizer_moments: \"bf16\" } ";
  std::size_t operations = 0;
  for (const int data : {128, 1024}) {
    const Ground on = ground("deepseek-v3", "h800-sxm", data * 16);
    const TrainingPlan placed =
        plan_of(on, text + "global_batch: " + std::to_string(data * 40) +
                        " parallel { pipeline: 16 expert: 64 zero: 1 schedule: dual_pipe }");
    if (operations == 0) operations = placed.plan.operations.size();
    EXPECT_EQ(placed.plan.operations.size(), operations);
  }
}

TEST(Stages, BalancedByCost) {
  const Ground on = test::deepseek_ground();
  const auto layers = parallel::balanced_stage_layers(on.model, 16, 4096);
  EXPECT_EQ(std::accumulate(layers.begin(), layers.end(), 0), 61);
  EXPECT_LT(layers.back(), 3);  // head and prediction module weigh as much as four layers
  EXPECT_LE(*std::max_element(layers.begin(), layers.end()), 5);
  const Ground llama = ground("llama-3.1-405b", "h100-sxm", 64);
  const auto whole = parallel::balanced_stage_layers(llama.model, 1, 8192);
  EXPECT_EQ(whole, std::vector<int>{126});
}

}  // namespace
}  // namespace aisle::workloads
