// SPDX-License-Identifier: Apache-2.0
#include "sim/base/random.hpp"
#include "sim/kernels/calibration.pb.h"
#include "tests/unit/kernels/support.hpp"

#include <cmath>

namespace aisle::sim {
namespace {

// Times of known terms, with noise of `sigma` on their logarithm; every third is held out.
std::vector<Sample> synthetic(const CurveTerms& truth, double sigma, std::uint64_t seed) {
  Random random(seed);
  const DeviceRates rates = rates_of(hopper("chip"));
  std::vector<Sample> samples;
  for (int i = 0; i < 300; ++i) {
    const auto length = [&] { return std::int64_t{16} << random.below(11); };
    const std::int64_t m = length(), n = 8 * length(), k = 8 * length();
    const workloads::Kernel kernel = product(m, n, k);
    const Seconds time = truth.time_of(kernel, rates) * std::exp(sigma * random.normal());
    samples.push_back({kernel, time, i % 3 == 0});
  }
  return samples;
}

TEST(Fit, RecoversTheTermsOfCleanSamples) {
  CurveTerms truth;
  truth.efficiency = 0.72;
  truth.hbm_efficiency = 0.83;
  truth.fixed_s = 4e-6;
  truth.half_m = 60;
  truth.half_n = 150;
  truth.half_k = 400;
  const pb::Curve curve = fit(synthetic(truth, 0, 1), hopper("chip"));
  EXPECT_EQ(curve.family(), "gemm");
  EXPECT_EQ(curve.precision(), "bf16");
  EXPECT_NEAR(curve.efficiency(), 0.72, 0.01);
  EXPECT_NEAR(curve.hbm_efficiency(), 0.83, 0.01);
  EXPECT_NEAR(curve.fixed_us(), 4, 0.1);
  EXPECT_NEAR(curve.half_m(), 60, 6);
  EXPECT_NEAR(curve.half_n(), 150, 15);
  EXPECT_NEAR(curve.half_k(), 400, 40);
  EXPECT_EQ(curve.samples(), 200);
  EXPECT_EQ(curve.held_out_samples(), 100);
  EXPECT_LT(curve.median_error(), 0.01);
  EXPECT_LT(curve.held_out_p90_error(), 0.02);
}

TEST(Fit, ErrorsAreThoseOfTheNoise) {
  CurveTerms truth;
  truth.efficiency = 0.6;
  truth.hbm_efficiency = 0.8;
  truth.fixed_s = 3e-6;
  truth.half_k = 300;
  const pb::Curve curve = fit(synthetic(truth, 0.1, 2), hopper("chip"));
  // Median of |normal| is 0.674 of its deviation.
  EXPECT_NEAR(curve.median_error(), 0.067, 0.02);
  EXPECT_NEAR(curve.held_out_median_error(), 0.067, 0.03);
  EXPECT_NEAR(curve.efficiency(), 0.6, 0.05);
}

TEST(Fit, FindsTheTile) {
  CurveTerms truth;
  truth.efficiency = 0.7;
  truth.hbm_efficiency = 0.8;
  truth.fixed_s = 3e-6;
  truth.tile_m = truth.tile_n = 128;
  truth.cores = 112;
  const pb::Curve curve = fit(synthetic(truth, 0.01, 3), hopper("chip"), 112);
  EXPECT_EQ(curve.tile_m(), 128);
  EXPECT_EQ(curve.tile_n(), 128);
  EXPECT_EQ(curve.cores(), 112);
  EXPECT_NEAR(curve.efficiency(), 0.7, 0.02);
}

TEST(Fit, OutliersDoNotBendProducts) {
  CurveTerms truth;
  truth.efficiency = 0.7;
  truth.hbm_efficiency = 0.8;
  truth.fixed_s = 3e-6;
  std::vector<Sample> samples = synthetic(truth, 0, 4);
  for (std::size_t i = 0; i < samples.size(); i += 20) { samples[i].time *= 5; }
  EXPECT_NEAR(fit(samples, hopper("chip")).efficiency(), 0.7, 0.02);
}

TEST(Fit, StreamingFamiliesMeetTheSumOfTheirTimes) {
  Random random(5);
  std::vector<Sample> samples;
  double sum = 0;
  for (int i = 0; i < 60; ++i) {
    Sample sample;
    sample.kernel.family = workloads::Family::elementwise;
    sample.kernel.direction =
        i % 2 == 0 ? workloads::Direction::forward : workloads::Direction::dgrad;
    sample.kernel.hbm_bytes = (1 + static_cast<double>(random.below(500))) * units::MB;
    // Two kinds of kernels, one at half of the other's rate.
    const double rate = i % 2 == 0 ? 2.6e12 : 1.3e12;
    sample.time = Seconds::from_si(3e-6 + sample.kernel.hbm_bytes.si() / rate);
    sample.weight = sample.time.in(50.0 * units::us);  // by time, so that the sum is met
    sum += sample.time.si();
    samples.push_back(sample);
  }
  const pb::Curve curve = fit(samples, hopper("chip"));
  EXPECT_FALSE(curve.has_direction());
  EXPECT_FALSE(curve.has_efficiency());
  const DeviceRates rates = rates_of(hopper("chip"));
  double predicted = 0;
  for (const Sample& sample : samples) {
    predicted += CurveTerms::from(curve).time_of(sample.kernel, rates).si();
  }
  EXPECT_NEAR(predicted / sum, 1, 0.1);
}

}  // namespace
}  // namespace aisle::sim
