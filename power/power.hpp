// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/facility.hpp"
#include "power/series.hpp"
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

namespace aisle::topology {
class Catalogue;
}

namespace aisle::power {

/// What one accelerator did over a time: totals, not rates.
struct Activity {
  Seconds duration;
  Seconds computing;  ///< of it, in kernels that compute
  Seconds clocked;    ///< of `computing`, in kernels whose time goes with the clock
  Seconds waiting;    ///< in kernels that move data or wait for others, and nothing else
  std::array<Flops, topology::kPrecisions> flops{};
  Bytes hbm, die_to_die, scale_up, nic;  ///< link bytes: sent and received together

  Activity& operator+=(const Activity& other);
  Activity& operator*=(double factor);
};

/// Power curve of one accelerator after defaults (docs/model/power.md): what it draws at rest,
/// while kernels run and while it waits, and the energy of each operation and byte, all at full
/// clock.
struct PowerCurve {
  Watts deep_idle;  ///< no process on the device
  Watts idle;       ///< a process with its memory, no kernel
  Watts active;     ///< beside idle, while kernels compute: clocks, instructions, caches
  Watts waiting;    ///< beside idle, while a kernel waits for others or moves data alone
  Watts limit;      ///< of the board
  Watts floor;      ///< burnt at least, while a job runs
  double fall = 0;  ///< W/s, the fastest: what is missing is burnt; 0: any
  std::array<JoulesPerFlop, topology::kPrecisions> flop{};
  JoulesPerByte hbm, die_to_die, scale_up, nic;
  double lowest_clock = 0.15;  ///< of the full clock
  double voltage_floor = 0.7;  ///< of the voltage at full clock
  double voltage_slope = 1;    ///< change of that share over change of the clock's share
  Watts leakage;               ///< of idle, at `celsius`, where everything else was measured
  double celsius = 60, leakage_doubling = 30, celsius_limit = 87;
  double air_resistance = 0, liquid_resistance = 0;  ///< K/W, chip over coolant
  Basis basis = Basis::assumed;

  /// Voltage, as a share of that at full clock, that this share of the clock needs.
  double voltage(double clock) const;
};

/// The curve of the catalogue, or one scaled from the accelerator's TDP, peaks and bandwidth (basis
/// extrapolated) where it has none.
PowerCurve power_curve(const topology::Accelerator& accelerator, const pb::ChipPower* entry,
                       Diagnostics& diagnostics);

/// Energy of the activity's operations and bytes alone, at full clock.
Joules energy_of_work(const PowerCurve& curve, const Activity& activity);

/// How heat leaves one accelerator.
struct Coolant {
  double celsius = 25;       ///< where it reaches the accelerator
  double resistance = 0.06;  ///< K/W

  double chip(Watts power) const { return celsius + resistance * power.si(); }
};

/// The curve of a chip that is so warm: what leaks at rest doubles with every `leakage_doubling`.
/// At the curve's own temperature it is the same to the last bit.
PowerCurve warmed(const PowerCurve& curve, double celsius);

/// What the activity would draw at full clock, whatever the limit.
Watts demand(const PowerCurve& curve, const Activity& activity);

/// Mean power over the activity: its demand, at most the limit.
Watts mean_power(const PowerCurve& curve, const Activity& activity);

/// An activity under a cap.
struct Throttled {
  double clock = 1;  ///< over the clock that the activity has at the curve's own limit
  Watts power;
  Seconds duration;
};

/// The same work under another limit. The durations of `activity` are those at the curve's own
/// limit, so that cap returns them unchanged. The clock is the highest at which the activity's mean
/// power is within the cap; `clocked` time goes with it, energy of operations and of `active` with
/// the square of the voltage, memory and links with neither. Averages over the activity, as boards
/// do over tens of milliseconds.
Throttled throttled(const PowerCurve& curve, const Activity& activity, Watts cap);

/// Site figures after defaults.
struct SiteModel {
  double pue = 1;
  DollarsPerJoule tariff;
  KilogramsPerJoule carbon;
  CubicMetresPerJoule water;
  Watts host_power;     ///< per accelerator, at rest
  double fans = 0;      ///< beside it, of what an accelerator draws above idle
  Watts idle;           ///< of an accelerator
  double supplies = 1;  ///< efficiency of a node's power supplies
  Basis host_power_basis = Basis::assumed;
  DollarsPerSecond rental;  ///< per accelerator
  Basis rental_basis = Basis::assumed;

  /// A site by the hour, in place of pue, tariff, carbon and water.
  struct Hours {
    Delivery delivery;
    Cooling cooling;
    YearTerms year;
    Watts curtail_cap;   ///< of an accelerator in hours of demand response; 0: the job pauses
    Seconds pause_loss;  ///< of work, with each pause
  };

  std::optional<Hours> hours;

  struct Owned {
    Dollars it;    ///< per accelerator, all IT
    double plant;  ///< USD per W
    double it_years, plant_years, interest, upkeep;
  };

  std::optional<Owned> owned;

  std::vector<FeedLimit> feed_limits;
  Watts rack_limit;           ///< 0: none
  Kilograms embodied;         ///< of an accelerator and its part of a node; 0: not known
  double embodied_years = 1;  ///< of use over which it is spread
};

/// What a site is built from.
struct SiteGround {
  const topology::Cluster& cluster;
  const PowerCurve& curve;
  const topology::Catalogue& catalogue;
  std::string folder;  ///< of the scenario, where its series lie
};

/// Beside its accelerators a node draws what it was measured to draw at rest, less theirs;
/// air-cooled ones blow more the more heat there is. Where nobody measured that, its maximum less
/// their limits.
/// With a delivery, cooling or a year the site goes by the hour; a feed that cannot carry the
/// cluster at rest is an error.
std::optional<SiteModel> build_site(const pb::Site& site, const SiteGround& ground,
                                    const SourceMap& places, Diagnostics& diagnostics);

/// What a node takes in for each accelerator that draws so much.
Watts node_power(const SiteModel& site, Watts accelerator);
/// What an accelerator may draw for its node to take in so much: the inverse.
Watts accelerator_power(const SiteModel& site, Watts node);

/// What a job that lasts `duration` costs at a site, accelerators and hosts together. Cost is
/// rental plus nothing: rental is taken to include power; energy cost is given beside it. At a site
/// by the hour, figures are the means of a year of that job; `capped`: as it goes on in hours of
/// demand response.
struct Bill {
  Watts it_power, facility_power;
  Joules energy;  ///< at the utility feed
  Dollars energy_cost, rental;
  Kilograms co2;       ///< of the energy
  Kilograms embodied;  ///< of making what is used, in proportion to the time; 0: not known
  CubicMetres water;
  std::optional<Year> year;
  double stretch = 1;                 ///< of the job's time by demand response; in all figures
  std::vector<Overload> overloads;    ///< at the year's highest draw
  std::optional<Dollars> owned_cost;  ///< capital, upkeep and energy
};

/// Equal rates that pay back a price in so many years at that interest, per year, as a share of it.
double yearly_rate(double years, double interest);

Bill bill(const SiteModel& site, Watts accelerator_power, int accelerators, Seconds duration,
          const std::optional<Throttled>& capped = std::nullopt);

/// What an activity is under the cap of the site's demand response; nothing where there is none.
std::optional<Throttled> under_response(const SiteModel& site, const PowerCurve& curve,
                                        const Activity& activity);

}  // namespace aisle::power
