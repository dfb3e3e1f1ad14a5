// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/estimate.hpp"
#include "sim/base/units.hpp"
#include "topology/cluster.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace aisle {
class SourceMap;
}

namespace aisle::pb {
class ChipPower;
class Site;
}  // namespace aisle::pb

namespace aisle::power {

/// What one accelerator did over a time: totals, not rates.
struct Activity {
  Seconds duration;
  std::array<Flops, topology::kPrecisions> flops{};
  Bytes hbm, scale_up, nic;  ///< link bytes: sent and received together
};

/// Power curve of one accelerator after defaults (docs/model/power.md): idle + energy per
/// operation, per byte of each kind, at most the limit.
struct PowerCurve {
  Watts idle, limit;
  std::array<JoulesPerFlop, topology::kPrecisions> flop{};
  JoulesPerByte hbm, scale_up, nic;
  Basis basis = Basis::assumed;
};

/// The curve of the catalogue, or one scaled from the accelerator's TDP, peaks and bandwidth (basis
/// extrapolated) where it has none.
PowerCurve power_curve(const topology::Accelerator& accelerator, const pb::ChipPower* entry,
                       Diagnostics& diagnostics);

/// Mean power over the activity.
Watts mean_power(const PowerCurve& curve, const Activity& activity);

/// Site figures after defaults.
struct SiteModel {
  double pue = 1;
  DollarsPerJoule tariff;
  KilogramsPerJoule carbon;
  CubicMetresPerJoule water;
  Watts host_power;  ///< per accelerator
  Basis host_power_basis = Basis::assumed;
  DollarsPerSecond rental;  ///< per accelerator
  Basis rental_basis = Basis::assumed;
};

std::optional<SiteModel> build_site(const pb::Site& site, const topology::Cluster& cluster,
                                    const SourceMap& places, Diagnostics& diagnostics);

/// What a job that lasts `duration` costs at a site, accelerators and hosts together. Cost is
/// rental plus nothing: rental is taken to include power; energy cost is given beside it.
struct Bill {
  Watts it_power, facility_power;
  Joules energy;  ///< at the utility feed
  Dollars energy_cost, rental;
  Kilograms co2;
  CubicMetres water;
};

Bill bill(const SiteModel& site, Watts accelerator_power, int accelerators, Seconds duration);

}  // namespace aisle::power
