// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/correction.hpp"

#include "sim/base/random.hpp"
#include "sim/kernels/calibration.pb.h"
#include "tests/unit/kernels/support.hpp"

#include <cmath>

namespace aisle::sim {
namespace {

double truth(const Correction::Point& at) {
  return 0.2 * std::sin(at[0] / 3) + 0.02 * (at[1] - 10) - 0.01 * (at[2] - 10);
}

std::vector<Correction::Sample> samples(double sigma, std::uint64_t seed) {
  Random random(seed);
  std::vector<Correction::Sample> out;
  for (std::uint32_t shape = 0; shape < 60; ++shape) {
    const double n = 8 + 8 * random.uniform(), k = 8 + 8 * random.uniform();
    for (int m = 0; m <= 15; ++m) {
      const Correction::Point at = {static_cast<double>(m), n, k};
      out.push_back({at, truth(at) + sigma * random.normal(), 1, shape});
    }
  }
  return out;
}

TEST(Correction, FindsASmoothFunctionBetweenItsSamples) {
  const Correction correction = Correction::fitted(samples(0.02, 1));
  ASSERT_FALSE(correction.empty());
  Random random(2);
  for (int i = 0; i < 200; ++i) {
    const Correction::Point at = {15 * random.uniform(), 9 + 6 * random.uniform(),
                                  9 + 6 * random.uniform()};
    EXPECT_NEAR(correction.at(at), truth(at), 0.03);
  }
}

TEST(Correction, FallsToZeroOutside) {
  const Correction correction = Correction::fitted(samples(0, 3));
  const double edge = correction.at({0, 12, 12});
  EXPECT_NEAR(correction.at({-2, 12, 12}), edge / 2, 1e-9);
  EXPECT_EQ(correction.at({-Correction::kReach - 1, 12, 12}), 0);
  EXPECT_EQ(correction.at({5, 40, 12}), 0);
}

TEST(Correction, OfNothingButNoiseIsNone) {
  Random random(4);
  std::vector<Correction::Sample> noise;
  for (std::uint32_t i = 0; i < 200; ++i) {
    noise.push_back({{10 * random.uniform(), 10 * random.uniform(), 1}, 0, 1, i});
  }
  EXPECT_TRUE(Correction::fitted(noise).empty());
  EXPECT_TRUE(Correction::fitted(std::span(noise).first(5)).empty());
}

TEST(Correction, SurvivesItsFile) {
  const Correction correction = Correction::fitted(samples(0, 5));
  pb::Correction message;
  correction.write(message);
  const Correction read = Correction::from(message);
  EXPECT_NEAR(read.at({3.3, 11.1, 12.2}), correction.at({3.3, 11.1, 12.2}), 0.006);
  message.add_value(1);  // one more than the grid has
  EXPECT_TRUE(Correction::from(message).empty());
}

// A bump that the formula cannot have is found by the fit, and only with it.
TEST(Fit, CorrectsWhatTheFormulaMisses) {
  Random random(6);
  const DeviceRates rates = rates_of(hopper("chip"));
  CurveTerms terms;
  terms.efficiency = 0.7;
  terms.hbm_efficiency = 0.8;
  terms.fixed_s = 3e-6;
  std::vector<Sample> measured;
  for (std::uint32_t shape = 0; shape < 90; ++shape) {
    const std::int64_t n = 256 << random.below(7), k = 256 << random.below(7);
    for (int doubling = 0; doubling < 15; ++doubling) {
      const workloads::Kernel kernel = product(std::int64_t{1} << doubling, n, k);
      const double bump = 0.4 * std::exp(-(doubling - 6.0) * (doubling - 6.0) / 4);
      measured.push_back(
          {kernel, terms.time_of(kernel, rates) * std::exp(bump), shape % 3 == 0, 1, shape / 3});
    }
  }
  const pb::Curve plain = fit(measured, hopper("chip"));
  const pb::Curve corrected = fit(measured, hopper("chip"), 0, true);
  EXPECT_GT(plain.held_out_p90_error(), 0.1);
  EXPECT_LT(corrected.held_out_median_error(), 0.03);
  EXPECT_LT(corrected.held_out_p90_error(), 0.5 * plain.held_out_p90_error());
  const pb::Curve again = refit(corrected, measured, hopper("chip"));
  EXPECT_EQ(again.efficiency(), corrected.efficiency());
}

}  // namespace
}  // namespace aisle::sim
