// SPDX-License-Identifier: Apache-2.0
#include "sim/base/statistics.hpp"

#include <gtest/gtest.h>

namespace aisle {
namespace {

// Exact values: Harter, Biometrika 48 (1961), table 1, to two decimals.
TEST(ExpectedMaximum, MeetsTheTablesOfOrderStatistics) {
  EXPECT_EQ(expected_maximum(1), 0);
  EXPECT_NEAR(expected_maximum(2), 0.56, 0.03);
  EXPECT_NEAR(expected_maximum(8), 1.42, 0.02);
  EXPECT_NEAR(expected_maximum(100), 2.51, 0.02);
  EXPECT_NEAR(expected_maximum(400), 2.97, 0.02);
}

TEST(ExpectedMaximum, GrowsWithTheNumberOfDraws) {
  double before = 0;
  for (double n = 2; n < 1e6; n *= 2) {
    EXPECT_GT(expected_maximum(n), before);
    before = expected_maximum(n);
  }
}

}  // namespace
}  // namespace aisle
