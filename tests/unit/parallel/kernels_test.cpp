// SPDX-License-Identifier: Apache-2.0
// Kernels of one DeepSeek-V3 layer against the table deduced from deepseek-ai/profile-data
// @ 4496024 : train.json (4096 tokens, FP8, 64 expert-parallel ranks).
#include "tests/unit/parallel/fixture.hpp"
#include "workloads/parallel/layers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aisle::workloads::parallel {
namespace {

class DeepSeekKernels : public testing::Test {
 protected:
  DeepSeekKernels() : ground_(test::deepseek_ground()), job_(test::deepseek_job(ground_)) {
    for (const Layer& candidate : ground_.model.layers) {
      if (candidate.kind == LayerKind::moe) layer_ = candidate;
    }
    attention_ = attention_kernels(job_, layer_);
    feed_forward_ = feed_forward_kernels(job_, layer_, 1);
  }

  static const Kernel& find(const std::vector<Kernel>& kernels, const std::string& name,
                            Direction direction) {
    for (const Kernel& kernel : kernels) {
      if (kernel.name == name && kernel.direction == direction) return kernel;
    }
    ADD_FAILURE() << "no kernel " << name;
    return kernels.front();
  }

  static void expect_shape(const Kernel& kernel, std::int64_t m, std::int64_t n, std::int64_t k,
                           double megabytes) {
    EXPECT_EQ(kernel.m, m) << kernel.name;
    EXPECT_EQ(kernel.n, n) << kernel.name;
    EXPECT_EQ(kernel.k, k) << kernel.name;
    EXPECT_NEAR(kernel.hbm_bytes.in(units::MB), megabytes, 0.01 * megabytes + 0.5) << kernel.name;
  }

  static void expect_bytes(const Kernel& kernel, double megabytes, double tolerance = 0.015) {
    EXPECT_NEAR(kernel.hbm_bytes.in(units::MB), megabytes, tolerance * megabytes) << kernel.name;
  }

  test::Ground ground_;
  Job job_;
  Layer layer_;
  AttentionKernels attention_;
  FeedForwardKernels feed_forward_;
};

constexpr Direction kForward = Direction::forward;
constexpr Direction kInput = Direction::dgrad;
constexpr Direction kWeight = Direction::wgrad;

TEST_F(DeepSeekKernels, AttentionProjections) {
  expect_shape(find(attention_.forward_shard, "q down-projection", kForward), 4096, 1536, 7168, 54);
  expect_shape(find(attention_.forward_shard, "kv down-projection", kForward), 4096, 576, 7168, 39);
  expect_shape(find(attention_.forward_project, "q up-projection", kForward), 4096, 24576, 1536,
               246);
  expect_shape(find(attention_.forward_project, "kv up-projection", kForward), 4096, 32768, 512,
               287);
  expect_shape(find(attention_.forward_output, "o projection", kForward), 4096, 7168, 16384, 245);
  expect_shape(find(attention_.backward_output, "o projection", kInput), 4096, 16384, 7168, 282);
  expect_shape(find(attention_.backward_project, "q up-projection", kInput), 4096, 1536, 24576,
               154);
  expect_shape(find(attention_.backward_project, "kv up-projection", kInput), 4096, 512, 32768,
               159);
  expect_shape(find(attention_.backward_tail, "kv down-projection", kInput), 4096, 7168, 576, 65);
  expect_shape(find(attention_.backward_tail, "q down-projection", kInput), 4096, 7168, 1536, 76);
  // Recomputed in the backward pass.
  expect_shape(find(attention_.backward_output, "q up-projection", kForward), 4096, 24576, 1536,
               246);
  expect_shape(find(attention_.backward_output, "kv up-projection", kForward), 4096, 32768, 512,
               287);
}

TEST_F(DeepSeekKernels, AttentionWeightGradients) {
  expect_shape(find(attention_.weight, "o projection", kWeight), 7168, 16384, 4096, 1039);
  expect_shape(find(attention_.weight, "kv up-projection", kWeight), 32768, 512, 4096, 275);
  expect_shape(find(attention_.weight, "q up-projection", kWeight), 24576, 1536, 4096, 412);
  expect_shape(find(attention_.weight, "kv down-projection", kWeight), 576, 7168, 4096, 66);
  expect_shape(find(attention_.weight, "q down-projection", kWeight), 1536, 7168, 4096, 125);
}

TEST_F(DeepSeekKernels, AttentionCore) {
  const Kernel& forward = find(attention_.forward_core, "attention core", kForward);
  EXPECT_NEAR(forward.flops.in(units::GFLOP), 687.2, 0.1);
  expect_bytes(forward, 671);
  EXPECT_EQ(forward.precision, topology::Precision::bf16);
  const Kernel& backward = find(attention_.backward_core, "attention core backward", kInput);
  EXPECT_NEAR(backward.flops.in(units::GFLOP), 1786.7, 0.1);
  expect_bytes(backward, 2013);
  expect_bytes(find(attention_.backward_output, "attention preprocess", kInput), 671);
  expect_bytes(find(attention_.backward_project, "dq conversion", kInput), 604);
}

TEST_F(DeepSeekKernels, AttentionStreaming) {
  expect_bytes(find(attention_.forward_shard, "attention norm", kForward), 117);
  expect_bytes(find(attention_.forward_shard, "cast x for q", kForward), 88);
  expect_bytes(find(attention_.forward_output, "cast o", kForward), 201, 0.02);
  expect_bytes(find(attention_.forward_output, "cast o for stash", kForward), 235);
  expect_bytes(find(attention_.forward_project, "concatenate k", kForward), 268);
  expect_bytes(find(attention_.forward_project, "rotary q", kForward), 134);
  expect_bytes(find(attention_.backward_output, "o weight transpose", kInput), 235);
}

TEST_F(DeepSeekKernels, SharedExpert) {
  expect_shape(find(feed_forward_.forward, "gate and up", kForward), 4096, 4096, 7168, 93);
  expect_shape(find(feed_forward_.forward, "down", kForward), 4096, 7168, 2048, 82);
  expect_shape(find(feed_forward_.backward, "down", kInput), 4096, 2048, 7168, 62);
  expect_shape(find(feed_forward_.backward, "gate and up", kInput), 4096, 7168, 4096, 105);
  expect_shape(find(feed_forward_.weight, "down", kWeight), 7168, 2048, 4096, 156);
  expect_shape(find(feed_forward_.weight, "gate and up", kWeight), 4096, 7168, 4096, 282);
}

TEST_F(DeepSeekKernels, RoutedExperts) {
  // The trace's mean is 32,320 rows; even routing of 4,096 tokens to 8 experts each is 32,768.
  const std::int64_t rows = 32768;
  const double share = 32768.0 / 32512;  // against the forward layers' mean in the table
  const Kernel& up = find(feed_forward_.expert_forward, "expert gate and up", kForward);
  EXPECT_EQ(up.m, rows);
  EXPECT_EQ(up.n, 4096);
  EXPECT_EQ(up.k, 7168);
  EXPECT_EQ(up.groups, 4);
  EXPECT_NEAR(up.flops.in(units::GFLOP), 1909.1 * share, 2);
  const Kernel& down = find(feed_forward_.expert_forward, "expert down", kForward);
  EXPECT_EQ(down.n, 7168);
  EXPECT_EQ(down.k, 2048);
  const Kernel& weight = find(feed_forward_.expert_weight, "expert down", kWeight);
  EXPECT_EQ(weight.m, 7168);
  EXPECT_EQ(weight.n, 2048);
  EXPECT_EQ(weight.k, rows);
  expect_bytes(weight, 775, 0.02);
  expect_bytes(find(feed_forward_.expert_weight, "expert gate and up", kWeight), 1313, 0.02);
  expect_bytes(find(feed_forward_.expert_forward, "expand to experts", kForward), 464, 0.02);
  expect_bytes(find(feed_forward_.expert_forward, "reduce from experts", kForward), 900, 0.02);
  expect_bytes(find(feed_forward_.expert_forward, "expert activation", kForward), 335, 0.02);
  expect_bytes(find(feed_forward_.expert_forward, "cast for stash", kForward), 404, 0.02);
  expect_bytes(find(feed_forward_.expert_backward, "expert activation gradient", kInput), 790,
               0.025);
  expect_bytes(find(feed_forward_.expert_backward, "cast d gate and up", kInput), 399, 0.025);
  expect_bytes(find(feed_forward_.expert_weight, "dy transpose", kWeight), 461, 0.025);
}

TEST_F(DeepSeekKernels, Router) {
  const auto forward = router_forward(job_, layer_.feed_forward);
  expect_shape(find(forward, "router gate", kForward), 4096, 256, 7168, 67);
  EXPECT_EQ(find(forward, "router gate", kForward).precision, topology::Precision::bf16);
}

TEST_F(DeepSeekKernels, TokensLeaveForNodesAndRanks) {
  const Copies copies = token_copies(layer_.feed_forward, {64, 8, 8, 1});
  EXPECT_NEAR(copies.to_domains, 3.629, 0.001);
  EXPECT_NEAR(copies.to_ranks, 7.359, 0.001);
}

TEST_F(DeepSeekKernels, Bf16HasNoCasts) {
  Job job = job_;
  job.precision = topology::Precision::bf16;
  const AttentionKernels a = attention_kernels(job, layer_);
  const FeedForwardKernels f = feed_forward_kernels(job, layer_, 1);
  for (const auto* list : {&a.forward_shard, &a.forward_core, &a.forward_output, &a.backward_output,
                           &a.backward_core, &a.backward_project, &a.backward_tail, &f.forward,
                           &f.backward, &f.expert_forward, &f.expert_backward, &f.expert_weight}) {
    for (const Kernel& kernel : *list) {
      EXPECT_NE(kernel.family, Family::cast) << kernel.name;
      EXPECT_NE(kernel.family, Family::transpose) << kernel.name;
    }
  }
}

}  // namespace
}  // namespace aisle::workloads::parallel
