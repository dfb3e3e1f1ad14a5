// SPDX-License-Identifier: Apache-2.0
// Laws of the engines, over seeded random plans.
#include "sim/engine/engine.hpp"

#include "sim/base/random.hpp"
#include "sim/engine/fair_shares.hpp"
#include "tests/analytic/engine/hand_made.hpp"
#include "tests/property/engine/random_plans.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace aisle::sim {
namespace {

using namespace test;

constexpr std::uint64_t kSeeds = 25;

std::string trace(std::uint64_t seed) {
  return "seed " + std::to_string(seed);
}

/// Both plans' queues end their operations at the same times, class by class.
void expect_folding_exact(const HandMade& made, const FoldedPlan& folded, bool event) {
  const auto execute = [event](const TimedPlan& timed) {
    return event ? event_in_child(timed) : execute_analytic(timed);
  };
  const Execution whole = execute(made.timed());
  const Execution quotient = execute(made.timed(folded.plan));
  expect_same_time(whole.makespan.si(), quotient.makespan.si(), "makespan");
  const auto ends = ends_by_queue(made.plan, whole);
  const auto folded_ends = ends_by_queue(folded.plan, quotient);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::size_t rank = i / workloads::kStreams;
    const std::size_t there =
        static_cast<std::size_t>(folded.class_of_rank[rank]) * workloads::kStreams +
        i % workloads::kStreams;
    ASSERT_EQ(ends[i].size(), folded_ends[there].size());
    for (std::size_t k = 0; k < ends[i].size(); ++k) {
      expect_same_time(ends[i][k], folded_ends[there][k],
                       "place " + std::to_string(i) + " entry " + std::to_string(k));
    }
  }
}

TEST(Folding, ReplicatedPlansAreExact) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(trace(seed));
    Random random(seed, "replicated");
    const int templates = 1 + below(random, 3);
    const int replicas = 1 + below(random, 4);
    HandMade made(templates * replicas);
    made.interference = 1.1;
    const RandomWorks works(made, random, true, true);
    add_replicated(made, random, works, templates, replicas, 60);
    const FoldedPlan folded = fold(made.plan);
    EXPECT_LE(folded.plan.ranks.size(), static_cast<std::size_t>(templates));
    std::int64_t stands_for = 0;
    for (const workloads::Rank& rank : folded.plan.ranks) stands_for += rank.multiplicity;
    EXPECT_EQ(stands_for, templates * replicas);
    expect_folding_exact(made, folded, false);
    expect_folding_exact(made, folded, true);
    if (HasFailure()) return;
  }
}

TEST(Folding, MirroredPipelinesAreExact) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(trace(seed));
    Random random(seed, "mirrored");
    const int ranks = 2 * (1 + below(random, 4));
    HandMade made(ranks);
    const RandomWorks works(made, random, true, true);
    add_mirrored(made, random, works, 100);
    const FoldedPlan folded = fold(made.plan);
    EXPECT_LE(folded.plan.ranks.size(), static_cast<std::size_t>(ranks / 2));
    for (int r = 0; r < ranks; ++r) {
      EXPECT_EQ(folded.class_of_rank[static_cast<std::size_t>(r)],
                folded.class_of_rank[static_cast<std::size_t>(ranks - 1 - r)]);
    }
    expect_folding_exact(made, folded, false);
    expect_folding_exact(made, folded, true);
    if (HasFailure()) return;
  }
}

// What differs is kept apart: one straggler splits just the ranks that it makes different.
TEST(Folding, AStragglerSplitsItsClass) {
  HandMade made(8);
  const std::int32_t work = made.compute(1e-3, 132);
  const std::int32_t slow = made.compute(2e-3, 132);
  for (int r = 0; r < 8; ++r) {
    made.plan.add(r == 3 ? slow : work, {at(r, Stream::compute)}, {}, Phase::forward);
  }
  EXPECT_EQ(fold(made.plan).plan.ranks.size(), 2U);
  // A message tells its neighbour apart from the six others, and nobody else.
  const std::int32_t message = made.communicate(1e-4, 0);
  made.plan.add(message, {at(3, Stream::send), at(4, Stream::receive)}, {}, Phase::communication);
  const FoldedPlan folded = fold(made.plan);
  EXPECT_EQ(folded.plan.ranks.size(), 3U);
  EXPECT_EQ(folded.plan.ranks[0].multiplicity, 6);
  EXPECT_EQ(folded.plan.ranks[0].name, "rank 0 and 5 more");
}

TEST(Folding, IsIdempotent) {
  Random random(7, "idempotent");
  HandMade made(12);
  const RandomWorks works(made, random, true, true);
  add_replicated(made, random, works, 3, 4, 50);
  const FoldedPlan once = fold(made.plan);
  const FoldedPlan twice = fold(once.plan);
  EXPECT_EQ(once.plan.ranks.size(), twice.plan.ranks.size());
  EXPECT_EQ(once.plan.operations.size(), twice.plan.operations.size());
}

// The definition of bottleneck max-fairness, on systems like several devices joined in a ring, all
// of whose capacities run short.
TEST(FairShares, EveryFlowHasABottleneck) {
  struct Draw {
    std::size_t flow, capacity;
    double share;
  };

  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(trace(seed));
    Random random(seed, "fair");
    const auto devices = static_cast<std::size_t>(2 + below(random, 6));
    FairShares fair;
    std::vector<Draw> draws;
    std::vector<double> limits;
    for (std::size_t flow = 0; flow < 5 * devices; ++flow) {
      limits.push_back(0.3 + 0.7 * random.uniform());
      fair.add_flow(limits.back());
      for (std::size_t place = 0; place < (flow % 5 < 2 ? 2U : 1U); ++place) {
        for (std::size_t c = 0; c < kCapacities; ++c) {
          const std::size_t capacity = (flow / 5 + place) % devices * kCapacities + c;
          draws.push_back({flow, capacity, random.uniform()});
          fair.add_draw(capacity, draws.back().share);
        }
      }
    }
    fair.solve();
    std::vector<double> load(devices * kCapacities, 0), largest(devices * kCapacities, 0);
    for (const Draw& draw : draws) {
      const double drawn = draw.share * fair.rate(draw.flow);
      load[draw.capacity] += drawn;
      largest[draw.capacity] = std::max(largest[draw.capacity], drawn);
    }
    for (const double sum : load) EXPECT_LE(sum, 1 + 1e-6);
    std::vector<char> held(limits.size(), 0);
    for (const Draw& draw : draws) {
      const double drawn = draw.share * fair.rate(draw.flow);
      if (load[draw.capacity] > 1 - 1e-6 && drawn > largest[draw.capacity] - 1e-6) {
        held[draw.flow] = 1;
      }
    }
    for (std::size_t flow = 0; flow < limits.size(); ++flow) {
      EXPECT_LE(fair.rate(flow), limits[flow] * (1 + 1e-12));
      EXPECT_TRUE(held[flow] != 0 || fair.rate(flow) > limits[flow] - 1e-6) << "flow " << flow;
    }
  }
}

// No shared capacity, cores held or not: the engines are one.
TEST(Engines, AgreeWhereNothingContends) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(trace(seed));
    Random random(seed, "calm");
    HandMade made(6);
    made.interference = 1.05;
    const RandomWorks works(made, random, false, seed % 2 == 0);
    add_replicated(made, random, works, 6, 1, 200);
    expect_same_times(event_in_child(made.timed()), execute_analytic(made.timed()));
    if (HasFailure()) return;
  }
}

// One device: all capacities contended at once, and the same fair shares from two algorithms.
TEST(Engines, AgreeOnOneDevice) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(trace(seed));
    Random random(seed, "one device");
    HandMade made(1);
    const RandomWorks works(made, random, true, true);
    add_replicated(made, random, works, 1, 1, 300);
    expect_same_times(event_in_child(made.timed()), execute_analytic(made.timed()));
    if (HasFailure()) return;
  }
}

/// The same plan with ranks numbered otherwise.
HandMade renamed(const HandMade& made) {
  HandMade other = made;
  const auto ranks = static_cast<std::int32_t>(made.plan.ranks.size());
  for (Place& place : other.plan.places) place.rank = (5 * place.rank + 3) % ranks;
  return other;
}

TEST(Engines, RenamingRanksChangesNothing) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(trace(seed));
    Random random(seed, "renamed");
    HandMade made(8);
    const RandomWorks works(made, random, true, true);
    add_replicated(made, random, works, 4, 2, 60);
    const HandMade other = renamed(made);
    expect_same_times(execute_analytic(made.timed()), execute_analytic(other.timed()));
    expect_same_times(event_in_child(made.timed()), event_in_child(other.timed()));
    EXPECT_EQ(fold(made.plan).plan.ranks.size(), fold(other.plan).plan.ranks.size());
    if (HasFailure()) return;
  }
}

TEST(Engines, SamePlanSameBytes) {
  Random random(11, "bytes");
  HandMade made(8);
  const RandomWorks works(made, random, true, true);
  add_replicated(made, random, works, 4, 2, 80);
  const auto same = [](const Execution& a, const Execution& b) {
    return a.end_s.size() == b.end_s.size() &&
           std::memcmp(a.end_s.data(), b.end_s.data(), a.end_s.size() * sizeof(double)) == 0 &&
           std::memcmp(a.start_s.data(), b.start_s.data(), a.end_s.size() * sizeof(double)) == 0;
  };
  EXPECT_TRUE(same(execute_analytic(made.timed()), execute_analytic(made.timed())));
  EXPECT_TRUE(same(event_in_child(made.timed()), event_in_child(made.timed())));
}

// For a plan whose operations do not meet, shortening any work never lengthens it. (With sharing
// this is no law: an operation that ends early lets another in beside a critical one.)
TEST(Engines, ShorterWorkIsNeverSlower) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(trace(seed));
    Random random(seed, "shorter");
    HandMade made(6);
    const RandomWorks works(made, random, false, false);
    add_replicated(made, random, works, 3, 2, 200);
    const Execution before = execute_analytic(made.timed());
    made.works[random.below(made.works.size() - 1)].alone *= 0.5;
    const Execution after = execute_analytic(made.timed());
    for (std::size_t o = 0; o < before.end_s.size(); ++o) {
      EXPECT_LE(after.end_s[o], before.end_s[o] * (1 + 1e-12));
    }
  }
}

// Flows that start together on one link: a wider link never makes any of them later.
TEST(Engines, AWiderLinkIsNeverSlower) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(trace(seed));
    Random random(seed, "wider");
    HandMade made(1);
    for (int s = 0; s < workloads::kStreams; ++s) {
      const double seconds = 0.1 + random.uniform();
      made.plan.add(made.communicate(seconds, 0, hbm(seconds * random.uniform())),
                    {at(0, static_cast<Stream>(s))}, {}, Phase::communication);
    }
    const Execution narrow = execute_analytic(made.timed());
    for (TimedWork& work : made.works) work.demand[0] /= 1.5;
    const Execution wide = execute_analytic(made.timed());
    for (std::size_t o = 0; o < wide.end_s.size(); ++o) {
      EXPECT_LE(wide.end_s[o], narrow.end_s[o] * (1 + 1e-12));
    }
  }
}

}  // namespace
}  // namespace aisle::sim
