// SPDX-License-Identifier: Apache-2.0
#include "power/series.hpp"

#include "sim/base/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace aisle::power {
namespace {

using namespace units;  // NOLINT: literals of a test

Series square(int size, double low, double high) {
  Series series{0.01 * s, std::vector<double>(static_cast<std::size_t>(size), low)};
  std::fill_n(series.watts.begin(), size / 2, high);
  return series;
}

// Whatever is added where, the integral is that of the pieces.
TEST(Series, EnergyIsTheIntegral) {
  Random random(7, "series");
  Series series{0.37 * s, std::vector<double>(101)};
  double energy = 0;
  for (int i = 0; i < 2000; ++i) {
    const double a = 37.37 * random.uniform(), b = 37.37 * random.uniform();
    const double watts = 700 * random.uniform(), count = 1 + 9 * random.uniform();
    add_draw(series, std::min(a, b) * s, std::max(a, b) * s, watts * W, count);
    energy += std::abs(a - b) * watts * count;
  }
  EXPECT_NEAR(series.energy().si() / energy, 1, 1e-12);
}

TEST(Series, SpreadKeepsTheMeanAndFlattens) {
  const Series cycle = square(200, 100, 300);
  double last = 300;
  for (const double deviation : {0.05, 0.2, 0.5}) {
    const Series wide = spread(cycle, deviation * s);
    EXPECT_NEAR(wide.mean().si(), 200, 1e-9);
    EXPECT_LT(wide.peak().si(), last);
    EXPECT_NEAR(wide.peak().si() + wide.lowest().si(), 400, 1e-9);
    last = wide.peak().si() - (deviation < 0.1 ? 1e-6 : 0);
  }
  EXPECT_EQ(spread(cycle, 0 * s).watts, cycle.watts);
}

// A meter that averages all of each interval keeps the energy; one that looks at a part of it
// aliases; one that lags swings by the closed form of a square wave through a first-order filter.
TEST(Series, Meters) {
  const Series cycle = square(200, 100, 300);  // one second high, one low
  const Series whole = metered(cycle, {0.4 * s, 0 * s, 0 * s}, 3);
  ASSERT_EQ(whole.watts.size(), 15u);
  EXPECT_NEAR(whole.energy().si(), 3 * cycle.energy().si(), 1e-9);
  const Series glimpses = metered(cycle, {2 * s, 0.025 * s, 0 * s}, 5);
  for (const double watts : glimpses.watts) EXPECT_NEAR(watts, 100, 1e-9);
  const Series lagging = metered(cycle, {0.01 * s, 0 * s, 1 * s}, 1);
  EXPECT_NEAR(lagging.mean().si(), 200, 1e-9);
  EXPECT_NEAR(lagging.peak().si(), 200 + 100 * std::tanh(0.5), 0.5);
  EXPECT_NEAR(lagging.lowest().si(), 200 - 100 * std::tanh(0.5), 0.5);
}

double steepest(const Series& series) {
  double most = 0;
  for (std::size_t i = 1; i < series.watts.size(); ++i) {
    most = std::max(most, std::abs(series.watts[i] - series.watts[i - 1]));
  }
  return most;
}

// A store never holds less than nothing or more than its capacity, and the more it may hold the
// gentler the feed's ramps, down to the mean, for which a square wave of 200 W needs 100 J.
TEST(Series, StoresFlatten) {
  const Series cycle = square(200, 100, 300);
  double last = steepest(cycle), peak = cycle.peak().si();
  for (const double capacity : {1.0, 10.0, 40.0, 80.0, 99.0}) {
    const Stored store = stored(cycle, capacity * J);
    EXPECT_LE(store.swing.si(), capacity * (1 + 1e-9));
    EXPECT_GT(store.swing.si(), 0.98 * capacity);
    EXPECT_NEAR(store.feed.mean().si(), 200, 1e-6);
    EXPECT_LT(steepest(store.feed), last);
    EXPECT_LE(store.feed.peak().si(), peak);
    last = steepest(store.feed);
    peak = store.feed.peak().si();
  }
  EXPECT_LT(peak, 220);
  const Stored flat = stored(cycle, 101 * J);
  EXPECT_NEAR(flat.swing.si(), 100, 1e-9);
  EXPECT_NEAR(flat.feed.peak().si(), 200, 1e-9);
  EXPECT_EQ(stored(cycle, 0 * J).feed.watts, cycle.watts);
}

TEST(Feed, LargestChangeOverAWindow) {
  const Series cycle{1 * s, {0, 1, 3, 3, 2, 9}};
  EXPECT_DOUBLE_EQ(largest_change(cycle, 1 * s).si(), 9);  // from the end of a turn to the next
  EXPECT_DOUBLE_EQ(largest_change({1 * s, {5, 6, 8, 8, 6}}, 1 * s).si(), 2);
  EXPECT_DOUBLE_EQ(largest_change({1 * s, {5, 6, 8, 8, 6}}, 2 * s).si(), 3);
  EXPECT_DOUBLE_EQ(largest_change({1 * s, {5, 6, 8, 8, 6}}, 100 * s).si(), 3);
  EXPECT_DOUBLE_EQ(largest_change({1 * s, {7}}, 1 * s).si(), 0);
}

// Against every pair of a window, by hand.
TEST(Feed, LargestChangeOfRandomCycles) {
  Random random(7, "feed");
  for (int round = 0; round < 50; ++round) {
    Series cycle{0.5 * s, std::vector<double>(40)};
    for (double& watts : cycle.watts) watts = random.uniform();
    const int steps = 1 + round % 12;
    double most = 0;
    for (std::size_t i = 0; i < 40; ++i) {
      for (std::size_t k = 1; k <= static_cast<std::size_t>(steps); ++k)
        most = std::max(most, std::abs(cycle.watts[i] - cycle.watts[(i + k) % 40]));
    }
    EXPECT_DOUBLE_EQ(largest_change(cycle, 0.5 * steps * s).si(), most) << round;
  }
}

TEST(Feed, StorageKeepsLimits) {
  Series cycle{0.01 * s, std::vector<double>(100, 100.0)};
  for (std::size_t i = 60; i < 100; ++i) cycle.watts[i] = 20;
  const std::vector<FeedLimit> limits{{5 * W, 0.01 * s}, {30 * W, 0.2 * s}};
  EXPECT_DOUBLE_EQ(worst_change(cycle, limits), 16);
  const Joules storage = storage_for(cycle, limits);
  EXPECT_LE(worst_change(stored(cycle, storage).feed, limits), 1 + 1e-9);
  EXPECT_GT(worst_change(stored(cycle, 0.9 * storage).feed, limits), 1);
  EXPECT_DOUBLE_EQ(storage_for(cycle, {{90 * W, 1 * s}}).si(), 0);
}

}  // namespace
}  // namespace aisle::power
