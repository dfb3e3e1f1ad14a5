// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parallel/fixture.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace aisle::workloads {
namespace {

using test::Ground;
using test::ground;
using test::plan_of;

/// Operations of a plan by the name of their work.
std::map<std::string, int> counted(const Plan& plan) {
  std::map<std::string, int> counts;
  for (const Operation& operation : plan.operations) ++counts[test::work_of(plan, operation).name];
  return counts;
}

/// Bytes or FLOPs of all kernels of a name.
double kernels(const Plan& plan, const std::string& name, bool bytes) {
  double sum = 0;
  for (const Operation& operation : plan.operations) {
    for (const Kernel& kernel : test::work_of(plan, operation).kernels) {
      if (kernel.name != name) continue;
      sum += kernel.count * (bytes ? kernel.hbm_bytes.si() : kernel.flops.si());
    }
  }
  return sum;
}

class Means : public testing::Test {
 protected:
  Ground dense_ = ground("llama-3.1-8b", "h100-sxm", 8, "layers: 4");
  Ground moe_ = ground("deepseek-v3", "h800-sxm", 8,
                       "layers: 4 mtp_layers: 0 experts { routed: 32 first_dense: 1 }");

  static std::string text(const std::string& parallel, const std::string& rest = "") {
    return "sequence: 4096 global_batch: 8 parallel { zero: 1 " + parallel + " } " + rest;
  }
};

TEST_F(Means, WithoutSequenceParallelismAllReducesJoinTheParts) {
  const Plan with = plan_of(dense_, text("tensor: 4")).plan;
  const Plan without = plan_of(dense_, text("tensor: 4 sequence_parallel: false")).plan;
  auto a = counted(with), b = counted(without);
  EXPECT_EQ(b["tensor all-gather"] + b["tensor reduce-scatter"], 0);
  // Two forward and two backward in each of 4 layers, the embedding's and the head's; 4
  // micro-batches.
  EXPECT_EQ(b["tensor all-reduce"], 4 * (4 * 4 + 2));
  EXPECT_EQ(a["tensor all-reduce"], 0);
  // Every rank does the norms of all tokens.
  EXPECT_DOUBLE_EQ(kernels(without, "attention norm", true),
                   4 * kernels(with, "attention norm", true));
  EXPECT_DOUBLE_EQ(test::plan_flops(without, false), test::plan_flops(with, false));
}

TEST_F(Means, WithoutSequenceParallelismReceiversGatherMessages) {
  const Plan with = plan_of(dense_, text("tensor: 2 pipeline: 2")).plan;
  const Plan without = plan_of(dense_, text("tensor: 2 pipeline: 2 sequence_parallel: false")).plan;
  EXPECT_EQ(counted(with)["pipeline all-gather"], 0);
  EXPECT_EQ(counted(without)["pipeline all-gather"], 2 * 4);  // forward and backward
  const auto message = [](const Plan& plan) {
    for (const Work& work : plan.works) {
      if (work.name == "pipeline forward") return work.communication.bytes.si();
    }
    return 0.0;
  };
  EXPECT_DOUBLE_EQ(message(with), message(without));
}

TEST_F(Means, UnfusedAttentionComputesTheWholeSquare) {
  const Plan flash = plan_of(dense_, text("")).plan;
  const Plan unfused = plan_of(dense_, text("", "attention: unfused")).plan;
  EXPECT_DOUBLE_EQ(test::plan_flops(unfused, true), 0);
  // Two products forward and four backward over the square; flash has two and five over its half.
  const double forward = kernels(flash, "attention core", false);
  double products = 0;
  for (const char* name : {"attention scores", "attention values"}) {
    products += kernels(unfused, name, false);
  }
  EXPECT_NEAR(products / (3 * 2 * forward), 1, 1e-12);
  // Softmax reads and writes 2 bytes a score; 32 heads of 8 replicas' one sequence, 4 layers.
  EXPECT_DOUBLE_EQ(kernels(unfused, "softmax", true), 4.0 * 4 * 32 * 4096 * 4096);
  const Plan again =
      plan_of(dense_, text("", "attention: unfused recompute_parts: core_attention")).plan;
  EXPECT_DOUBLE_EQ(kernels(again, "softmax", true), 2 * kernels(unfused, "softmax", true));
  const Plan masked = plan_of(dense_, text("", "attention: unfused dropout: true")).plan;
  EXPECT_GT(kernels(masked, "score dropout", true), 0);
}

TEST_F(Means, PartsAreRecomputedAlone) {
  const Plan none = plan_of(dense_, text("")).plan;
  const Plan mlp = plan_of(dense_, text("", "recompute_parts: mlp")).plan;
  EXPECT_DOUBLE_EQ(kernels(mlp, "down", false) * 3, kernels(none, "down", false) * 4);
  EXPECT_DOUBLE_EQ(kernels(mlp, "o projection", false), kernels(none, "o projection", false));
  const std::string spread = "expert: 8";
  const Plan all = plan_of(moe_, text(spread)).plan;
  const Plan moe = plan_of(moe_, text(spread, "recompute_parts: moe")).plan;
  EXPECT_EQ(counted(moe)["expert dispatch"], 2 * counted(all)["expert dispatch"]);
  const Plan up = plan_of(moe_, text(spread, "recompute_parts: mla_up_projection")).plan;
  EXPECT_DOUBLE_EQ(kernels(up, "kv up-projection", false) * 3,
                   kernels(all, "kv up-projection", false) * 4);
  EXPECT_DOUBLE_EQ(kernels(up, "attention norm", true), kernels(all, "attention norm", true));
}

TEST_F(Means, EverySecondProductIsComputedAgain) {
  const Plan kept = plan_of(dense_, text("", "recompute: selective")).plan;
  const Plan second =
      plan_of(dense_, text("", "recompute: selective recompute_parts: every_second_product")).plan;
  // One of the four products of attention that is one product here, and half of gate and up.
  EXPECT_EQ(kernels(kept, "k projection", false), 0);
  EXPECT_GT(kernels(second, "k projection", false), 0);
  EXPECT_DOUBLE_EQ(kernels(second, "up", false) * 2,
                   kernels(plan_of(dense_, text("")).plan, "gate and up", false) / 3);
  EXPECT_DOUBLE_EQ(kernels(second, "o projection", false) * 3,
                   kernels(kept, "o projection", false) * 4);
  EXPECT_DOUBLE_EQ(kernels(second, "down", false), kernels(kept, "down", false));
}

TEST_F(Means, SoManyLayersAreRecomputedWhole) {
  const auto products = [&](const std::string& rest) {
    return kernels(plan_of(dense_, text("", rest)).plan, "o projection", false);
  };
  const double none = products(""), full = products("recompute: full");
  EXPECT_DOUBLE_EQ(products("recompute: full recompute_layers: 1"), none + (full - none) / 4);
}

TEST_F(Means, ScaledFormatsHaveTheirCasts) {
  const Ground b200 = ground("llama-3.1-8b", "b200-sxm", 8, "layers: 4");
  const auto bytes = [&](const std::string& rest, const char* kernel) {
    return kernels(plan_of(b200, text("", rest)).plan, kernel, true);
  };
  // Per number: two bytes read, two layouts written.
  const double per_tensor = bytes("precision: \"fp8\"", "cast o") / 4;
  EXPECT_DOUBLE_EQ(bytes("precision: \"fp8\" scaling: mx", "cast o") / per_tensor,
                   2 + 2 * (1 + 1.0 / 32));
  EXPECT_DOUBLE_EQ(bytes("precision: \"fp4\" scaling: nv", "cast o") / per_tensor,
                   2 + 2 * (0.5 + 1.0 / 16));
  EXPECT_GT(bytes("precision: \"fp4\" scaling: nv", "largest of tensor"), 0);
  EXPECT_DOUBLE_EQ(bytes("precision: \"fp4\" scaling: mx", "largest of tensor"), 0);
  EXPECT_DOUBLE_EQ(bytes("precision: \"fp8\" scaling: mx", "gate and up weight transpose"), 0);
  EXPECT_EQ(bytes("precision: \"fp8\"", "cast x for qkv"), 0);  // the norm writes it narrow
  EXPECT_GT(bytes("precision: \"fp8\" scaling: blocks", "cast x for qkv"), 0);
}

TEST_F(Means, GatheredOperandsAreNarrow) {
  const auto bytes = [&](const std::string& rest, const char* name) {
    const Plan plan = plan_of(dense_, text("tensor: 4", rest)).plan;
    double sum = 0;
    for (const Operation& operation : plan.operations) {
      const Work& work = test::work_of(plan, operation);
      if (work.name == name) sum += work.communication.bytes.si();
    }
    return sum;
  };
  // All but those of head and embedding, which stay wide.
  const double wide = bytes("", "tensor all-gather");
  const double narrow = bytes("precision: \"fp8\"", "tensor all-gather");
  EXPECT_GT(narrow, wide / 2);
  EXPECT_LT(narrow, 0.6 * wide);
  EXPECT_DOUBLE_EQ(bytes("precision: \"fp8\"", "tensor reduce-scatter"),
                   bytes("", "tensor reduce-scatter"));
  EXPECT_DOUBLE_EQ(bytes("precision: \"fp8\" scaling: blocks", "tensor all-gather"), wide);
}

/// Time that hosts, or copies to their memory, need in a plan of one rank class, s.
double given(const Plan& plan, const std::string& name = "launches") {
  double sum = 0;
  for (const Operation& operation : plan.operations) {
    const Work& work = test::work_of(plan, operation);
    if (work.name.starts_with(name)) sum += work.given.si();
  }
  return sum;
}

TEST_F(Means, HostsIssueWhatGraphsDoNotHold) {
  const std::string host = "host_launch: \"10 us\" ";
  const Plan plan = plan_of(dense_, text("", host)).plan;
  double kernels = 0;
  for (const Operation& operation : plan.operations) {
    for (const Kernel& kernel : test::work_of(plan, operation).kernels) kernels += kernel.count;
  }
  // Of each pass, all up to its last computation.
  EXPECT_GT(given(plan), 0.6 * kernels * 10e-6);
  EXPECT_LT(given(plan), kernels * 10e-6);
  const Plan some = plan_of(dense_, text("", host + "cuda_graphs: attention_graphed")).plan;
  EXPECT_LT(given(some), 0.7 * given(plan));
  EXPECT_GT(given(some), 0);
  EXPECT_EQ(given(plan_of(dense_, text("", host + "cuda_graphs: all_graphed")).plan), 0);
  EXPECT_EQ(given(plan_of(dense_, text("")).plan), 0);
}

TEST_F(Means, HostMemoryTakesStatesAndActivations) {
  const auto placed_with = [&](const std::string& offload) {
    return plan_of(dense_, text("", "offload { " + offload + " } "));
  };
  const auto memory = [](const TrainingPlan& placed, const std::string& use) {
    for (const MemoryItem& item : placed.memory.front().items) {
      if (item.use == use) return item.bytes.si();
    }
    return 0.0;
  };
  const TrainingPlan here = placed_with("");
  const TrainingPlan states = placed_with("optimizer: 0.75 link: \"10 GB/s\"");
  EXPECT_DOUBLE_EQ(memory(states, "optimizer"), memory(here, "optimizer") / 4);
  // Twelve bytes of states for each parameter of this rank: four of its eighth's gradients go out,
  // two of weights come back, and 30 pass host memory.
  const double parameters = memory(here, "optimizer") / 12;
  EXPECT_NEAR(given(states.plan, "update"), 0.75 * parameters * 30 / 60e9, 1e-9);
  const TrainingPlan through =
      placed_with("optimizer: 1 updated_by: by_accelerator link: \"10 GB/s\"");
  EXPECT_NEAR(given(through.plan, "states"), parameters * 12 / 10e9, 1e-9);
  const TrainingPlan kept = placed_with("activations: 1 link: \"10 GB/s\"");
  // Of four blocks, two are on their way; what the head keeps stays.
  const double less = memory(here, "activations") - memory(kept, "activations");
  EXPECT_GT(less, 0);
  EXPECT_NEAR(given(kept.plan, "activations"), 2 * (2 * less) / 10e9, 1e-6);
}

TEST_F(Means, WideFormatsMoveTwiceTheBytes) {
  const Plan narrow = plan_of(dense_, text("")).plan;
  const Plan wide = plan_of(dense_, text("", "precision: \"tf32\"")).plan;
  EXPECT_DOUBLE_EQ(kernels(wide, "attention norm", true),
                   2 * kernels(narrow, "attention norm", true));
  EXPECT_GT(kernels(wide, "down", true), 1.3 * kernels(narrow, "down", true));
}

TEST_F(Means, ContradictionsNameTheNearestChoice) {
  const auto refusal = [](const Ground& on, const std::string& training) {
    Diagnostics diagnostics;
    EXPECT_FALSE(test::placed(on, training, diagnostics).has_value());
    std::string all;
    for (const Diagnostic& d : diagnostics.all()) all += to_string(d) + "\n";
    return all;
  };
  const auto says = [](const std::string& text, const std::string& words) {
    EXPECT_NE(text.find(words), std::string::npos) << text;
  };
  says(refusal(dense_, text("", "recompute: full recompute_parts: mlp")), "recompute_layers");
  says(refusal(dense_, text("", "recompute_layers: 2")), "recompute: full");
  says(refusal(dense_, text("", "recompute_parts: moe")), "mlp");
  says(refusal(dense_, text("", "recompute_parts: mla_up_projection")), "latent attention");
  says(refusal(moe_, text("", "recompute_parts: every_second_product")), "not told apart");
  says(refusal(moe_, text("tensor: 2 sequence_parallel: false")), "sequence_parallel: true");
  says(refusal(dense_, text("", "precision: \"fp8\" scaling: nv")), "mx");
}

}  // namespace
}  // namespace aisle::workloads
