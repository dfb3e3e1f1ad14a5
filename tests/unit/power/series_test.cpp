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

}  // namespace
}  // namespace aisle::power
