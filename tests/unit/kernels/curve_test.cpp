// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/curve.hpp"

#include "sim/base/random.hpp"
#include "tests/unit/kernels/support.hpp"

namespace aisle::sim {
namespace {

using workloads::Direction;
using workloads::Family;

CurveTerms terms() {
  CurveTerms terms;
  terms.efficiency = 0.8;
  terms.hbm_efficiency = 0.9;
  terms.fixed_s = 3e-6;
  return terms;
}

TEST(Curve, RooflineCorners) {
  const DeviceRates rates = rates_of(hopper("chip"));
  workloads::Kernel kernel = product(8192, 8192, 8192);
  EXPECT_DOUBLE_EQ(terms().time_of(kernel, rates).si(), 3e-6 + kernel.flops.si() / (989e12 * 0.8));
  kernel = product(1, 8192, 8192);
  EXPECT_DOUBLE_EQ(terms().time_of(kernel, rates).si(),
                   3e-6 + kernel.hbm_bytes.si() / (3.35e12 * 0.9));
  kernel.flops = Flops();
  kernel.hbm_bytes = Bytes();
  EXPECT_DOUBLE_EQ(terms().time_of(kernel, rates).si(), 3e-6);
}

TEST(Curve, HalfLengthsHalve) {
  CurveTerms curve = terms();
  curve.half_k = 512;
  EXPECT_DOUBLE_EQ(curve.shape(product(4096, 4096, 512), 132), 0.5);
  curve.half_m = 4096;
  EXPECT_DOUBLE_EQ(curve.shape(product(4096, 4096, 512), 132), 0.25);
}

TEST(Curve, TilesAndWavesQuantise) {
  CurveTerms curve = terms();
  curve.tile_m = curve.tile_n = 128;
  curve.half_m = curve.half_n = 500;  // tiles take their place
  curve.cores = 112;
  // 112 tiles are one full wave; one more row of tiles starts a second.
  EXPECT_DOUBLE_EQ(curve.shape(product(128 * 16, 128 * 7, 4096), 132), 1);
  EXPECT_DOUBLE_EQ(curve.shape(product(128 * 17, 128 * 7, 4096), 132), 17 * 7 / 224.0);
  // 129 rows need two tiles.
  EXPECT_NEAR(curve.shape(product(129, 128 * 56, 4096), 132), 129 / 256.0, 1e-12);
}

TEST(Curve, GroupsShareRowsOrDepth) {
  CurveTerms curve = terms();
  curve.half_m = 1000;
  workloads::Kernel kernel = product(4000, 2048, 7168);
  kernel.family = Family::grouped_gemm;
  kernel.groups = 4;
  EXPECT_DOUBLE_EQ(curve.shape(kernel, 132), 0.5);
  curve.half_m = 0;
  curve.half_k = 1792;
  kernel.direction = Direction::wgrad;
  EXPECT_DOUBLE_EQ(curve.shape(kernel, 132), 0.5);
}

TEST(Curve, AttentionDepthIsItsContext) {
  CurveTerms curve = terms();
  curve.half_k = 4096;
  workloads::Kernel kernel;
  kernel.family = Family::attention;
  kernel.m = 8192;  // two sequences of 4,096
  kernel.n = 256;
  kernel.k = 16;
  kernel.flops = 2.0 * 8192 * 4096 / 2 * 256 * 16 * units::FLOP;
  EXPECT_NEAR(curve.shape(kernel, 132), 0.5, 1e-12);
}

// Longer shapes never take less time, and faster devices never more.
TEST(Curve, IsMonotonic) {
  constexpr std::uint64_t kSeed = 20260101;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  const DeviceRates rates = rates_of(hopper("chip"));
  for (int i = 0; i < 2000; ++i) {
    CurveTerms curve = terms();
    curve.half_m = 500 * random.uniform();
    curve.half_n = 500 * random.uniform();
    curve.half_k = 500 * random.uniform();
    if (random.below(2) == 0) {
      curve.tile_m = 128;
      curve.tile_n = 256;
    }
    std::int64_t length[3];
    for (std::int64_t& value : length) {
      value = 1 + static_cast<std::int64_t>(random.below(9000));
    }
    const double before = curve.time_of(product(length[0], length[1], length[2]), rates).si();
    length[random.below(3)] += static_cast<std::int64_t>(random.below(300));
    const workloads::Kernel longer = product(length[0], length[1], length[2]);
    const double after = curve.time_of(longer, rates).si();
    EXPECT_GE(after, before * (1 - 1e-12));
    DeviceRates faster = rates;
    faster.hbm_bytes_per_s *= 1 + random.uniform();
    EXPECT_LE(curve.time_of(longer, faster).si(), after);
    faster.flops_per_s[static_cast<std::size_t>(longer.precision)] *= 1 + random.uniform();
    EXPECT_LE(curve.time_of(longer, faster).si(), after);
  }
}

}  // namespace
}  // namespace aisle::sim
