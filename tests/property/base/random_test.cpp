// SPDX-License-Identifier: Apache-2.0
#include "sim/base/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace aisle {
namespace {

constexpr std::uint64_t kSeed = 20262;
constexpr int kDraws = 100000;

// Numbers drawn by this code once: they must never move, or results of old studies would.
TEST(Random, GoldenNumbers) {
  Random random(1, "rank 17 jitter");
  EXPECT_EQ(random.next(), 5147162437870835350U);
  EXPECT_EQ(random.next(), 12485379038402270158U);
  EXPECT_EQ(random.next(), 14461717814672242897U);
  Random real(7);
  EXPECT_EQ(real.normal(), 0x1.3130ab1aef5a6p+0);
  EXPECT_EQ(real.normal(), -0x1.7aed766bdfe0dp-2);
  EXPECT_EQ(real.normal(), 0x1.24d28c7a4c455p-1);
  EXPECT_EQ(real.exponential(), 0x1.96846c7bb1a8fp+0);
  EXPECT_EQ(real.exponential(), 0x1.732d3f575e03ap+0);
  EXPECT_EQ(real.exponential(), 0x1.3cecbc2c6be3cp-1);
}

TEST(Random, StreamsBelongToNamesAndSeeds) {
  Random a(kSeed, "a");
  Random again(kSeed, "a");
  Random b(kSeed, "b");
  Random other(kSeed + 1, "a");
  int equal_to_b = 0;
  int equal_to_other = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t draw = a.next();
    EXPECT_EQ(draw, again.next());
    equal_to_b += draw == b.next() ? 1 : 0;
    equal_to_other += draw == other.next() ? 1 : 0;
  }
  EXPECT_EQ(equal_to_b, 0);
  EXPECT_EQ(equal_to_other, 0);
}

TEST(Random, UniformFillsTheUnitInterval) {
  Random random(kSeed, "uniform");
  double sum = 0;
  double least = 1;
  double most = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform();
    sum += u;
    least = std::min(least, u);
    most = std::max(most, u);
  }
  EXPECT_GE(least, 0);
  EXPECT_LT(most, 1);
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005) << "seed " << kSeed;
  EXPECT_LT(least, 1e-3);
  EXPECT_GT(most, 1 - 1e-3);
}

TEST(Random, BelowIsEven) {
  Random random(kSeed, "below");
  std::vector<int> counts(7);
  for (int i = 0; i < kDraws; ++i) ++counts[random.below(7)];
  for (const int count : counts) {
    EXPECT_NEAR(count, kDraws / 7.0, 600) << "five standard deviations; seed " << kSeed;
  }
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, NormalHasItsMoments) {
  Random random(kSeed, "normal");
  double sum = 0;
  double squares = 0;
  int within_one = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    within_one += std::abs(x) < 1 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.016) << "seed " << kSeed;
  EXPECT_NEAR(squares / kDraws, 1, 0.023);
  EXPECT_NEAR(within_one / static_cast<double>(kDraws), 0.6827, 0.0075);
}

TEST(Random, ExponentialHasItsMomentsAndLaw) {
  Random random(kSeed, "exponential");
  double sum = 0;
  int beyond_two = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.exponential();
    ASSERT_GE(x, 0);
    sum += x;
    beyond_two += x > 2 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kDraws, 1, 0.016) << "seed " << kSeed;
  EXPECT_NEAR(beyond_two / static_cast<double>(kDraws), std::exp(-2.0), 0.0055);
}

// The logarithm behind both is ours, for the sake of equal bits: check it against the library's by
// drawing the same uniform number.
TEST(Random, ExponentialIsTheLogarithmOfUniform) {
  Random uniform(kSeed, "log");
  Random exponential(kSeed, "log");
  for (int i = 0; i < 10000; ++i) {
    const double expected = -std::log(1 - uniform.uniform());
    EXPECT_NEAR(exponential.exponential(), expected, 1e-15 * std::max(1.0, expected));
  }
}

}  // namespace
}  // namespace aisle
