// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/kernels.hpp"

#include "sim/kernels/calibration.pb.h"
#include "sim/kernels/communication.hpp"
#include "sim/kernels/curve_match.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/figures.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace aisle::sim {
namespace {

using topology::Precision;
using workloads::Direction;
using workloads::Family;
using workloads::Kernel;

using workloads::kFamilies;

// Nearest calibrated relative by architecture: the first prefix of the name that fits.
struct Relative {
  std::string_view prefix, calibrated;
};

constexpr Relative kRelatives[] = {
    {"h800", "h800-sxm"},      {"h20", "h20"},
    {"h100", "h100-sxm"},      {"gh200", "h100-sxm"},
    {"h", "h100-sxm"},         {"a100", "a100-80gb-sxm"},
    {"a800", "a100-80gb-sxm"}, {"v100", "a100-80gb-sxm"},
    {"gb", "gb200"},           {"b", "b200-sxm"},
    {"r", "b200-sxm"},         {"vr", "b200-sxm"},
    {"mi", "mi300x"},          {"", "h100-sxm"},
};

// A device without any curve at hand: shares that most tuned kernels reach.
constexpr double kPlainEfficiency = 0.6, kPlainHbmEfficiency = 0.75;
constexpr double kPlainFixedS = 3e-6, kPlainLaunchGapS = 2e-6;

// Columns at which a product alone has lost half of its rate: the largest of BF16 curves.
constexpr double kProductHalf = 140;

std::size_t index_of(Family family, Direction direction, Precision precision) {
  const auto f = static_cast<std::size_t>(family), d = static_cast<std::size_t>(direction);
  return (f * kDirections + d) * topology::kPrecisions + static_cast<std::size_t>(precision);
}

bool has_matrix_products(Family family) {
  return family == Family::gemm || family == Family::grouped_gemm || family == Family::attention ||
         family == Family::attention_decode || family == Family::mla ||
         family == Family::mla_decode;
}

std::string variant_key(std::string_view variant, std::string_view family,
                        std::string_view direction, std::string_view precision) {
  return fmt::format("{}|{}|{}|{}", variant, family, direction, precision);
}

// The accelerator's own calibration first, then those that it may borrow from, nearest first.
std::vector<const pb::Calibration*> sources(const std::string& name,
                                            const topology::Catalogue& catalogue) {
  std::vector<const pb::Calibration*> found;
  const auto add_chain = [&](std::string_view start) {
    std::string next(start);
    while (const pb::Calibration* calibration =
               next.empty() ? nullptr : catalogue.calibration(next)) {
      if (std::find(found.begin(), found.end(), calibration) != found.end()) { return; }
      found.push_back(calibration);
      next = calibration->borrows_from();
    }
  };
  add_chain(name);
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const Relative& relative : kRelatives) {
    if (lower.substr(0, relative.prefix.size()) == relative.prefix) {
      add_chain(relative.calibrated);
      break;
    }
  }
  add_chain(kRelatives[std::size(kRelatives) - 1].calibrated);
  return found;
}

}  // namespace

// Resolves every (family, direction, precision) once.
struct KernelModel::Builder {
  const topology::Accelerator& accelerator;
  const topology::Catalogue& catalogue;
  KernelModel& model;
  std::vector<const pb::Calibration*> calibrations;
  std::span<const Family> used;
  Setting setting = Setting::table;
  bool has_own = false;
  // Donor (or "") -> families taken from it.
  std::map<std::string, std::set<std::string>> borrowed;
  std::vector<CurvesByFamily> curves;  // of each of `calibrations`

  bool is_own(const pb::Calibration& calibration) const {
    return has_own && &calibration == calibrations.front();
  }

  bool is_used(Family family) const {
    return std::find(used.begin(), used.end(), family) != used.end();
  }

  bool training() const { return setting != Setting::table; }

  // The curve of training steps (or of FlashAttention-2), of the nearest chip that has any plain
  // curve; latent attention without one is as other attention there.
  std::optional<Entry> resolve_training(Family family, Direction direction, Precision precision,
                                        Among own) {
    for (std::size_t i = 0; i < calibrations.size(); ++i) {
      const auto curve_of = [&](Family listed, Among among) {
        return find_curve(curves[i][static_cast<std::size_t>(listed)], direction, precision,
                          Match::exact, among);
      };
      const pb::Curve* curve = curve_of(family, own);
      if (curve == nullptr && family == Family::mla) {
        curve = curve_of(Family::attention, Among::plain);
      }
      if (curve != nullptr) {
        return entry_from(*curve, *calibrations[i], Match::exact, family, precision);
      }
      if (curve_of(family, Among::plain) != nullptr) break;
    }
    return std::nullopt;
  }

  Entry resolve(Family family, Direction direction, Precision precision) {
    if (setting == Setting::training_flash_2 && family == Family::attention) {
      if (auto found = resolve_training(family, direction, precision, Among::flash_2))
        return *found;
    }
    if (training()) {
      if (auto found = resolve_training(family, direction, precision, Among::training))
        return *found;
    }
    for (const bool any : {false, true}) {
      for (const Match match : {Match::exact, Match::other_direction, Match::other_precision}) {
        for (std::size_t i = 0; i < calibrations.size(); ++i) {
          const pb::Calibration* calibration = calibrations[i];
          const Among among = any                                             ? Among::any
                              : is_own(*calibration) && match == Match::exact ? Among::well_measured
                                                                              : Among::plain;
          const auto& list = curves[i][static_cast<std::size_t>(family)];
          const pb::Curve* curve = find_curve(list, direction, precision, match, among);
          if (curve != nullptr) {
            return entry_from(*curve, *calibration, match, family, precision);
          }
        }
      }
    }
    if (is_used(family)) borrowed[""].insert(std::string(workloads::to_string(family)));
    Entry plain;
    plain.terms.efficiency = has_matrix_products(family) ? kPlainEfficiency : 0;
    plain.terms.hbm_efficiency = kPlainHbmEfficiency;
    plain.terms.fixed_s = kPlainFixedS;
    return plain;
  }

  // "fp8 gemm wgrad", with what the curve names.
  static std::string label(const pb::Curve& curve) {
    return fmt::format("{}{}{}{}{}", curve.precision(), curve.has_precision() ? " " : "",
                       curve.family(), curve.has_direction() ? " " : "", curve.direction());
  }

  // A launch width of the donor as the same share of this chip's cores.
  int scaled_width(int width, const std::string& donor) const {
    const pb::Accelerator* entry = catalogue.accelerator(donor);
    const double cores = entry ? std::strtod(entry->cores().value().c_str(), nullptr) : 0;
    return cores > 0 ? static_cast<int>(std::lround(width * model.rates_.cores / cores)) : 0;
  }

  // Feeding and draining a core's matrix units takes what it takes on the donor's cores; it weighs
  // less where the units are slower for their core, and more where they are faster. Shares of one
  // maker's chips carry over so; another's cores are built otherwise, and keep the shares.
  // Attention over a cache waits for memory and is left as it is.
  void scale_to_cores(CurveTerms& terms, std::string_view family, Precision precision,
                      const std::string& donor) const {
    if (family == to_string(Family::attention_decode) || family == to_string(Family::mla_decode)) {
      return;
    }
    const pb::Accelerator* own = catalogue.accelerator(accelerator.name);
    const pb::Accelerator* other = catalogue.accelerator(donor);
    if (own == nullptr || other == nullptr || own->vendor() != other->vendor()) return;
    const double here = accelerator.peak_of(precision).value.si() / model.rates_.cores;
    const double there = peak_per_core(*other, precision);
    if (!(terms.efficiency > 0 && here > 0 && there > 0)) return;
    const double ratio = here / there;
    terms.efficiency = 1 / (1 + (1 / terms.efficiency - 1) * ratio);
    terms.half_m *= ratio;
    terms.half_n *= ratio;
    terms.half_k *= ratio;
  }

  static double peak_per_core(const pb::Accelerator& entry, Precision precision) {
    const double cores = topology::number_or(entry.cores(), 0);
    for (const pb::Peak& peak : entry.peak()) {
      if (topology::parse_precision(peak.precision()) != precision || cores <= 0) continue;
      const auto rate = topology::quantity_of<FlopsPerSecond>(peak.rate());
      if (rate) return rate->si() / cores;
    }
    return 0;
  }

  Entry entry_from(const pb::Curve& curve, const pb::Calibration& calibration, Match match,
                   Family family, Precision precision) {
    Entry entry{CurveTerms::from(curve), Basis::calibrated,
                curve.source().substr(0, curve.source().find_first_of("@:;"))};
    if (match != Match::exact || curve.samples() == 0) { entry.basis = Basis::extrapolated; }
    if (!is_own(calibration)) {
      entry.basis = weakest(Basis::extrapolated, accelerator.hbm_bandwidth.basis);
      if (is_used(family)) borrowed[calibration.accelerator()].insert(label(curve));
      entry.terms.cores = scaled_width(entry.terms.cores, calibration.accelerator());
      scale_to_cores(entry.terms, curve.family(), precision, calibration.accelerator());
    }
    if (training()) leave_products_alone(curve, family, entry.terms);
    return entry;
  }

  // Products of tables as a training step runs them: alone, where a plan has as kernels of their
  // own what the tables time with them. Narrow products are timed with the cast of their input,
  // products of experts with routing, gathering, casting, activation and summing. Both take so many
  // bytes per number of A, which shows as a rate that halves at some 1,000 to 6,000 columns
  // (products alone: below 140), and as launches.
  static void leave_products_alone(const pb::Curve& curve, Family family, CurveTerms& terms) {
    const bool table =
        curve.source().starts_with("aic_") || curve.source().starts_with("ai-dynamo");
    const auto precision = topology::parse_precision(curve.precision());
    if (!table || !precision) return;
    const bool narrow = topology::size_of(*precision).si() < 2;
    if (family != Family::grouped_gemm && !(family == Family::gemm && narrow)) return;
    terms.half_n = std::min(terms.half_n, kProductHalf);
    terms.fixed_s = std::min(terms.fixed_s, kPlainFixedS);
  }

  void resolve_all() {
    model.entries_.resize(static_cast<std::size_t>(kFamilies) * kDirections *
                          topology::kPrecisions);
    for (int f = 0; f < kFamilies; ++f) {
      for (int d = 0; d < kDirections; ++d) {
        for (int p = 0; p < topology::kPrecisions; ++p) {
          const auto family = static_cast<Family>(f);
          const auto direction = static_cast<Direction>(d);
          const auto precision = static_cast<Precision>(p);
          if (accelerator.peak_of(precision).value.si() > 0 || !has_matrix_products(family)) {
            model.entries_[index_of(family, direction, precision)] =
                resolve(family, direction, precision);
          }
        }
      }
    }
  }

  bool has_plain_curve_like(const pb::Curve& other) const {
    for (const pb::Calibration* calibration : calibrations) {
      if (!is_own(*calibration)) continue;
      for (const pb::Curve& curve : calibration->curve()) {
        if (!curve.has_variant() && curve.family() == other.family() &&
            curve.direction() == other.direction() && curve.precision() == other.precision()) {
          return true;
        }
      }
    }
    return false;
  }

  // Curves of single implementations, the nearest chip's first. What another chip's library takes
  // says less than this chip's own usual one.
  void read_variants() {
    for (const pb::Calibration* calibration : calibrations) {
      for (const pb::Curve& curve : calibration->curve()) {
        if (!curve.has_variant()) continue;
        if (!is_own(*calibration) && has_plain_curve_like(curve)) continue;
        const std::string key =
            variant_key(curve.variant(), curve.family(), curve.direction(), curve.precision());
        if (model.variants_.contains(key)) continue;
        Entry entry{CurveTerms::from(curve), Basis::calibrated,
                    curve.source().substr(0, curve.source().find_first_of("@:;"))};
        if (!is_own(*calibration)) {
          entry.basis = Basis::extrapolated;
          if (const auto precision = topology::parse_precision(curve.precision())) {
            scale_to_cores(entry.terms, curve.family(), *precision, calibration->accelerator());
          }
        }
        model.variants_.emplace(key, std::move(entry));
      }
    }
  }

  // A chip whose cores nobody published has its relative's: waves need a number.
  void read_cores() {
    if (model.rates_.cores > 1) return;
    for (const pb::Calibration* calibration : calibrations) {
      const pb::Accelerator* entry = catalogue.accelerator(calibration->accelerator());
      if (entry == nullptr || is_own(*calibration)) continue;
      model.rates_.cores = std::max(1, static_cast<int>(topology::number_or(entry->cores(), 1)));
      return;
    }
  }

  // fp4 -> fp6 -> fp8 -> bf16 and so on, up to the first format that the chip has.
  void choose_formats() {
    constexpr Precision kWider[] = {Precision::fp4,  Precision::fp6,  Precision::int8,
                                    Precision::fp8,  Precision::fp16, Precision::bf16,
                                    Precision::tf32, Precision::fp32, Precision::fp64};
    for (std::size_t i = 0; i < std::size(kWider); ++i) {
      std::size_t j = i;
      while (j + 1 < std::size(kWider) && accelerator.peak_of(kWider[j]).value.si() <= 0) { ++j; }
      model.executed_as_[static_cast<std::size_t>(kWider[i])] = kWider[j];
    }
  }

  void read_conditions() {
    model.launch_gap_ = Seconds::from_si(kPlainLaunchGapS);
    for (const pb::Calibration* calibration : calibrations) {
      if (calibration->has_launch_gap_us()) {
        model.launch_gap_ = Seconds::from_si(calibration->launch_gap_us() * 1e-6);
        break;
      }
    }
    for (const pb::Calibration* calibration : calibrations) {
      if (calibration->has_interference()) {
        model.interference_ = calibration->interference();
        break;
      }
    }
  }

  // The curve of (operation, tier) nearest to the chip; notes the basis that it brings.
  const pb::CommunicationCurve* communication(std::string_view operation, std::string_view tier) {
    for (const pb::Calibration* calibration : calibrations) {
      for (const pb::CommunicationCurve& curve : calibration->communication()) {
        if (curve.operation() == operation && curve.tier() == tier) {
          auto& basis = model.communication_.basis;
          const bool sampled = is_own(*calibration) && curve.samples() > 0;
          basis = weakest(basis, sampled ? Basis::calibrated : Basis::extrapolated);
          return &curve;
        }
      }
    }
    return nullptr;
  }

  void read_communication() {
    workloads::CommunicationProfile& profile = model.communication_;
    profile.basis = calibrations.empty() ? Basis::assumed : Basis::calibrated;
    if (const auto* curve = communication("", "scale_up")) {
      profile.cores_collective = curve->cores();
    }
    if (const auto* curve = communication("dispatch", "scale_out")) {
      profile.dispatch_efficiency = curve->efficiency();
      profile.dispatch_efficiency_beside = curve->efficiency_beside();
      profile.cores_expert = curve->cores();
    }
    if (const auto* curve = communication("combine", "scale_out")) {
      profile.combine_efficiency = curve->efficiency();
      profile.combine_efficiency_beside = curve->efficiency_beside();
    }
    if (const auto* curve = communication("send_recv", "scale_out")) {
      profile.cores_send_recv = curve->cores();
    }
    read_collectives(calibrations, profile);
  }

  void write_caveats() {
    for (const auto& [donor, families] : borrowed) {
      const auto list = fmt::format("{}", fmt::join(families, ", "));
      model.caveats_.push_back(
          donor.empty()
              ? fmt::format("{}: no calibrated kernel curve for {}; a plain roofline is assumed.",
                            accelerator.name, list)
              : fmt::format("{}: kernel curves for {} are those of {}, scaled by the peaks and the "
                            "HBM bandwidth (extrapolated: of chips left out, half of the times lay "
                            "within 3 to 16 %, nine in ten within 46 %).",
                            accelerator.name, list, donor));
    }
  }
};

std::span<const Family> training_families() {
  static constexpr Family kUsed[] = {
      Family::gemm,        Family::grouped_gemm, Family::attention, Family::mla,     Family::norm,
      Family::elementwise, Family::cast,         Family::transpose, Family::permute, Family::router,
      Family::embedding,   Family::loss,         Family::optimizer};
  return kUsed;
}

KernelModel::KernelModel(const topology::Accelerator& accelerator,
                         const topology::Catalogue& catalogue, std::span<const Family> used,
                         Setting setting)
    : rates_(rates_of(accelerator)), device_cores_(rates_.cores) {
  Builder builder{accelerator, catalogue, *this, sources(accelerator.name, catalogue),
                  used,        setting,   false, {},
                  {}};
  for (const pb::Calibration* calibration : builder.calibrations) {
    builder.curves.push_back(by_family(*calibration));
  }
  builder.has_own = catalogue.calibration(accelerator.name) != nullptr;
  builder.read_cores();
  builder.choose_formats();
  builder.resolve_all();
  builder.read_variants();
  builder.read_conditions();
  builder.read_communication();
  builder.write_caveats();
}

const std::string& KernelModel::source_of(const Kernel& kernel) const {
  const Precision precision = executed_as_[static_cast<std::size_t>(kernel.precision)];
  return entries_[index_of(kernel.family, kernel.direction, precision)].source;
}

KernelTime KernelModel::timed(const Kernel& kernel, const Entry& entry) const {
  KernelTime result;
  result.time = entry.terms.time_of(kernel, rates_);
  result.cores = entry.terms.cores > 0 ? std::min(entry.terms.cores, device_cores_) : device_cores_;
  result.basis = entry.basis;
  return result;
}

KernelTime KernelModel::time_of(const Kernel& kernel) const {
  Kernel executed = kernel;
  executed.precision = executed_as_[static_cast<std::size_t>(kernel.precision)];
  return timed(executed, entries_[index_of(kernel.family, kernel.direction, executed.precision)]);
}

KernelTime KernelModel::time_of(const Kernel& kernel, const std::string& variant) const {
  const auto found = variants_.find(
      variant_key(variant, to_string(kernel.family), name_of(kernel.direction),
                  has_matrix_products(kernel.family) ? topology::to_string(kernel.precision) : ""));
  return found == variants_.end() ? time_of(kernel) : timed(kernel, found->second);
}

bool is_tensor_bound(const workloads::Kernel& kernel, const topology::Accelerator& accelerator) {
  if (kernel.flops.si() <= 0) return false;
  const FlopsPerSecond peak = accelerator.peak_of(kernel.precision).value;
  if (peak.si() <= 0) return true;  // runs in a wider format, slower still
  return (kernel.flops / peak).si() >= (kernel.hbm_bytes / accelerator.hbm_bandwidth.value).si();
}

Flops executed_flops(const workloads::Kernel& kernel) {
  constexpr double kTileRows = 16;
  const bool decoding = kernel.family == workloads::Family::attention_decode ||
                        kernel.family == workloads::Family::mla_decode;
  // Each number of the cache, two bytes, is multiplied with a whole tile.
  if (decoding) {
    return std::max(kernel.flops, kTileRows * (kernel.hbm_bytes / units::B) * units::FLOP);
  }
  if (kernel.m <= 0 || kernel.k <= 0) return kernel.flops;
  const double rows = static_cast<double>(kernel.m) / std::max(1, kernel.groups);
  return kernel.flops * (std::ceil(rows / kTileRows) * kTileRows / rows);
}

}  // namespace aisle::sim
