// SPDX-License-Identifier: Apache-2.0
#include "power/power.hpp"

#include "power/power.pb.h"
#include "sim/base/quantity.hpp"
#include "topology/catalogue/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace aisle::power {

namespace {

using topology::Accelerator;
using topology::Precision;

constexpr auto kReference = static_cast<std::size_t>(Precision::bf16);

// For an accelerator without an entry of its own. The share of the limit drawn at idle and the
// ratio of limit to (bf16 energy x bf16 peak) are means over the chips of the catalogue
// (docs/model/power.md); the energy per HBM byte came out alike for HBM2 and HBM3e.
constexpr double kIdleShare = 0.17;
constexpr double kFullRateOverLimit = 1.5;
constexpr JoulesPerByte kHbm = 124.0 * units::pJ / units::B;
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
  curve.hbm = kHbm;
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
  reader.read(entry->has_idle(), entry->idle(), "idle", curve.idle);
  reader.read(entry->has_hbm_byte(), entry->hbm_byte(), "hbm_byte", curve.hbm);
  reader.read(entry->has_scale_up_byte(), entry->scale_up_byte(), "scale_up_byte", curve.scale_up);
  reader.read(entry->has_nic_byte(), entry->nic_byte(), "nic_byte", curve.nic);
  reader.read(entry->has_limit(), entry->limit(), "limit", curve.limit);
  reader.read_compute(accelerator);
  curve.basis = topology::basis_of(entry->basis());
  return curve;
}

Watts mean_power(const PowerCurve& curve, const Activity& activity) {
  if (activity.duration <= Seconds{}) return std::min(curve.idle, curve.limit);
  Joules energy =
      curve.hbm * activity.hbm + curve.scale_up * activity.scale_up + curve.nic * activity.nic;
  for (std::size_t p = 0; p < activity.flops.size(); ++p) {
    energy += curve.flop[p] * activity.flops[p];
  }
  return std::min(curve.idle + energy / activity.duration, curve.limit);
}

}  // namespace aisle::power
