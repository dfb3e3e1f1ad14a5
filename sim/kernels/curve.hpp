// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "sim/kernels/correction.hpp"
#include "topology/cluster.hpp"
#include "workloads/plan.hpp"

#include <array>

namespace aisle::pb {
class Curve;
}

namespace aisle::sim {

/// The rates of a device that a curve is a share of.
struct DeviceRates {
  std::array<double, topology::kPrecisions> flops_per_s{};
  double hbm_bytes_per_s = 0;
  int cores = 1;
};

DeviceRates rates_of(const topology::Accelerator& accelerator);

/// Time of one launch, alone on the device:
///
///   t = (fixed + join(flops / (peak efficiency s), bytes / (HBM hbm_efficiency r))) e^c
///   s = m/(m + half_m) n/(n + half_n) k/(k + half_k), or, tiled, q(m) q(n) w k/(k + half_k)
///
///   r = bytes/(bytes + half_bytes) blocks/(blocks + half_blocks)
///
/// q is the used share of the last tile, w that of the last wave of tiles over the cores, where the
/// depth may be split; join is the larger one, or with `overlap` p, the p-norm; c is the correction
/// measured around this shape, 0 elsewhere. Lengths: grouped_gemm has m / groups rows (weight
/// gradient: k / groups deep); attention and MLA have query tokens x heads / groups rows in each of
/// `groups` (m), one column, and the context as depth (k), which follows from its FLOPs. But for
/// the correction, never falls with m, n, k, and never rises with a rate. Assumes that FLOPs grow
/// with m n k.
struct CurveTerms {
  double efficiency = 0;  ///< of the dense peak; 0: no compute term (memory-bound families)
  double hbm_efficiency = 0;
  double fixed_s = 0;
  double half_m = 0, half_n = 0, half_k = 0;  ///< lengths at which half of the efficiency is lost
  int tile_m = 0, tile_n = 0;                 ///< above 0: tiled, in place of half_m and half_n
  int cores = 0;                              ///< launch width; 0: all
  double half_bytes = 0;                      ///< bytes in flight that reach half of the bandwidth
  double half_blocks = 0;                     ///< blocks in flight that do so
  double overlap = 0;                         ///< exponent of the join; 0: the larger one
  int split_k = 0;                            ///< most parts of the depth; 0: not split
  Correction correction;

  static CurveTerms from(const pb::Curve& curve);

  /// `s` above for one kernel, in (0, 1].
  double shape(const workloads::Kernel& kernel, int device_cores) const;
  /// Without the correction.
  double tiles(const workloads::Kernel& kernel) const;
  Seconds formula(const workloads::Kernel& kernel, const DeviceRates& rates) const;
  Seconds time_of(const workloads::Kernel& kernel, const DeviceRates& rates) const;
};

/// Base-2 logarithms of the lengths over which corrections are given.
std::array<double, 3> logarithms_of(const workloads::Kernel& kernel);

}  // namespace aisle::sim
