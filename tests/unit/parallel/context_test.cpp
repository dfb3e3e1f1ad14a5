// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parallel/fixture.hpp"
#include "workloads/parallel/groups.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace aisle::workloads {
namespace {

using test::exchanges;
using test::Ground;
using test::ground;
using test::plan_of;
using test::Seen;

double kernels(const Plan& plan, const std::string& name) {
  double flops = 0;
  for (const Operation& operation : plan.operations) {
    for (const Kernel& kernel : test::work_of(plan, operation).kernels) {
      if (kernel.name == name) flops += kernel.count * kernel.flops.si();
    }
  }
  return flops;
}

/// 4 layers with 32 heads and 8 key and value heads of 128, sequences over 4 ranks, one
/// micro-batch.
class Context : public testing::Test {
 protected:
  Ground dense_ = ground("llama-3.1-8b", "h100-sxm", 8, "layers: 4");

  static std::string text(const std::string& parallel, const std::string& rest = "") {
    return "sequence: 8192 global_batch: 2 parallel { context: 4 " + parallel + " } " + rest;
  }
};

TEST_F(Context, EveryKindComputesTheSame) {
  const double gathered = test::plan_flops(plan_of(dense_, text("")).plan, true);
  for (const char* kind : {"kv_ring", "ulysses"}) {
    const Plan plan = plan_of(dense_, text(std::string("context_kind: ") + kind)).plan;
    EXPECT_NEAR(test::plan_flops(plan, true) / gathered, 1, 1e-12) << kind;
  }
}

TEST_F(Context, RingPassesOneBlockPerStep) {
  auto ring = exchanges(plan_of(dense_, text("context_kind: kv_ring")).plan);
  const double block = 2048.0 * 8 * 256 * 2;  // tokens x heads x (k and v) x bytes
  // 3 steps forward; 3 backward, and 4 of the gradients.
  EXPECT_EQ(ring["context ring"].count, 4 * 10);
  EXPECT_DOUBLE_EQ(ring["context ring"].bytes, 4 * 10 * block);
  EXPECT_EQ(ring["context ring"].group.size, 2);
  EXPECT_EQ(ring.count("context all-gather"), 0u);
}

TEST_F(Context, RingHidesBehindTheBlockBefore) {
  // Blocks of 2, messages of 1: nothing waits but the gradients' way home; messages of 3: each
  // does.
  const Plan plan = plan_of(dense_, text("context_kind: kv_ring")).plan;
  const auto span = [&](double block, double message) {
    const auto times = test::times_of(plan, [&](const Operation& operation) {
      const std::string& name = test::work_of(plan, operation).name;
      if (name == "attention block") return block;
      return name == "context ring" && operation.phase == Phase::communication ? message : 0.0;
    });
    return *std::max_element(times.end.begin(), times.end.end());
  };
  // Forward: 4 blocks. Backward blocks take nothing here, so its 7 messages follow one another.
  EXPECT_DOUBLE_EQ(span(2, 1), 4 * (4 * 2 + 7));
  EXPECT_DOUBLE_EQ(span(2, 3), 4 * (3 * 3 + 2 + 7 * 3));
}

TEST_F(Context, UlyssesDealsOutHeads) {
  auto found = exchanges(plan_of(dense_, text("context_kind: ulysses")).plan);
  const Seen all = found["context all-to-all"];
  EXPECT_EQ(all.count, 4 * 4);  // before and after the core, forward and backward
  EXPECT_EQ(all.group.size, 4);
  // Queries and output 32 heads, keys and values 8.
  EXPECT_DOUBLE_EQ(all.bytes, 4 * 2 * 2048.0 * 2 * (32 * 128 + 8 * 256 + 32 * 128));
  Diagnostics diagnostics;
  EXPECT_FALSE(test::placed(ground("llama-3.1-8b", "h100-sxm", 64, "layers: 4"),
                            "sequence: 8192 global_batch: 1 parallel { tensor: 8 context: 8 "
                            "context_kind: ulysses }",
                            diagnostics)
                   .has_value());
}

TEST_F(Context, DocumentsSeeThemselves) {
  const double whole = kernels(plan_of(dense_, text("")).plan, "attention core");
  const double packed =
      kernels(plan_of(dense_, text("", "document_tokens: 1024")).plan, "attention core");
  EXPECT_DOUBLE_EQ(packed, whole / 8);
}

TEST(Order, SaysWhoSharesADomain) {
  const Ground on = ground("llama-3.1-8b", "h100-sxm", 32, "layers: 8");
  const auto found = [&](const std::string& order) {
    return exchanges(
        plan_of(on,
                "sequence: 4096 global_batch: 16 parallel { zero: 1 tensor: 2 pipeline: 4 "
                "data: 4 order: \"" +
                    order + "\" }")
            .plan);
  };
  auto usual = found("tp-cp-ep-dp-pp"), pipeline = found("tp-pp-dp-cp"),
       data = found("dp-tp-cp-pp");
  EXPECT_EQ(usual["gradient reduce-scatter"].group.domains, 1);
  EXPECT_EQ(usual["pipeline forward"].group.domains, 2);
  EXPECT_EQ(pipeline["gradient reduce-scatter"].group.domains, 4);
  EXPECT_EQ(pipeline["pipeline forward"].group.domains, 1);
  EXPECT_EQ(data["tensor all-gather"].group.domains, 1);
  Diagnostics diagnostics;
  EXPECT_FALSE(
      test::placed(on, "sequence: 4096 global_batch: 32 parallel { order: \"tp-dp\" }", diagnostics)
          .has_value());
}

class Experts : public testing::Test {
 protected:
  Ground moe_ = ground("deepseek-v3", "h800-sxm", 32,
                       "layers: 4 mtp_layers: 0 experts { routed: 32 first_dense: 1 }");

  std::map<std::string, Seen> found(const std::string& parallel) const {
    return exchanges(plan(parallel));
  }

  Plan plan(const std::string& parallel) const {
    return plan_of(moe_, "sequence: 4096 global_batch: 32 parallel { zero: 1 " + parallel + " }")
        .plan;
  }
};

TEST_F(Experts, LieAsTheOrderSays) {
  EXPECT_EQ(found("expert: 8")["expert dispatch"].group.domains, 1);
  EXPECT_EQ(found("expert: 8 order: \"tp-cp-dp-ep-pp\"")["expert dispatch"].group.domains, 4);
}

TEST_F(Experts, MayBeCut) {
  const std::string layout = "tensor: 4 expert: 4 ";
  const Plan whole = plan(layout), cut = plan(layout + "expert_tensor: 2");
  EXPECT_DOUBLE_EQ(kernels(whole, "expert gate and up"), kernels(cut, "expert gate and up"));
  auto a = exchanges(whole), b = exchanges(cut);
  EXPECT_EQ(a.count("expert all-gather"), 0u);
  EXPECT_EQ(b["expert all-gather"].group.size, 2);
  EXPECT_EQ(b["expert reduce-scatter"].count, b["expert combine"].count * 2);
  EXPECT_EQ(b["expert dispatch"].group.size, 4);
}

TEST(AsynchronousTensor, CutsProductsIntoParts) {
  const Ground on = ground("llama-3.1-8b", "h100-sxm", 8, "layers: 4");
  const auto plan = [&](const std::string& more) {
    return plan_of(on, "sequence: 4096 global_batch: 2 parallel { tensor: 4 " + more + " }").plan;
  };
  const Plan apart = plan(""), ring = plan("overlap_tensor: true");
  EXPECT_NEAR(test::plan_flops(ring, false) / test::plan_flops(apart, false), 1, 1e-9);
  auto steps = exchanges(ring);
  // Forward a gather and a scatter in each half of a layer, backward a gather: 3 steps each.
  EXPECT_EQ(steps["tensor ring"].count, 4 * 6 * 3);
  // Messages shorter than parts of products hide but for the first and last: compare spans.
  const auto span = [](const Plan& of) {
    const auto times = test::times_of(of, [&](const Operation& operation) {
      const Work& work = test::work_of(of, operation);
      double time = work.is_communication ? work.communication.bytes.si() / 1e12 : 0;
      for (const Kernel& kernel : work.kernels) time += kernel.count * kernel.flops.si() / 1e14;
      return time;
    });
    return *std::max_element(times.end.begin(), times.end.end());
  };
  EXPECT_LT(span(ring), span(apart));
}

TEST(Muon, MultipliesMatrices) {
  const Ground on = ground("llama-3.1-8b", "h100-sxm", 8, "layers: 4");
  const auto update = [&](const std::string& rest) {
    return plan_of(on, "sequence: 4096 global_batch: 8 parallel { zero: 0 } " + rest);
  };
  const TrainingPlan adam = update(""), muon = update("optimizer: muon");
  // X[m,n]: five times two products m m n and one m m m; q and o, k and v, gate, up and down.
  const auto products = [](double m, double n) { return 5 * 2 * (2 * m * m * n + m * m * m); };
  const double layer =
      2 * products(4096, 4096) + 2 * products(1024, 4096) + 3 * products(4096, 14336);
  EXPECT_DOUBLE_EQ(kernels(muon.plan, "Newton-Schulz"), 4 * layer);
  EXPECT_LT(muon.memory.front().total(), adam.memory.front().total());
}

}  // namespace
}  // namespace aisle::workloads
