// SPDX-License-Identifier: Apache-2.0
// Laws that collective operations obey on any network, as a study runs them: random cases over
// machines, operations, algorithms, sizes, jobs and faults. The seed is printed on failure.
#include "sim/base/random.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace aisle::sim {
namespace {

const topology::Catalogue& catalogue() {
  static Diagnostics diagnostics;
  static const auto read = topology::Catalogue::read(scenarios_root(), diagnostics);
  return *read;
}

/// Machines of 64 or 256: a fat tree of nodes, three tiers of it, a torus, racks of NVLink.
std::vector<std::string> machine(int kind, int count) {
  const std::string accelerators = fmt::format("cluster.count={}", count);
  switch (kind) {
    case 0:
      return {"cluster.accelerator=h100-sxm", accelerators};
    case 1:
      return {"cluster.accelerator=a100-80gb-sxm", accelerators,
              "cluster.scale_out.fabric=rail-optimised-3-tier",
              "cluster.scale_out.oversubscription=2"};
    case 2:
      return {"cluster.accelerator=tpu-v5p", accelerators,
              fmt::format("cluster.scale_up.size={}", count)};
    default:
      return {"cluster.accelerator=gb200", accelerators, "cluster.scale_up.size=64"};
  }
}

constexpr std::array kKindNames = {"fat tree", "three tiers", "torus", "NVL72"};

struct Case {
  std::vector<FlagAssignment> fields;
  std::string text;

  void set(const std::string& assignment) {
    fields.push_back({assignment, ""});
    text += " " + assignment;
  }
};

std::optional<pb::Result> run_case(const Case& c, bool fold) {
  Diagnostics diagnostics;
  const auto study = assemble("case", c.fields, diagnostics);
  if (!study) return std::nullopt;
  RunOptions options;
  options.fold = fold;
  return run(*study, catalogue(), options, diagnostics);
}

constexpr std::array kOperations = {"all_reduce", "all_gather", "reduce_scatter", "broadcast",
                                    "reduce",     "all_to_all", "send_recv",      "barrier",
                                    "dispatch",   "combine"};
constexpr std::array kAlgorithms = {
    "automatic",   "ring",     "tree",          "nvls",    "nvls_tree",  "collnet_direct",
    "one_shot",    "two_shot", "collnet_chain", "pat",     "recursive",  "hierarchical",
    "copy_engine", "torus",    "pairwise",      "two_hop", "low_latency"};

Case random_case(Random& random, int kind, int count) {
  Case c;
  for (const std::string& field : machine(kind, count)) c.set(field);
  c.set(std::string("workload.collective.operation=") +
        kOperations[random.below(kOperations.size())]);
  c.set(std::string("workload.collective.algorithm=") +
        kAlgorithms[random.below(kAlgorithms.size())]);
  c.set(fmt::format("workload.collective.bytes={} B", 8 << random.below(24)));
  return c;
}

void add_faults(Random& random, int kind, int count, Case& c) {
  const bool torus = kind == 2;
  std::string faults;
  if (random.below(2) == 0) {
    faults += torus ? "{ part: \"gpu 4 - gpu 5\" } " : "{ part: \"leaf 0 - spine 0\" } ";
  }
  if (random.below(2) == 0) {
    const char* part = torus ? "scale-up" : "nic";
    faults += fmt::format("{{ part: \"{} {}\" rate: 0.5 }} ", part,
                          random.below(static_cast<std::uint64_t>(count)));
  }
  if (!faults.empty()) c.set("cluster.fault=[" + faults + "]");
}

void expect_equal(const pb::Result& folded, const pb::Result& whole) {
  ASSERT_EQ(folded.feasible(), whole.feasible());
  ASSERT_EQ(folded.collective_size(), whole.collective_size());
  for (int j = 0; j < whole.collective_size(); ++j) {
    const double expected = whole.collective(j).time_s();
    EXPECT_NEAR(folded.collective(j).time_s(), expected, 1e-9 * expected + 1e-9);
  }
  ASSERT_EQ(folded.link_load_size(), whole.link_load_size());
  for (int l = 0; l < whole.link_load_size(); ++l) {
    EXPECT_EQ(folded.link_load(l).kind(), whole.link_load(l).kind());
    EXPECT_NEAR(folded.link_load(l).bytes(), whole.link_load(l).bytes(),
                1e-9 * whole.link_load(l).bytes());
    EXPECT_NEAR(folded.link_load(l).max_share(), whole.link_load(l).max_share(), 1e-9);
  }
}

class Folding : public testing::TestWithParam<int> {};

// Every operation by every algorithm that the machine can run, whole and with faults.
TEST_P(Folding, ChangesNothing) {
  const int kind = GetParam();
  int ran = 0;
  for (const int count : {64, 256}) {
    for (const char* operation : kOperations) {
      for (const char* algorithm : kAlgorithms) {
        for (int repeat = 0; repeat < 3; ++repeat) {
          Random random(static_cast<std::uint64_t>(repeat),
                        fmt::format("fold {} {} {} {}", kind, count, operation, algorithm));
          Case c;
          for (const std::string& field : machine(kind, count)) c.set(field);
          c.set(fmt::format("workload.collective.operation={}", operation));
          c.set(fmt::format("workload.collective.algorithm={}", algorithm));
          c.set(fmt::format("workload.collective.bytes={} B", 8 << random.below(27)));
          add_faults(random, kind, count, c);
          SCOPED_TRACE(c.text);
          const auto folded = run_case(c, true);
          if (!folded) continue;  // an algorithm that the machine cannot run
          const auto whole = run_case(c, false);
          ASSERT_TRUE(whole.has_value());
          expect_equal(*folded, *whole);
          ++ran;
        }
      }
    }
  }
  EXPECT_GT(ran, 60);
}

TEST_P(Folding, ChangesNothingWhereJobsMeet) {
  const int kind = GetParam();
  if (kind == 2)
    GTEST_SKIP() << "one torus is one domain: jobs do not share its links by placement";
  constexpr std::array kPlacements = {"packed", "spread", "random"};
  for (int seed = 1; seed <= 20; ++seed) {
    Random random(static_cast<std::uint64_t>(seed), fmt::format("jobs {}", kind));
    Case c;
    for (const std::string& field : machine(kind, 256)) c.set(field);
    c.set("workload.collective.operation=all_reduce");
    c.set("workload.collective.bytes=64 MiB");
    for (int job = 0; job < 2; ++job) {
      c.set(fmt::format("workload.collective.job[{}].count=128", job));
      c.set(fmt::format("workload.collective.job[{}].placement={}", job,
                        kPlacements[random.below(kPlacements.size())]));
    }
    if (random.below(2) == 0) c.set("workload.collective.job[1].operation=all_to_all");
    SCOPED_TRACE(fmt::format("seed {}:{}", seed, c.text));
    const auto folded = run_case(c, true);
    const auto whole = run_case(c, false);
    ASSERT_TRUE(folded.has_value() && whole.has_value());
    expect_equal(*folded, *whole);
  }
}

std::string name_of(const testing::TestParamInfo<int>& machine) {
  std::string name = kKindNames[static_cast<std::size_t>(machine.param)];
  std::erase(name, ' ');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Machines, Folding, testing::Values(0, 1, 2, 3), name_of);

bool is_between_pairs(const std::string& operation) {
  return operation == "all_to_all" || operation == "send_recv" || operation == "dispatch" ||
         operation == "combine";
}

// On a healthy and idle network nothing is in the way: the simulation gives the calibrated time.
TEST(Collectives, TakeTheirTimeAloneOnAHealthyNetwork) {
  for (int kind = 0; kind < 4; ++kind) {
    if (kind == 1) continue;  // oversubscribed: there the network is in the way
    for (int seed = 1; seed <= 60; ++seed) {
      Random random(static_cast<std::uint64_t>(seed), fmt::format("healthy {}", kind));
      const Case c = random_case(random, kind, 64);
      SCOPED_TRACE(fmt::format("seed {}:{}", seed, c.text));
      const auto result = run_case(c, true);
      if (!result) continue;
      const double alone = result->collective(0).alone_s();
      const double time = result->collective(0).time_s();
      // Ranks that exchange over a torus are not neighbours: pairs meet on links between them.
      const bool meets = kind == 2 && is_between_pairs(result->collective(0).operation());
      EXPECT_GE(time, alone * (1 - 1e-6));
      if (!meets) { EXPECT_LE(time, alone * (1 + 1e-6) + 1e-9); }
    }
  }
}

TEST(Collectives, TakeTheirTimeAloneOnEveryFabric) {
  int ran = 0;
  for (const pb::Fabric* fabric : catalogue().fabrics()) {
    if (fabric->kind() != "scale_out") continue;
    // Minimal routing: the rails of neighbouring nodes meet on the one cable between two leaves.
    if (fabric->family() == "dragonfly") continue;
    for (const char* operation : {"all_reduce", "all_gather", "all_to_all"}) {
      Case c;
      for (const std::string& field : machine(0, 64)) c.set(field);
      c.set("cluster.scale_out.fabric=" + fabric->name());
      c.set("cluster.scale_out.oversubscription=1");
      c.set("cluster.scale_out.core_oversubscription=1");
      c.set("cluster.scale_out.routing=adaptive");
      c.set(std::string("workload.collective.operation=") + operation);
      c.set("workload.collective.bytes=1 GiB");
      SCOPED_TRACE(c.text);
      const auto result = run_case(c, true);
      if (!result) continue;  // a fabric that does not reach so many
      const double alone = result->collective(0).alone_s();
      EXPECT_NEAR(result->collective(0).time_s(), alone, 1e-6 * alone);
      ++ran;
    }
  }
  EXPECT_GT(ran, 90);
}

TEST(Collectives, KeepEveryLinkWithinItsCapacity) {
  for (int kind = 0; kind < 4; ++kind) {
    for (int seed = 1; seed <= 30; ++seed) {
      Random random(static_cast<std::uint64_t>(seed), fmt::format("capacity {}", kind));
      Case c = random_case(random, kind, 64);
      add_faults(random, kind, 64, c);
      SCOPED_TRACE(fmt::format("seed {}:{}", seed, c.text));
      const auto result = run_case(c, true);
      if (!result) continue;
      for (const pb::LinkLoad& load : result->link_load()) EXPECT_LE(load.max_share(), 1 + 1e-9);
    }
  }
}

// What leaves accelerators arrives at accelerators, tier by tier.
TEST(Collectives, ConserveBytes) {
  for (int kind : {0, 1, 3}) {
    for (int seed = 1; seed <= 30; ++seed) {
      Random random(static_cast<std::uint64_t>(seed), fmt::format("bytes {}", kind));
      Case c = random_case(random, kind, 256);
      add_faults(random, kind, 256, c);
      SCOPED_TRACE(fmt::format("seed {}:{}", seed, c.text));
      const auto result = run_case(c, true);
      if (!result) continue;
      for (const pb::LinkLoad& out : result->link_load()) {
        if (!out.outward()) continue;
        for (const pb::LinkLoad& in : result->link_load()) {
          if (in.outward() || in.kind() != out.kind()) continue;
          EXPECT_NEAR(in.bytes(), out.bytes(), 1e-9 * out.bytes());
        }
      }
    }
  }
}

TEST(Collectives, AreNeverSlowerOnFasterLinks) {
  for (int seed = 1; seed <= 40; ++seed) {
    Random random(static_cast<std::uint64_t>(seed), "faster");
    Case slow = random_case(random, 0, 64);
    SCOPED_TRACE(fmt::format("seed {}:{}", seed, slow.text));
    Case fast = slow;
    slow.set("cluster.scale_out.nic=400 Gb/s");
    fast.set("cluster.scale_out.nic=800 Gb/s");
    slow.set("cluster.scale_up.bandwidth=450 GB/s");
    fast.set("cluster.scale_up.bandwidth=900 GB/s");
    const auto before = run_case(slow, true);
    const auto after = run_case(fast, true);
    if (!before || !after) continue;
    EXPECT_LE(after->collective(0).time_s(), before->collective(0).time_s() * (1 + 1e-9));
  }
}

// Without hashing, hosts are alike: where on the cluster a job lies within equal units is no
// matter.
TEST(Collectives, DoNotDependOnTheNamesOfEqualHosts) {
  for (const char* operation : {"all_reduce", "all_gather", "all_to_all"}) {
    Case c;
    for (const std::string& field : machine(0, 512)) c.set(field);
    c.set(std::string("workload.collective.operation=") + operation);
    c.set("workload.collective.bytes=16 MiB");
    c.set("workload.collective.job[0].count=256");
    c.set("workload.collective.job[1].count=256");
    c.set("workload.collective.job[1].placement=packed");
    const auto result = run_case(c, true);
    ASSERT_TRUE(result.has_value());
    const double first = result->collective(0).time_s();
    EXPECT_NEAR(result->collective(1).time_s(), first, 1e-9 * first) << operation;
  }
}

// Ranks that differ by chance: half of them, chosen and simulated as two flows each, end as all
// pairs of all do.
TEST(Collectives, EndWithASampleOfRanksAsWithAll) {
  for (const char* jitter : {"0 us", "20 us", "500 us"}) {
    for (int seed = 1; seed <= 5; ++seed) {
      Case c;
      for (const std::string& field : machine(1, 256)) c.set(field);
      c.set("workload.collective.operation=all_to_all");
      c.set("workload.collective.bytes=64 MiB");
      c.set("workload.collective.load_spread=0.2");
      c.set(fmt::format("workload.collective.arrival_jitter={}", jitter));
      c.set("cluster.scale_out.routing=ecmp");
      c.set(fmt::format("seed={}", seed));
      SCOPED_TRACE(c.text);
      const auto all = run_case(c, false);
      c.set("workload.collective.sampled_ranks=128");
      const auto sample = run_case(c, true);
      ASSERT_TRUE(all && sample);
      const double expected = all->collective(0).time_s();
      EXPECT_NEAR(sample->collective(0).time_s(), expected, 0.02 * expected);
      EXPECT_LT(sample->collective(0).low_s(), sample->collective(0).high_s());
      EXPECT_THAT(sample->caveat(), testing::Contains(testing::HasSubstr("sampled: 128 of 256")));
    }
  }
}

}  // namespace
}  // namespace aisle::sim
