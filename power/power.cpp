// SPDX-License-Identifier: Apache-2.0
#include "power/power.hpp"

#include "power/power.pb.h"
#include "sim/base/quantity.hpp"
#include "topology/catalogue/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace aisle::power {

namespace {

using topology::Accelerator;
using topology::Precision;

constexpr auto kReference = static_cast<std::size_t>(Precision::bf16);

// For an accelerator without an entry of its own. The share of the limit drawn at idle and the
// ratio of limit to (bf16 energy x bf16 peak) are means over the chips of the catalogue
// (docs/model/power.md); the energy per HBM byte came out alike for HBM2 and HBM3e.
constexpr double kDeepIdleShare = 0.10;
constexpr double kIdleShare = 0.17;
constexpr double kActiveShare = 0.09;
constexpr double kWaitingShare = 0.09;
constexpr double kLeakageShare = 0.063;
// Chip over coolant at the limit: H200 in air of 25 C ran at 57 to 66 C with 400 to 675 W.
constexpr double kAirRise = 42, kLiquidRise = 21;
constexpr double kFullRateOverLimit = 1.6;
constexpr JoulesPerByte kHbm = 124.0 * units::pJ / units::B;
constexpr JoulesPerByte kDieToDie = 4.0 * units::pJ / units::B;
constexpr JoulesPerByte kLink = 40.0 * units::pJ / units::B;

/// Reads the figures of one entry over a curve that holds the scaled ones.
class EntryReader {
 public:
  EntryReader(const pb::ChipPower& entry, PowerCurve& curve, Diagnostics& diagnostics)
      : entry_(entry), curve_(curve), diagnostics_(diagnostics) {}

  template <typename Q>
  bool read(bool present, const pb::Figure& figure, const std::string& field, Q& target) {
    if (!present) return false;
    const Place place{"power of " + entry_.accelerator(), 0, 0};
    const auto value = parse_quantity<Q>(figure.value(), place, field + ".value", diagnostics_);
    if (!value) return false;
    target = *value;
    return true;
  }

  void read_compute(const Accelerator& accelerator) {
    std::array<bool, topology::kPrecisions> given{};
    for (int i = 0; i < entry_.compute_size(); ++i) {
      const pb::PrecisionEnergy& item = entry_.compute(i);
      const std::string field = fmt::format("compute[{}]", i);
      const auto precision = topology::parse_precision(item.precision());
      if (!precision) {
        diagnostics_.error({"power of " + entry_.accelerator(), 0, 0}, field + ".precision",
                           fmt::format("unknown number format '{}'", item.precision()));
        continue;
      }
      const auto index = static_cast<std::size_t>(*precision);
      given[index] = read(item.has_energy(), item.energy(), field + ".energy", curve_.flop[index]);
    }
    if (!given[kReference]) return;
    const double reference_peak = accelerator.peak[kReference].value.si();
    for (std::size_t p = 0; p < given.size(); ++p) {
      const double peak = accelerator.peak[p].value.si();
      if (given[p]) continue;
      const double ratio = peak > 0 && reference_peak > 0 ? reference_peak / peak : 1;
      curve_.flop[p] = ratio * curve_.flop[kReference];
    }
  }

 private:
  const pb::ChipPower& entry_;
  PowerCurve& curve_;
  Diagnostics& diagnostics_;
};

PowerCurve scaled_curve(const Accelerator& accelerator) {
  PowerCurve curve;
  curve.limit = accelerator.tdp.value;
  curve.idle = accelerator.idle_power.value > Watts{} ? accelerator.idle_power.value
                                                      : kIdleShare * curve.limit;
  const FlopsPerSecond fallback = accelerator.peak[kReference].value;
  for (std::size_t p = 0; p < curve.flop.size(); ++p) {
    const FlopsPerSecond peak =
        accelerator.peak[p].value > FlopsPerSecond{} ? accelerator.peak[p].value : fallback;
    if (peak > FlopsPerSecond{}) curve.flop[p] = kFullRateOverLimit * curve.limit / peak;
  }
  curve.deep_idle = std::min(kDeepIdleShare * curve.limit, curve.idle);
  curve.active = kActiveShare * curve.limit;
  curve.waiting = kWaitingShare * curve.limit;
  curve.leakage = std::min(kLeakageShare * curve.limit, curve.deep_idle);
  if (curve.limit > Watts{}) {
    curve.air_resistance = kAirRise / curve.limit.si();
    curve.liquid_resistance = kLiquidRise / curve.limit.si();
  }
  curve.hbm = kHbm;
  curve.die_to_die = kDieToDie;
  curve.scale_up = curve.nic = kLink;
  curve.basis = Basis::extrapolated;
  return curve;
}

}  // namespace

PowerCurve power_curve(const Accelerator& accelerator, const pb::ChipPower* entry,
                       Diagnostics& diagnostics) {
  PowerCurve curve = scaled_curve(accelerator);
  if (entry == nullptr) {
    diagnostics.note({}, "cluster.accelerator",
                     fmt::format("no power curve of {}: scaled from its TDP", accelerator.name));
    return curve;
  }
  EntryReader reader(*entry, curve, diagnostics);
  reader.read(entry->has_deep_idle(), entry->deep_idle(), "deep_idle", curve.deep_idle);
  reader.read(entry->has_idle(), entry->idle(), "idle", curve.idle);
  reader.read(entry->has_active(), entry->active(), "active", curve.active);
  reader.read(entry->has_waiting(), entry->waiting(), "waiting", curve.waiting);
  reader.read(entry->has_hbm_byte(), entry->hbm_byte(), "hbm_byte", curve.hbm);
  reader.read(entry->has_die_to_die_byte(), entry->die_to_die_byte(), "die_to_die_byte",
              curve.die_to_die);
  reader.read(entry->has_scale_up_byte(), entry->scale_up_byte(), "scale_up_byte", curve.scale_up);
  reader.read(entry->has_nic_byte(), entry->nic_byte(), "nic_byte", curve.nic);
  reader.read(entry->has_limit(), entry->limit(), "limit", curve.limit);
  reader.read(entry->has_leakage(), entry->leakage(), "leakage", curve.leakage);
  reader.read_compute(accelerator);
  for (Watts* part :
       {&curve.deep_idle, &curve.idle, &curve.active, &curve.waiting, &curve.leakage}) {
    *part *= accelerator.silicon;
  }
  curve.voltage_floor = entry->voltage_floor();
  curve.voltage_slope = entry->voltage_slope();
  curve.lowest_clock = entry->lowest_clock();
  curve.celsius = entry->celsius();
  curve.leakage_doubling = entry->leakage_doubling_kelvin();
  curve.celsius_limit = entry->celsius_limit();
  if (entry->has_air_kelvin_per_watt()) curve.air_resistance = entry->air_kelvin_per_watt();
  if (entry->has_liquid_kelvin_per_watt()) {
    curve.liquid_resistance = entry->liquid_kelvin_per_watt();
  }
  curve.basis = topology::basis_of(entry->basis());
  return curve;
}

namespace {

/// Energy that goes with the square of the voltage, and the rest beside idle.
struct Energy {
  Joules cores, other;
};

Energy energy_of(const PowerCurve& curve, const Activity& activity) {
  Energy energy;
  for (std::size_t p = 0; p < activity.flops.size(); ++p) {
    energy.cores += curve.flop[p] * activity.flops[p];
  }
  energy.cores += curve.active * activity.computing + curve.waiting * activity.waiting;
  energy.other = curve.hbm * activity.hbm + curve.die_to_die * activity.die_to_die +
                 curve.scale_up * activity.scale_up + curve.nic * activity.nic;
  return energy;
}

/// Highest clock, of the full one, at which `power` (rising with it) is within the limit.
template <typename Power>
double clock_within(const PowerCurve& curve, Watts limit, const Power& power) {
  if (power(1) <= limit) return 1;
  double low = curve.lowest_clock, high = 1;
  for (int round = 0; round < 50; ++round) {
    const double middle = (low + high) / 2;
    (power(middle) <= limit ? low : high) = middle;
  }
  return low;
}

}  // namespace

PowerCurve warmed(const PowerCurve& curve, double celsius) {
  PowerCurve warm = curve;
  const Watts more =
      curve.leakage * (std::exp2((celsius - curve.celsius) / curve.leakage_doubling) - 1);
  warm.idle += more;
  warm.deep_idle += more;
  warm.leakage += more;
  warm.celsius = celsius;
  return warm;
}

double PowerCurve::voltage(double clock) const {
  return std::max(voltage_floor, 1 - voltage_slope * (1 - clock));
}

Activity& Activity::operator+=(const Activity& other) {
  duration += other.duration;
  computing += other.computing;
  clocked += other.clocked;
  waiting += other.waiting;
  for (std::size_t p = 0; p < flops.size(); ++p) flops[p] += other.flops[p];
  hbm += other.hbm;
  die_to_die += other.die_to_die;
  scale_up += other.scale_up;
  nic += other.nic;
  return *this;
}

Activity& Activity::operator*=(double factor) {
  for (Seconds* time : {&duration, &computing, &clocked, &waiting}) *time *= factor;
  for (Flops& each : flops) each *= factor;
  for (Bytes* bytes : {&hbm, &die_to_die, &scale_up, &nic}) *bytes *= factor;
  return *this;
}

Joules energy_of_work(const PowerCurve& curve, const Activity& activity) {
  Activity work = activity;
  work.computing = work.waiting = Seconds{};
  const Energy energy = energy_of(curve, work);
  return energy.cores + energy.other;
}

Watts demand(const PowerCurve& curve, const Activity& activity) {
  if (activity.duration <= Seconds{}) return curve.idle;
  const Energy energy = energy_of(curve, activity);
  return curve.idle + (energy.cores + energy.other) / activity.duration;
}

Watts mean_power(const PowerCurve& curve, const Activity& activity) {
  return std::min(demand(curve, activity), curve.limit);
}

Throttled throttled(const PowerCurve& curve, const Activity& activity, Watts cap) {
  const Throttled unchanged{1, mean_power(curve, activity), activity.duration};
  if (activity.duration <= Seconds{} || cap == curve.limit) return unchanged;
  const Energy energy = energy_of(curve, activity);
  const auto power = [&](double clock, Seconds duration) {
    const double volts = curve.voltage(clock);
    return curve.idle + (energy.cores * (volts * volts) + energy.other) / duration;
  };
  // Where it stands now: the durations were measured at that clock.
  const double now = clock_within(curve, curve.limit,
                                  [&](double clock) { return power(clock, activity.duration); });
  const auto stretched = [&](double clock) {
    return activity.duration + activity.clocked * (now / clock - 1);
  };
  const double then =
      clock_within(curve, cap, [&](double clock) { return power(clock, stretched(clock)); });
  if (then == now) return unchanged;
  return {then / now, power(then, stretched(then)), stretched(then)};
}

}  // namespace aisle::power
