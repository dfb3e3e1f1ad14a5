// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/parallel/fixture.hpp"
#include "workloads/parallel/memory.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace aisle::workloads {
namespace {

using test::exchanges;
using test::Ground;
using test::ground;
using test::plan_of;
using test::Seen;

/// 4 layers, embedding and head on 16 replicas; two micro-batches each.
class Sharded : public testing::Test {
 protected:
  Ground dense_ = ground("llama-3.1-8b", "h100-sxm", 16, "layers: 4");
  static constexpr int kLayers = 6, kPasses = 2;

  static std::string text(const std::string& parallel, const std::string& rest = "") {
    return "sequence: 4096 global_batch: 32 parallel { " + parallel + " } " + rest;
  }

  std::map<std::string, Seen> of(const std::string& parallel, const std::string& rest = "") const {
    return exchanges(plan_of(dense_, text(parallel, rest)).plan);
  }

  double parameters() const { return static_cast<double>(count_parameters(dense_.model).total); }
};

TEST_F(Sharded, HybridGathersInShardsAndSumsAcross) {
  auto all = of("zero: 3"), some = of("zero: 3 shard: 8");
  EXPECT_EQ(all["weight all-gather"].group.size, 16);
  EXPECT_EQ(all["weight all-gather"].count, 2 * kLayers * kPasses);
  EXPECT_EQ(all.count("gradient all-reduce"), 0u);
  EXPECT_EQ(some["weight all-gather"].group.size, 8);
  EXPECT_DOUBLE_EQ(some["weight all-gather"].bytes, all["weight all-gather"].bytes);
  EXPECT_EQ(some["gradient all-reduce"].group.size, 2);
  EXPECT_EQ(some["gradient all-reduce"].count, kLayers * kPasses);
  EXPECT_NEAR(some["gradient all-reduce"].bytes / (4 * parameters() / 8 * kPasses), 1, 1e-9);
}

TEST_F(Sharded, PartitionGroupsSumAcrossOnce) {
  auto found = of("zero: 3 shard: 8 gradients_every_pass: false");
  EXPECT_EQ(found["gradient reduce-scatter"].count, kLayers * kPasses);
  EXPECT_EQ(found["gradient all-reduce"].count, kLayers);
  auto second = of("zero: 2 gradients_every_pass: true");
  EXPECT_EQ(second["gradient reduce-scatter"].count, kLayers * kPasses);
}

TEST_F(Sharded, WeightsMayStayForTheBackwardPass) {
  auto kept = of("zero: 3 backward_shard: 1");
  EXPECT_EQ(kept["weight all-gather"].count, kLayers * kPasses);
  EXPECT_EQ(kept["weight all-gather"].group.size, 16);
  auto second = of("zero: 3 backward_shard: 8");
  EXPECT_EQ(second["weight all-gather"].count, 2 * kLayers * kPasses);
  const auto weights = [&](const std::string& parallel) {
    return plan_of(dense_, text(parallel)).memory.front().items.front().bytes.si();
  };
  EXPECT_GT(weights("zero: 3 backward_shard: 8"), weights("zero: 3"));
  EXPECT_GT(weights("zero: 3 backward_shard: 1"), weights("zero: 3 backward_shard: 8"));
}

TEST_F(Sharded, NarrowFormatsTravel) {
  auto plain = of("zero: 3 backward_shard: 8");
  auto narrow = of("zero: 3 backward_shard: 8 gather_format: \"int8\" reduce_format: \"int4\"");
  EXPECT_DOUBLE_EQ(narrow["weight all-gather"].bytes, plain["weight all-gather"].bytes / 2);
  EXPECT_EQ(narrow.count("gradient reduce-scatter"), 0u);
  const Seen inside = narrow["gradient all-to-all inside"];
  const Seen outside = narrow["gradient all-to-all outside"];
  EXPECT_EQ(inside.group.size, 8);
  EXPECT_EQ(outside.group.size, 2);
  EXPECT_NEAR(inside.bytes / (parameters() / 2 * kPasses), 1, 1e-9);
  EXPECT_DOUBLE_EQ(outside.bytes, inside.bytes / 8);
}

TEST_F(Sharded, BucketsTravelTogether) {
  for (const char* zero : {"zero: 1", "zero: 3"}) {
    SCOPED_TRACE(zero);
    auto layers = of(zero), buckets = of(std::string(zero) + " bucket: 5e8");
    for (const char* name : {"weight all-gather", "gradient reduce-scatter"}) {
      EXPECT_LT(buckets[name].count, layers[name].count) << name;
      EXPECT_NEAR(buckets[name].bytes / layers[name].bytes, 1, 1e-12) << name;
    }
    auto one = of(std::string(zero) + " bucket: 1e12");
    EXPECT_EQ(one["gradient reduce-scatter"].count, zero == std::string("zero: 1") ? 1 : kPasses);
  }
}

TEST_F(Sharded, ExpertsAreCutAmongTheirHoldersInARun) {
  const Ground moe = ground("deepseek-v3", "h800-sxm", 16,
                            "layers: 4 mtp_layers: 0 experts { routed: 32 first_dense: 1 }");
  const auto shards = [&](const std::string& parallel) {
    std::map<int, int> counts;
    const Plan plan = plan_of(moe, text(parallel)).plan;
    for (const Operation& operation : plan.operations) {
      const Work& work = test::work_of(plan, operation);
      if (work.name == "weight all-gather") ++counts[work.communication.group.size];
    }
    return counts;
  };
  // Of 16 replicas 8 hold a copy; 4 expert ranks: 4 hold the same experts, 2 of them in a run of 8.
  const auto found = shards("expert: 4 zero: 3 shard: 8");
  EXPECT_EQ(found.count(8), 1u);
  EXPECT_EQ(found.count(2), 1u);
  EXPECT_EQ(found.size(), 2u);
}

TEST_F(Sharded, TiedEmbeddingsAreSummed) {
  const Ground tied = ground("megatron-22b", "a100-80gb-sxm", 16, "layers: 4");
  const std::string training = "sequence: 2048 global_batch: 32 parallel { zero: 1 tensor: 2 ";
  auto cut = exchanges(plan_of(tied, training + "pipeline: 2 }").plan);
  EXPECT_EQ(cut["embedding all-reduce"].count, 1);
  EXPECT_DOUBLE_EQ(cut["embedding all-reduce"].bytes, 51200.0 * 6144 / 2 * 4);
  auto whole = exchanges(plan_of(tied, training + "}").plan);
  EXPECT_EQ(whole.count("embedding all-reduce"), 0u);
}

TEST_F(Sharded, WideWeightsAreCast) {
  const auto cast = [&](const std::string& parallel) {
    double bytes = 0;
    const Plan plan =
        plan_of(dense_, text(parallel, "states { weights: \"fp32\" master_weights: \"none\" }"))
            .plan;
    for (const Operation& operation : plan.operations) {
      for (const Kernel& kernel : test::work_of(plan, operation).kernels) {
        if (kernel.name == std::string("cast weights")) bytes += kernel.hbm_bytes.si();
      }
    }
    return bytes;
  };
  EXPECT_NEAR(cast("zero: 1") / (6 * parameters() * kPasses), 1, 1e-6);
  EXPECT_NEAR(cast("zero: 3") / (6 * parameters() / 16 * kPasses * 2), 1, 1e-6);
  EXPECT_NEAR(cast("zero: 3 backward_shard: 1") / (6 * parameters() / 16 * kPasses), 1, 1e-6);
}

TEST_F(Sharded, MemoryIsThatOfTheShares) {
  const auto uses = [&](const std::string& parallel, const std::string& rest = "") {
    std::map<std::string, double> found;
    const TrainingPlan placed = plan_of(dense_, text(parallel, rest));
    for (const MemoryItem& item : placed.memory.front().items) {
      found[item.use] = item.bytes.si();
    }
    return found;
  };
  EXPECT_NEAR(uses("zero: 1 shard: 4")["optimizer"] / (12 * parameters() / 4), 1, 1e-9);
  EXPECT_NEAR(uses("zero: 1", "states { weights: \"fp32\" master_weights: \"none\" }")["weights"] /
                  (6 * parameters()),
              1, 1e-9);
}

TEST_F(Sharded, RefusalsNameTheNearestChoice) {
  const auto says = [&](const std::string& parallel, const std::string& words) {
    Diagnostics diagnostics;
    EXPECT_FALSE(test::placed(dense_, text(parallel), diagnostics).has_value());
    std::string all;
    for (const Diagnostic& d : diagnostics.all()) all += to_string(d) + "\n";
    EXPECT_NE(all.find(words), std::string::npos) << all;
  };
  says("zero: 3 shard: 5", "(4)");
  says("shard: 8", "zero: 1, 2 or 3");
  says("zero: 1 backward_shard: 8", "zero: 3");
  says("zero: 3 shard: 8 backward_shard: 16", "(8)");
  says("zero: 1 reduce_format: \"bf61\"", "bf16");
}

}  // namespace
}  // namespace aisle::workloads
