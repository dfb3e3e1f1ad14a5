// SPDX-License-Identifier: Apache-2.0
#include "sim/study/entries_supply.hpp"

#include "power/export.hpp"
#include "power/supply.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace aisle::sim {

namespace {

std::string decision(const pb::ExportRule* rule) {
  if (rule == nullptr) return "no rule";
  std::string status = pb::ExportStatus_Name(rule->status());
  std::replace(status.begin(), status.end(), '_', ' ');
  if (rule->surcharge() > 0) status += fmt::format(", {:g} % on top", 100 * rule->surcharge());
  return status;
}

void add_history(const pb::ExportRegime& regime, const pb::Accelerator& chip,
                 const std::string& field, std::vector<EntryLine>& lines) {
  for (const power::ExportChange& change : power::history(regime, chip)) {
    const std::string why = change.rule == nullptr
                                ? std::string()
                                : change.rule->name() + " -- " + change.rule->source();
    const pb::Basis basis =
        change.rule != nullptr && change.rule->has_basis() ? change.rule->basis() : regime.basis();
    lines.push_back({{fmt::format("{}.since {}", field, change.day), decision(change.rule),
                      pb::Basis_Name(basis), why}});
  }
}

/// Years that the figures speak of.
std::set<int> years_of(const pb::Supply& supply) {
  std::set<int> years;
  const auto add = [&](const auto& points) {
    for (const pb::SupplyPoint& point : points) {
      if (const auto quarter = power::parse_quarter(point.quarter())) years.insert(*quarter / 4);
    }
  };
  add(supply.wafers_per_month());
  add(supply.hbm_stacks_per_quarter());
  add(supply.dies_per_quarter());
  return years;
}

/// Chips of a year, in thousands.
std::string thousands(double chips) {
  return fmt::format("{:.0f}k", chips / 1e3);
}

}  // namespace

void add_export(const topology::Catalogue& catalogue, const pb::Accelerator& chip,
                std::vector<EntryLine>& lines) {
  const power::ExportFigures figures = power::export_figures(chip);
  if (figures.tpp > 0) {
    lines.push_back({{"export.tpp", fmt::format("{:.0f}", figures.tpp), "",
                      fmt::format("total processing performance: {} TOPS times bits, dense",
                                  figures.precision)}});
  }
  if (figures.density > 0) {
    lines.push_back({{"export.density", fmt::format("{:.2f}", figures.density), "",
                      "performance density: that over mm2 of the compute dies"}});
  }
  for (const pb::ExportRegime* regime : catalogue.export_regimes()) {
    add_history(*regime, chip, "export." + regime->name(), lines);
  }
}

void add_regime(const topology::Catalogue& catalogue, const pb::ExportRegime& regime,
                std::vector<EntryLine>& lines) {
  for (const pb::Accelerator* chip : catalogue.accelerators()) {
    add_history(regime, *chip, chip->name(), lines);
  }
}

void add_supply(const topology::Catalogue& catalogue, const pb::Supply& supply,
                std::vector<EntryLine>& lines) {
  for (const pb::SupplyPackage& package : supply.package()) {
    for (const int year : years_of(supply)) {
      std::array<double, 3> chips{};
      std::set<std::string> bound_by;
      for (int i = 0; i < 12; ++i) {
        const auto level = static_cast<pb::SupplyLevel>(i % 3);
        const auto made = power::chips_per_quarter(supply, catalogue, package.accelerator(),
                                                   4 * year + i / 3, level);
        if (!made) continue;
        chips[static_cast<std::size_t>(i % 3)] += made->chips;
        if (level == pb::central) bound_by.insert(power::to_string(made->bound_by));
      }
      std::string bound;
      for (const std::string& name : bound_by) bound += (bound.empty() ? "" : ", ") + name;
      lines.push_back(
          {{fmt::format("made.{}.{}", package.accelerator(), year),
            fmt::format("{} ({} to {})", thousands(chips[1]), thousands(chips[0]),
                        thousands(chips[2])),
            pb::Basis_Name(supply.basis()), "if its maker made nothing else; bound by " + bound}});
    }
  }
}

}  // namespace aisle::sim
