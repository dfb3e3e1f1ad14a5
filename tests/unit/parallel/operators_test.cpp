// SPDX-License-Identifier: Apache-2.0
// Operators carried out one by one, and what the optimizer touches.
#include "tests/unit/parallel/fixture.hpp"
#include "workloads/parallel/layers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aisle::workloads {
namespace {

using test::Ground;
using test::plan_of;

struct Sum {
  double bytes = 0, flops = 0;
  int launches = 0;
};

/// Of the kernels of one name, or of all.
Sum sum_of(const std::vector<Kernel>& kernels, const std::string& name = "") {
  Sum sum;
  for (const Kernel& kernel : kernels) {
    if (!name.empty() && kernel.name != name) continue;
    sum.bytes += kernel.count * kernel.hbm_bytes.si();
    sum.flops += kernel.count * kernel.flops.si();
    sum.launches += kernel.count;
  }
  return sum;
}

Sum sum_of(const Plan& plan, const std::string& name = "") {
  Sum sum;
  for (const Operation& operation : plan.operations) {
    const Sum work = sum_of(test::work_of(plan, operation).kernels, name);
    sum.bytes += work.bytes;
    sum.flops += work.flops;
    sum.launches += work.launches;
  }
  return sum;
}

Ground small_dense() {
  return test::ground("llama-3.1-8b", "h100-sxm", 8, "layers: 4");
}

Plan dense_plan(const Ground& on, const std::string& rest, int micro_batches = 4) {
  return plan_of(on,
                 "sequence: 4096 global_batch: " + std::to_string(8 * micro_batches) + " " + rest)
      .plan;
}

class Operators : public testing::Test {
 protected:
  Operators() : ground_(small_dense()) {
    Layout layout;
    layout.data = 8;
    layout.micro_batches = 4;
    fused_ = eager_ = test::job_of(ground_, layout, parallel::Schedule::one_f_one_b);
    eager_.eager = true;
    for (const Layer& candidate : ground_.model.layers) {
      if (candidate.kind == LayerKind::dense) layer_ = candidate;
    }
  }

  Ground ground_;
  parallel::Job fused_, eager_;
  Layer layer_;
};

TEST_F(Operators, NormsStreamSixTimesTheTraffic) {
  const auto fused = parallel::attention_kernels(fused_, layer_);
  const auto eager = parallel::attention_kernels(eager_, layer_);
  const Sum one = sum_of(fused.forward_shard, "attention norm");
  const Sum many = sum_of(eager.forward_shard, "attention norm");
  EXPECT_EQ(one.launches, 1);
  EXPECT_EQ(many.launches, 6);
  EXPECT_DOUBLE_EQ(many.bytes, 6 * one.bytes);
  const Sum gradient = sum_of(fused.backward_tail, "attention norm gradient");
  const Sum gradients = sum_of(eager.backward_tail, "attention norm gradient");
  EXPECT_EQ(gradients.launches, 12 * gradient.launches);
  EXPECT_DOUBLE_EQ(gradients.bytes, 6 * gradient.bytes);
  for (const Kernel& kernel : eager.forward_shard) EXPECT_NE(kernel.family, Family::norm);
}

TEST_F(Operators, ElementwiseKernelsAreTwoWithHalfAgainTheTraffic) {
  const auto fused = parallel::feed_forward_kernels(fused_, layer_, 1);
  const auto eager = parallel::feed_forward_kernels(eager_, layer_, 1);
  const Sum one = sum_of(fused.forward, "activation"), two = sum_of(eager.forward, "activation");
  EXPECT_EQ(two.launches, 2 * one.launches);
  EXPECT_DOUBLE_EQ(two.bytes, 1.5 * one.bytes);
}

TEST_F(Operators, ProductsStayAsTheyAre) {
  for (const auto& [fused, eager] :
       {std::pair{parallel::attention_kernels(fused_, layer_).forward_output,
                  parallel::attention_kernels(eager_, layer_).forward_output},
        std::pair{parallel::feed_forward_kernels(fused_, layer_, 1).weight,
                  parallel::feed_forward_kernels(eager_, layer_, 1).weight}}) {
    EXPECT_GT(sum_of(fused).flops, 0);
    EXPECT_DOUBLE_EQ(sum_of(fused).flops, sum_of(eager).flops);
  }
}

TEST_F(Operators, GradientsAccumulateInAKernelOfTheirOwn) {
  const auto eager = parallel::feed_forward_kernels(eager_, layer_, 1);
  // Read in two bytes; the accumulator in FP32 is read and written.
  const double parameters = 3.0 * 4096 * 14336;
  EXPECT_DOUBLE_EQ(sum_of(eager.weight, "gradient accumulation").bytes, parameters * (2 + 2 * 4));
  const auto fused = parallel::feed_forward_kernels(fused_, layer_, 1);
  EXPECT_EQ(sum_of(fused.weight, "gradient accumulation").launches, 0);
  eager_.layout.micro_batches = 1;
  const auto single = parallel::feed_forward_kernels(eager_, layer_, 1);
  EXPECT_EQ(sum_of(single.weight, "gradient accumulation").launches, 0);
}

TEST_F(Operators, ThePlanFollowsTheStudy) {
  const Plan usual = dense_plan(ground_, "parallel { zero: 1 }");
  const Plan fused = dense_plan(ground_, "operators: fused parallel { zero: 1 }");
  const Plan eager = dense_plan(ground_, "operators: eager parallel { zero: 1 }");
  EXPECT_DOUBLE_EQ(sum_of(usual).bytes, sum_of(fused).bytes);
  EXPECT_EQ(sum_of(usual).launches, sum_of(fused).launches);
  EXPECT_GT(sum_of(eager).bytes, 1.2 * sum_of(fused).bytes);
  EXPECT_GT(sum_of(eager).launches, 2 * sum_of(fused).launches);
  EXPECT_DOUBLE_EQ(sum_of(eager).flops, sum_of(fused).flops);
  EXPECT_EQ(eager.operations.size(), fused.operations.size());
}

double parameters_of(const ModelGraph& model) {
  double sum = 0;
  for (const Layer& layer : model.layers) {
    sum += static_cast<double>(count_parameters(model, layer).total);
  }
  return sum;
}

// Per parameter of the share: FP32 gradient for the norm; gradient, master weight and both moments
// read, the latter three and the two-byte weight written. Cleared: all gradients that the rank
// holds.
// One scale per tensor: the same products, all on the forward curve, one cast per operand and no
// transposes.
TEST(Scaling, PerTensorHasFewerKernels) {
  const Ground on = small_dense();
  const Plan tensor = dense_plan(on, "precision: \"fp8\"");
  const Plan blocks = dense_plan(on, "precision: \"fp8\" scaling: blocks");
  EXPECT_DOUBLE_EQ(sum_of(tensor).flops, sum_of(blocks).flops);
  EXPECT_LT(sum_of(tensor).launches, sum_of(blocks).launches);
  EXPECT_LT(sum_of(tensor).bytes, sum_of(blocks).bytes);
  int casts = 0;
  for (const Work& work : tensor.works) {
    for (const Kernel& kernel : work.kernels) {
      EXPECT_NE(kernel.family, Family::transpose) << kernel.name;
      if (kernel.family == Family::gemm && kernel.precision == topology::Precision::fp8) {
        EXPECT_EQ(kernel.direction, Direction::forward) << kernel.name;
      }
      casts += kernel.family == Family::cast;
    }
  }
  EXPECT_GT(casts, 0);
}

TEST(Optimizer, BytesPerParameter) {
  const Ground on = small_dense();
  const double held = parameters_of(on.model);
  const auto optimizer = [&](const std::string& parallel) {
    Sum sum;
    for (const char* name : {"gradient norm", "Adam update", "clear gradients", "cast weights"}) {
      sum.bytes += sum_of(dense_plan(on, parallel), name).bytes;
    }
    return sum.bytes;
  };
  EXPECT_NEAR(optimizer("parallel { zero: 0 }") / held, 4 + 30 + 4, 1e-6);
  EXPECT_NEAR(optimizer("parallel { zero: 1 }") / held, 34.0 / 8 + 4, 1e-6);
  EXPECT_NEAR(optimizer("parallel { zero: 2 }") / held, 38.0 / 8, 1e-6);
  EXPECT_NEAR(optimizer("parallel { zero: 1 } states { gradients: \"bf16\" optimizer_moments: "
                        "\"bf16\" master_weights: \"fp32\" }") /
                  held,
              (2 + 2 + 8 + 8 + 2) / 8.0 + 2, 1e-6);
  // A narrow recipe casts the new weights: two bytes read, one and a scale per 128 written.
  EXPECT_NEAR(optimizer("precision: \"fp8\" scaling: blocks parallel { zero: 1 }") / held,
              34.0 / 8 + 4 + 3 + 4.0 / 128, 1e-6);
}

}  // namespace
}  // namespace aisle::workloads
