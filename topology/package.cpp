// SPDX-License-Identifier: Apache-2.0
#include "topology/package.hpp"

#include "sim/base/quantity.hpp"
#include "topology/catalogue/figures.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string_view>

namespace aisle::topology {

namespace {

/// What one stack has at the data rate of its standard (JESD235, JESD238, JESD270), and its usual
/// capacity.
struct Generation {
  std::string_view name;
  double gb_per_s, gb;
};

constexpr std::array kGenerations = {
    Generation{"HBM2", 307, 8},    Generation{"HBM2e", 461, 16}, Generation{"HBM3", 819, 16},
    Generation{"HBM3e", 1229, 24}, Generation{"HBM4", 2048, 36},
};

/// Energy of stacks and their interface, 4 pJ/bit: assumed. What streaming draws beyond it (124
/// pJ/B in all, docs/model/power.md) is silicon.
constexpr JoulesPerByte kMemoryEnergy = 32.0 * units::pJ / units::B;

// The interposer over what stands on it: 2,500 mm2 for H100's die and six stacks (1.7), 4,700 for
// two dies and eight stacks of Rubin (1.9); a stack is about 10 x 11 mm.
constexpr double kInterposerOverParts = 1.8;
constexpr double kStackArea = 110;
constexpr double kReticle = 858;
/// The largest interposer planned, in reticle fields (2027).
constexpr double kMostReticles = 9;

const Generation* generation_of(std::string_view text) {
  // The longest name that the text starts with: "HBM3e (12-high)".
  const Generation* best = nullptr;
  for (const Generation& one : kGenerations) {
    const bool same =
        text.size() >= one.name.size() &&
        std::equal(one.name.begin(), one.name.end(), text.begin(), [](char a, char b) {
          return std::tolower(static_cast<unsigned char>(a)) ==
                 std::tolower(static_cast<unsigned char>(b));
        });
    if (same && (best == nullptr || one.name.size() > best->name.size())) best = &one;
  }
  return best;
}

/// A stack needs an edge of the silicon: six at one reticle-sized die, four a die at more.
double most_stacks(double dies) {
  return dies <= 1 ? 6 : 4 * dies;
}

class Derivation {
 public:
  Derivation(const pb::Accelerator& sold, const pb::Accelerator& chosen, pb::Accelerator& changed,
             const SourceMap& places, Diagnostics& diagnostics)
      : sold_(sold),
        chosen_(chosen),
        changed_(changed),
        places_(places),
        diagnostics_(diagnostics) {}

  std::vector<std::string> run() {
    const pb::Package& parts = chosen_.package();
    const bool silicon = parts.has_compute_dies() || parts.has_die_area();
    const bool memory = parts.has_hbm_stacks() || parts.has_hbm_generation();
    if (!silicon && !memory) return {};
    const int errors = diagnostics_.error_count();
    check_counts();
    if (diagnostics_.error_count() > errors) return {};
    if (memory) derive_memory();
    if (silicon) derive_silicon();
    if (!chosen_.has_tdp()) derive_tdp();
    say_interposer();
    return std::move(said_);
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "cluster.what_if.package." + field;
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  void check_counts() {
    const pb::Package& parts = chosen_.package();
    if (parts.has_compute_dies() && !(number_or(parts.compute_dies(), 1) >= 1))
      error("compute_dies", "a package has at least one compute die", "2");
    if (parts.has_hbm_stacks() && !(number_or(parts.hbm_stacks(), 1) >= 1))
      error("hbm_stacks", "a package has at least one memory stack", "8");
    if (parts.has_hbm_stacks() && !(number_or(sold_.package().hbm_stacks(), 0) > 0))
      error("hbm_stacks", fmt::format("how many stacks {} has is not published", sold_.name()),
            "state hbm_bandwidth and hbm_capacity in cluster.what_if instead");
    if (parts.has_compute_dies() && !(number_or(sold_.package().compute_dies(), 0) > 0))
      error("compute_dies", fmt::format("how many dies {} has is not published", sold_.name()),
            "state the peaks in cluster.what_if instead");
    if (parts.has_die_area() && !square_millimetres(parts.die_area()))
      error("die_area.value", fmt::format("'{}' is no area", parts.die_area().value()), "814 mm2");
    if (parts.has_die_area() && !sold_.package().has_die_area())
      error("die_area", fmt::format("the die area of {} is not published", sold_.name()),
            "state the peaks in cluster.what_if instead");
  }

  static void state(pb::Figure& figure, std::string value) {
    figure.Clear();
    figure.set_value(std::move(value));
    figure.set_basis(pb::assumed);
    figure.set_source("derived from the package");
  }

  /// `figure` of the accelerator times `factor`, unless the study states it.
  template <typename Q>
  void scale(bool stated, const pb::Figure& sold, pb::Figure& figure, double factor,
             const std::string& name) {
    const auto value = quantity_of<Q>(sold);
    if (stated || !value || factor == 1) return;
    state(figure, print_quantity(*value * factor));
    said_.push_back(fmt::format("{} {}", name, print_short(*value * factor)));
  }

  void derive_memory() {
    const pb::Package& parts = chosen_.package();
    const double stacks = number_or(changed_.package().hbm_stacks(), 1) /
                          std::max(1.0, number_or(sold_.package().hbm_stacks(), 1));
    double rate = stacks, capacity = stacks;
    if (parts.has_hbm_generation()) {
      const Generation* to = generation_of(parts.hbm_generation());
      const Generation* from = generation_of(sold_.package().hbm_generation());
      if (to == nullptr || from == nullptr) {
        std::vector<std::string_view> names;
        for (const Generation& one : kGenerations) names.push_back(one.name);
        error(
            "hbm_generation",
            fmt::format("no stack of generation '{}' is known",
                        to == nullptr ? parts.hbm_generation() : sold_.package().hbm_generation()),
            fmt::format("{}; or state hbm_bandwidth and hbm_capacity", fmt::join(names, ", ")));
        return;
      }
      rate *= to->gb_per_s / from->gb_per_s;
      capacity *= to->gb / from->gb;
    }
    scale<BytesPerSecond>(chosen_.has_hbm_bandwidth(), sold_.hbm_bandwidth(),
                          *changed_.mutable_hbm_bandwidth(), rate, "HBM");
    scale<Bytes>(chosen_.has_hbm_capacity(), sold_.hbm_capacity(), *changed_.mutable_hbm_capacity(),
                 capacity, "memory");
    const double count = number_or(changed_.package().hbm_stacks(), 0);
    const double dies = number_or(changed_.package().compute_dies(), 1);
    if (count > most_stacks(dies) && number_or(sold_.package().io_dies(), 0) == 0)
      said_.push_back(
          fmt::format("more stacks ({:g}) than {:g} reticle-sized dies have edges for "
                      "({:g})",
                      count, dies, most_stacks(dies)));
  }

  void derive_silicon() {
    const double ratio = silicon_ratio(sold_, changed_);
    for (int i = 0; i < sold_.peak_size(); ++i) {
      const pb::Peak& peak = sold_.peak(i);
      const auto same = [&](const pb::Peak& other) {
        return other.precision() == peak.precision();
      };
      const bool stated = std::any_of(chosen_.peak().begin(), chosen_.peak().end(), same);
      const auto rate = quantity_of<FlopsPerSecond>(peak.rate());
      if (stated || !rate) continue;
      state(*changed_.mutable_peak(i)->mutable_rate(), print_quantity(*rate * ratio));
      if (peak.precision() == "bf16") said_.push_back("BF16 peak " + print_short(*rate * ratio));
    }
    if (!chosen_.has_cores() && sold_.has_cores()) {
      const double cores = std::max(1.0, std::round(number_or(sold_.cores(), 1) * ratio));
      state(*changed_.mutable_cores(), fmt::format("{:.0f}", cores));
      said_.push_back(fmt::format("{:.0f} cores", cores));
    }
    scale<Bytes>(chosen_.has_l2_capacity(), sold_.l2_capacity(), *changed_.mutable_l2_capacity(),
                 ratio, "L2");
    derive_links();
  }

  /// Each die brings its own edge; addresses are spread over the stacks of all dies.
  void derive_links() {
    pb::Package& parts = *changed_.mutable_package();
    const double before = number_or(sold_.package().compute_dies(), 1);
    const double dies = number_or(parts.compute_dies(), 1);
    if (dies == before) return;
    if (before > 1)
      scale<BytesPerSecond>(
          chosen_.package().has_die_to_die_bandwidth(), sold_.package().die_to_die_bandwidth(),
          *parts.mutable_die_to_die_bandwidth(), dies / before, "between dies, both directions,");
    if (dies <= 1) {
      parts.clear_die_to_die_bandwidth();
      parts.clear_die_crossing();
    } else if (!parts.has_die_to_die_bandwidth()) {
      said_.push_back("the link between the dies is not stated, so it is not counted");
    } else if (!chosen_.package().has_die_crossing()) {
      state(*parts.mutable_die_crossing(), fmt::format("{:g}", (dies - 1) / dies));
    }
  }

  void derive_tdp() {
    const auto tdp = quantity_of<Watts>(sold_.tdp());
    const auto before = quantity_of<BytesPerSecond>(sold_.hbm_bandwidth());
    const auto after = quantity_of<BytesPerSecond>(changed_.hbm_bandwidth());
    if (!tdp || !before || !after) return;
    const Watts memory = kMemoryEnergy * *before;
    const Watts derived =
        std::max(Watts{}, *tdp - memory) * silicon_ratio(sold_, changed_) + kMemoryEnergy * *after;
    if (derived == *tdp) return;
    state(*changed_.mutable_tdp(), print_quantity(derived));
    said_.push_back("TDP " + print_short(derived));
  }

  void say_interposer() {
    const auto area = square_millimetres(changed_.package().die_area());
    const double stacks = number_or(changed_.package().hbm_stacks(), 0);
    if (!area || stacks <= 0 || number_or(sold_.package().io_dies(), 0) > 0) return;
    const double dies = number_or(changed_.package().compute_dies(), 1);
    const double size = kInterposerOverParts * (dies * *area + stacks * kStackArea);
    said_.push_back(fmt::format(
        "interposer about {:.0f} mm2, {:.1f} reticle fields{}", size, size / kReticle,
        size > kMostReticles * kReticle ? ", larger than any that is planned (9)" : ""));
  }

  const pb::Accelerator& sold_;
  const pb::Accelerator& chosen_;
  pb::Accelerator& changed_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
  std::vector<std::string> said_;
};

}  // namespace

double silicon_ratio(const pb::Accelerator& sold, const pb::Accelerator& changed) {
  const auto silicon = [](const pb::Package& package) {
    return number_or(package.compute_dies(), 1) *
           square_millimetres(package.die_area()).value_or(1);
  };
  return silicon(changed.package()) / silicon(sold.package());
}

std::vector<std::string> derive_from_package(const pb::Accelerator& sold,
                                             const pb::Accelerator& chosen,
                                             pb::Accelerator& changed, const SourceMap& places,
                                             Diagnostics& diagnostics) {
  return Derivation(sold, chosen, changed, places, diagnostics).run();
}

}  // namespace aisle::topology
