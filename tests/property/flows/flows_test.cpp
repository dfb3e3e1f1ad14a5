// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/flows.hpp"

#include "random_traffic.hpp"
#include "sim/engine/water_filling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace aisle::sim {
namespace {

using workloads::Traffic;

constexpr int kSeeds = 200;

std::size_t index(std::int32_t i) {
  return static_cast<std::size_t>(i);
}

// The definition: no link is overdrawn, and every flow runs at its own limit or meets a full link
// on which no other flow is faster.
TEST(WaterFilling, GivesMaxMinFairRates) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Traffic traffic = random_traffic(seed, 3);
    WaterFilling rates(traffic);
    for (std::int32_t f = 0; index(f) < traffic.flows.size(); ++f) rates.start(f);
    rates.solve();
    std::vector<double> load(traffic.links.size(), 0);
    std::vector<double> fastest(traffic.links.size(), 0);
    for (std::int32_t f = 0; index(f) < traffic.flows.size(); ++f) {
      for (const auto& draw : traffic.draws_of(traffic.flows[index(f)])) {
        load[index(draw.link)] += draw.weight * rates.rate(f);
        fastest[index(draw.link)] = std::max(fastest[index(draw.link)], rates.rate(f));
      }
    }
    const auto full = [&](std::int32_t link) {
      return load[index(link)] > traffic.links[index(link)].capacity.si() * (1 - 1e-9);
    };
    for (std::size_t l = 0; l < traffic.links.size(); ++l) {
      EXPECT_LE(load[l], traffic.links[l].capacity.si() * (1 + 1e-9));
    }
    for (std::int32_t f = 0; index(f) < traffic.flows.size(); ++f) {
      const Traffic::Flow& flow = traffic.flows[index(f)];
      bool held = rates.rate(f) >= flow.limit.si() * (1 - 1e-9);
      for (const auto& draw : traffic.draws_of(flow)) {
        held = held || (full(draw.link) && rates.rate(f) >= fastest[index(draw.link)] * (1 - 1e-9));
      }
      EXPECT_TRUE(held) << "flow " << f << " could be faster";
    }
  }
}

// Rates that are kept between solutions, and links' remainders, are those of a solution from
// nothing.
TEST(WaterFilling, RemembersNothingThatMatters) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Traffic traffic = random_traffic(seed, 6);
    const auto flows = traffic.flows.size();
    Random random(seed, "order");
    WaterFilling rates(traffic);
    std::vector<int> state(flows, 0);  // waits, runs, has ended
    for (std::size_t left = 2 * flows; left > 0; --left) {
      std::size_t f = 0;
      do f = static_cast<std::size_t>(random.below(flows));
      while (state[f] == 2);
      const auto next = static_cast<std::int32_t>(f);
      ++state[f] == 1 ? rates.start(next) : rates.end(next);
      rates.solve();
      WaterFilling anew(traffic);
      for (std::int32_t flow = 0; index(flow) < flows; ++flow) {
        if (state[index(flow)] == 1) anew.start(flow);
      }
      anew.solve();
      for (const std::int32_t flow : anew.running()) {
        ASSERT_NEAR(rates.rate(flow), anew.rate(flow), 1e-11 * anew.rate(flow));
      }
      for (const std::int32_t link : anew.touched()) {
        ASSERT_NEAR(rates.left(link), anew.left(link),
                    1e-11 * traffic.links[index(link)].capacity.si());
      }
    }
  }
}

TEST(Fold, ChangesNoTime) {
  int folded_away = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Traffic traffic = random_traffic(seed, 5);
    const FoldedTraffic folded = fold(traffic);
    const FlowExecution whole = execute(traffic);
    const FlowExecution quotient = execute(folded.traffic);
    for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
      const double expected = whole.end_s[f];
      EXPECT_NEAR(quotient.end_s[index(folded.class_of_flow[f])], expected, 1e-9 * expected + 1e-9);
    }
    for (std::size_t l = 0; l < traffic.links.size(); ++l) {
      const double expected = whole.bytes_on_link[l];
      EXPECT_NEAR(quotient.bytes_on_link[index(folded.class_of_link[l])], expected,
                  1e-9 * expected + 1e-12);
    }
    EXPECT_LE(5 * folded.traffic.flows.size(), traffic.flows.size());
    folded_away += static_cast<int>(traffic.flows.size() - folded.traffic.flows.size());
  }
  EXPECT_GT(folded_away, 0);
}

TEST(Flows, NeverCarryMoreThanALinkCan) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Traffic traffic = random_traffic(seed, 2);
    const FlowExecution run = execute(traffic);
    const double end = *std::max_element(run.end_s.begin(), run.end_s.end());
    for (std::size_t l = 0; l < traffic.links.size(); ++l) {
      EXPECT_LE(run.busiest_share[l], 1 + 1e-9);
      EXPECT_LE(run.bytes_on_link[l], traffic.links[l].capacity.si() * end * (1 + 1e-9));
    }
  }
}

TEST(Flows, TwiceTheBandwidthTakesHalfTheTime) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Traffic traffic = random_traffic(seed, 2);
    for (Traffic::Flow& flow : traffic.flows) flow.start = Seconds{};
    const FlowExecution slow = execute(traffic);
    for (Traffic::Link& link : traffic.links) link.capacity *= 2;
    for (Traffic::Flow& flow : traffic.flows) flow.limit *= 2;
    const FlowExecution fast = execute(traffic);
    for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
      EXPECT_NEAR(fast.end_s[f], slow.end_s[f] / 2, 1e-9 * slow.end_s[f]);
    }
  }
}

TEST(Flows, OrderDoesNotMatter) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Traffic traffic = random_traffic(seed, 3);
    Traffic reversed = traffic;
    std::reverse(reversed.flows.begin(), reversed.flows.end());
    const FlowExecution one = execute(traffic);
    const FlowExecution other = execute(reversed);
    for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
      EXPECT_NEAR(other.end_s[traffic.flows.size() - 1 - f], one.end_s[f],
                  1e-9 * one.end_s[f] + 1e-12);
    }
  }
}

// A lone job whose flows end together: the closed form is the simulation.
TEST(Bound, EqualsTheSimulationOfEqualFlows) {
  Traffic traffic;
  traffic.links = {{BytesPerSecond::from_si(2), 1, 0}, {BytesPerSecond::from_si(9), 1, 1, 0}};
  for (int f = 0; f < 4; ++f) add_flow(traffic, 3, 1, 0.25, {{0, 1}, {1, 2}});
  add_flow(traffic, 1, 0.5, 0, {{1, 1}}, 0, 1);
  const FlowExecution run = execute(traffic);
  EXPECT_DOUBLE_EQ(run.job_end_s[0], 0.25 + 3 * 4 / 2.0 + 2);
  EXPECT_DOUBLE_EQ(bound(traffic)[0].si(), run.job_end_s[0]);
}

TEST(Flows, SayWhatHeldThem) {
  Traffic traffic;
  traffic.links = {{BytesPerSecond::from_si(1), 1, 0}, {BytesPerSecond::from_si(9), 1, 1, 0}};
  add_flow(traffic, 1, 5, 0, {{0, 1}, {1, 1}});
  add_flow(traffic, 1, 5, 0, {{1, 1}});
  const FlowExecution run = execute(traffic);
  EXPECT_EQ(run.held_by[0], 0);
  EXPECT_EQ(run.held_by[1], -1);
}

}  // namespace
}  // namespace aisle::sim
