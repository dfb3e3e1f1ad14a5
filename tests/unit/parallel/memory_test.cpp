// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/memory.hpp"

#include "tests/unit/parallel/fixture.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace aisle::workloads {
namespace {

using test::Ground;
using test::ground;

double use(const RankMemory& memory, const std::string& name) {
  for (const MemoryItem& item : memory.items) {
    if (item.use == name) return item.bytes.si();
  }
  ADD_FAILURE() << "no use " << name;
  return 0;
}

TEST(Memory, DeepSeekFitsEightyGigabytes) {
  const Ground on = test::deepseek_ground();
  const auto memory = parallel::memory_of(test::deepseek_job(on));
  ASSERT_EQ(memory.size(), 16u);
  for (const RankMemory& rank : memory) {
    EXPECT_LT(rank.total().in(units::GB), 80) << rank.pipeline_rank;
    // Mirrored ranks hold the same stages.
    const auto& mirror = memory[static_cast<std::size_t>(15 - rank.pipeline_rank)];
    EXPECT_DOUBLE_EQ(rank.total().si(), mirror.total().si());
  }
  parallel::Job kept = test::deepseek_job(on);
  kept.recompute = parallel::Recompute::none;
  EXPECT_GT(use(parallel::memory_of(kept)[1], "activations"), use(memory[1], "activations"));
}

TEST(Memory, WholeModelIsCountedOnce) {
  // Without pipeline, tensor and data parallelism one rank holds everything.
  const Ground on = ground("llama-3.1-8b", "h100-sxm", 8);
  Layout layout;
  layout.data = 8;
  layout.micro_batches = 1;
  parallel::Job job = test::job_of(on, layout, parallel::Schedule::one_f_one_b);
  const auto parameters = static_cast<double>(count_parameters(on.model).total);
  const RankMemory plain = parallel::memory_of(job)[0];
  EXPECT_NEAR(use(plain, "weights") / (2 * parameters), 1, 1e-9);
  EXPECT_NEAR(use(plain, "gradients") / (4 * parameters), 1, 1e-9);
  EXPECT_NEAR(use(plain, "optimizer") / (12 * parameters), 1, 1e-9);
  job.layout.zero = 1;
  EXPECT_NEAR(use(parallel::memory_of(job)[0], "optimizer") / (12 * parameters / 8), 1, 1e-9);
  job.layout.zero = 3;
  EXPECT_LT(use(parallel::memory_of(job)[0], "weights"), parameters);
}

TEST(Memory, EverySecondProductIsNotKept) {
  const Ground on = ground("llama-3.1-8b", "h100-sxm", 8);
  Layout layout;
  layout.data = 8;
  layout.micro_batches = 1;
  parallel::Job job = test::job_of(on, layout, parallel::Schedule::one_f_one_b);
  job.recompute = parallel::Recompute::selective;
  const double selective = use(parallel::memory_of(job)[0], "activations");
  job.recompute_parts = 1U << static_cast<unsigned>(parallel::Part::every_second_product);
  // Keys (8 heads of 128) and one of gate and up (14,336), two bytes each, in 32 layers.
  const double gone = 32.0 * static_cast<double>(job.tokens()) * 2 * (8 * 128 + 14336);
  EXPECT_NEAR((selective - use(parallel::memory_of(job)[0], "activations")) / gone, 1, 1e-9);
}

TEST(Memory, ActivationsFollowTheSchedule) {
  const Ground on = ground("llama-3.1-8b", "h100-sxm", 8);
  Layout layout;
  layout.pipeline = 8;
  layout.micro_batches = 16;
  const parallel::Job one = test::job_of(on, layout, parallel::Schedule::one_f_one_b);
  const parallel::Job all = test::job_of(on, layout, parallel::Schedule::gpipe);
  const auto kept = parallel::memory_of(one), gpipe = parallel::memory_of(all);
  double layer = 0;
  for (const Layer& candidate : on.model.layers) {
    if (candidate.kind == LayerKind::dense) layer = parallel::activation_bytes(one, candidate);
  }
  // Rank 3 has 5 micro-batches of its stage in flight under 1F1B, all 16 under GPipe.
  const double stage = layer * one.layout.stage_layers[3];
  EXPECT_NEAR(use(kept[3], "activations") / (5 * stage), 1, 1e-9);
  EXPECT_NEAR(use(gpipe[3], "activations") / (16 * stage), 1, 1e-9);
}

TEST(Memory, LlamaFitsWithShardedStates) {
  const Ground on = ground("llama-3.1-405b", "h100-sxm", 16384);
  Layout layout;
  layout.tensor = 8;
  layout.pipeline = 16;
  layout.data = 128;
  layout.virtual_stages = 8;
  layout.micro_batches = 16;
  layout.zero = 2;
  layout.stage_layers.assign(128, 1);
  layout.stage_layers.front() = layout.stage_layers.back() = 0;
  parallel::Job job = test::job_of(on, layout, parallel::Schedule::interleaved);
  job.sequence = 8192;
  for (const RankMemory& rank : parallel::memory_of(job)) {
    EXPECT_LT(rank.total().in(units::GB), 80) << rank.pipeline_rank;
  }
}

TEST(Memory, MisfitNamesAmountHoldersAndRemedy) {
  const Ground on = ground("llama-3.1-70b", "h100-sxm", 64);
  Diagnostics diagnostics;
  const auto result = test::placed(
      on, "sequence: 8192 global_batch: 64 parallel { tensor: 8 zero: 0 }", diagnostics);
  ASSERT_TRUE(result.has_value());
  ASSERT_TRUE(std::holds_alternative<Infeasible>(*result));
  const Infeasible& infeasible = std::get<Infeasible>(*result);
  EXPECT_NE(infeasible.reason.find("more than the 80"), std::string::npos) << infeasible.reason;
  EXPECT_NE(infeasible.reason.find("optimizer"), std::string::npos) << infeasible.reason;
  EXPECT_NE(infeasible.reason.find("It would fit with"), std::string::npos) << infeasible.reason;
  EXPECT_EQ(infeasible.memory.size(), 1u);
}

TEST(Memory, RemediesWithoutCostComeFirst) {
  const Ground on = ground("gpt-3-175b", "a100-80gb-sxm", 512);
  const auto reason = [&](const std::string& rest) -> std::string {
    Diagnostics diagnostics;
    const auto result = test::placed(on, "sequence: 2048 global_batch: 512 " + rest, diagnostics);
    if (!result || !std::holds_alternative<Infeasible>(*result)) return "fits";
    return std::get<Infeasible>(*result).reason;
  };
  const std::string layout = "parallel { tensor: 8 pipeline: 8 zero: 1 ";
  EXPECT_EQ(reason(layout + "}"), "fits");
  const std::string unfused =
      reason("micro_batch: 2 attention: unfused dropout: true " + layout + "}");
  EXPECT_NE(unfused.find("most: attention scores"), std::string::npos) << unfused;
  EXPECT_NE(unfused.find("attention = flash"), std::string::npos) << unfused;
  const std::string large = reason("micro_batch: 8 " + layout + "}");
  EXPECT_NE(large.find("It would fit with"), std::string::npos) << large;
}

TEST(Memory, FragmentationIsAShareOfWhatComesAndGoes) {
  const Ground on = ground("llama-3.1-8b", "h100-sxm", 8);
  Layout layout;
  layout.data = 8;
  layout.micro_batches = 1;
  layout.zero = 1;
  parallel::Job job = test::job_of(on, layout, parallel::Schedule::one_f_one_b);
  job.fragmentation = 0.1;
  const RankMemory memory = parallel::memory_of(job)[0];
  EXPECT_DOUBLE_EQ(use(memory, "fragmentation"),
                   0.1 * (use(memory, "activations") + use(memory, "buffers")));
}

}  // namespace
}  // namespace aisle::workloads
