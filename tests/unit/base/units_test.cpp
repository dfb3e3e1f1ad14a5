// SPDX-License-Identifier: Apache-2.0
#include "sim/base/units.hpp"

#include "sim/base/estimate.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace aisle {
namespace {

using namespace units;

// The compiler's own checks: what a product of units is, and what cannot be added.
template <typename A, typename B>
concept Addable = requires(A a, B b) {
  a + b;
};

static_assert(std::is_same_v<decltype(GB / s), BytesPerSecond>);
static_assert(std::is_same_v<decltype(GB / (GB / s)), Seconds>);
static_assert(std::is_same_v<decltype(W * s), Joules>);
static_assert(std::is_same_v<decltype(J / B), JoulesPerByte>);
static_assert(std::is_same_v<decltype(USD / kWh), DollarsPerJoule>);
static_assert(std::is_same_v<decltype(1.0 / s), Hertz>);
static_assert(std::is_same_v<decltype(GB / GB), double>, "a ratio is a plain number");
static_assert(Addable<Bytes, Bytes>);
static_assert(!Addable<Bytes, Seconds>);
static_assert(!Addable<Watts, Joules>);
static_assert(!Addable<Bytes, double>);
static_assert(!std::is_convertible_v<double, Bytes>);

TEST(Units, SizesAreTheStandardOnes) {
  EXPECT_EQ((1.0 * GiB).in(B), 1073741824.0);
  EXPECT_EQ((1.0 * GB).in(B), 1e9);
  EXPECT_EQ((400.0 * Gb / s).in(GB / s), 50.0);
  EXPECT_EQ((1.0 * kWh).in(J), 3.6e6);
  EXPECT_EQ((1.0 * day).in(hour), 24.0);
  EXPECT_EQ((1.0 * litre).in(m3), 1e-3);
}

TEST(Units, ArithmeticKeepsTheUnit) {
  const Seconds streaming = 80.0 * GB / (3.2 * TB / s);
  EXPECT_DOUBLE_EQ(streaming.in(ms), 25.0);
  EXPECT_LT(streaming, 26.0 * ms);
  EXPECT_EQ((-streaming).si(), -streaming.si());
  const Dollars bill = 700.0 * W * hour * (0.1 * USD / kWh);
  EXPECT_NEAR(bill.in(USD), 0.07, 1e-12);
}

TEST(Estimate, SumsKeepTheWeakestBasis) {
  const Estimate<Seconds> a{1.0 * s, Basis::measured};
  const Estimate<Seconds> b{2.0 * s, Basis::extrapolated};
  const Estimate<Seconds> sum = a + b;
  EXPECT_EQ(sum.value, 3.0 * s);
  EXPECT_EQ(to_string(sum.basis), "extrapolated");
  EXPECT_EQ(to_string(weakest(Basis::calibrated, Basis::vendor)), "vendor");
}

}  // namespace
}  // namespace aisle
