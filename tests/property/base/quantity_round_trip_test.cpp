// SPDX-License-Identifier: Apache-2.0
#include "sim/base/quantity.hpp"
#include "sim/base/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace aisle {
namespace {

constexpr std::uint64_t kSeed = 20261;

template <typename Q>
class RoundTrip : public testing::Test {};

using Quantities =
    testing::Types<Bytes, Flops, Seconds, Joules, Dollars, Kilograms, CubicMetres, BytesPerSecond,
                   FlopsPerSecond, Hertz, Watts, JoulesPerByte, JoulesPerFlop, DollarsPerSecond,
                   DollarsPerJoule, KilogramsPerJoule, CubicMetresPerJoule>;
TYPED_TEST_SUITE(RoundTrip, Quantities);

template <typename Q>
void expect_round_trip(double si) {
  Diagnostics diagnostics;
  const std::string text = print_quantity(Q::from_si(si));
  const auto back = parse_quantity<Q>(text, {}, "", diagnostics);
  ASSERT_TRUE(back.has_value()) << text << ", seed " << kSeed;
  EXPECT_EQ(back->si(), si) << text << ", seed " << kSeed;
}

TYPED_TEST(RoundTrip, AnyValueIsExact) {
  Random random(kSeed, "any value");
  for (int i = 0; i < 2000; ++i) {
    const double exponent = 60 * random.uniform() - 30;
    expect_round_trip<TypeParam>((1 + random.uniform()) * std::pow(10.0, exponent));
  }
}

TYPED_TEST(RoundTrip, TidyValuesStayTidy) {
  Random random(kSeed, "tidy value");
  for (int i = 0; i < 500; ++i) {
    const double power = std::pow(10.0, static_cast<double>(random.below(12)));
    expect_round_trip<TypeParam>(static_cast<double>(1 + random.below(9999)) * power);
  }
}

TYPED_TEST(RoundTrip, EdgesOfDouble) {
  for (const double si : {0.0, std::numeric_limits<double>::min(), 5e-300,
                          std::numeric_limits<double>::max(), 1.0, 1e15}) {
    expect_round_trip<TypeParam>(si);
  }
}

TYPED_TEST(RoundTrip, ShortTextIsClose) {
  Random random(kSeed, "short text");
  for (int i = 0; i < 500; ++i) {
    const double si = std::pow(10.0, 30 * random.uniform() - 15);
    Diagnostics diagnostics;
    const auto back =
        parse_quantity<TypeParam>(print_short(TypeParam::from_si(si)), {}, "", diagnostics);
    ASSERT_TRUE(back.has_value()) << si << ", seed " << kSeed;
    EXPECT_NEAR(back->si() / si, 1, 0.006) << print_short(TypeParam::from_si(si));
  }
}

}  // namespace
}  // namespace aisle
