// SPDX-License-Identifier: Apache-2.0
#include "power/export.hpp"

#include "power/supply.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"
#include "topology/catalogue/figures.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace aisle::power {

namespace {

/// Bits of one operand as the rules count them; TF32 has 19 of them.
double bits_of(const std::string& precision) {
  if (precision == "tf32") return 19;
  const auto digit = std::find_if(precision.begin(), precision.end(),
                                  [](unsigned char c) { return std::isdigit(c) != 0; });
  return digit == precision.end() ? 0 : std::stod(std::string(digit, precision.end()));
}

template <typename Q>
double figure_or_zero(const pb::Figure& figure) {
  return topology::quantity_of<Q>(figure).value_or(Q{}).si();
}

/// A limit of a rule, in B/s; 0 where it states none.
double limit_of(const std::string& text) {
  Diagnostics ignored;  // checked by check_regime
  const auto value = parse_quantity<BytesPerSecond>(text, {}, {}, ignored);
  return value ? value->si() : 0;
}

bool hits(const pb::ExportRule& rule, const pb::Accelerator& accelerator,
          const ExportFigures& figures) {
  if (rule.accelerator_size() > 0 && std::find(rule.accelerator().begin(), rule.accelerator().end(),
                                               accelerator.name()) == rule.accelerator().end()) {
    return false;
  }
  if (rule.has_tpp_from() && figures.tpp < rule.tpp_from()) return false;
  if (rule.has_tpp_below() && figures.tpp >= rule.tpp_below()) return false;
  if (rule.has_density_from() && figures.density < rule.density_from()) return false;
  if (rule.has_density_below() && figures.density >= rule.density_below()) return false;
  if (rule.has_io_from() && figures.io < limit_of(rule.io_from())) return false;
  return !rule.has_memory_below() || figures.memory < limit_of(rule.memory_below());
}

}  // namespace

bool is_day(const std::string& text) {
  if (!has_form(text, "0000-00-00")) return false;
  const int month = std::stoi(text.substr(5, 2)), day = std::stoi(text.substr(8, 2));
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

ExportFigures export_figures(const pb::Accelerator& accelerator) {
  ExportFigures figures;
  for (const pb::Peak& peak : accelerator.peak()) {
    const double tpp =
        figure_or_zero<FlopsPerSecond>(peak.rate()) / 1e12 * bits_of(peak.precision());
    if (tpp <= figures.tpp) continue;
    figures.tpp = tpp;
    figures.precision = peak.precision();
  }
  const pb::Package& package = accelerator.package();
  const double dies = topology::number_or(package.compute_dies(), 0);
  const double area = topology::square_millimetres(package.die_area()).value_or(0);
  if (area > 0 && dies > 0) figures.density = figures.tpp / (dies * area);
  figures.io = 2 * figure_or_zero<BytesPerSecond>(accelerator.scale_up_bandwidth());
  figures.memory = figure_or_zero<BytesPerSecond>(accelerator.hbm_bandwidth());
  return figures;
}

const pb::ExportRule* rule_on(const pb::ExportRegime& regime, const pb::Accelerator& accelerator,
                              const std::string& day) {
  if (std::find(regime.domestic().begin(), regime.domestic().end(), accelerator.vendor()) !=
      regime.domestic().end()) {
    return nullptr;
  }
  const ExportFigures figures = export_figures(accelerator);
  const pb::ExportRule* decides = nullptr;
  for (const pb::ExportRule& rule : regime.rule()) {
    if (day < rule.from() || (rule.has_until() && day >= rule.until())) continue;
    if (hits(rule, accelerator, figures)) decides = &rule;
  }
  return decides;
}

std::vector<ExportChange> history(const pb::ExportRegime& regime,
                                  const pb::Accelerator& accelerator) {
  std::set<std::string> days;
  for (const pb::ExportRule& rule : regime.rule()) {
    days.insert(rule.from());
    if (rule.has_until()) days.insert(rule.until());
  }
  std::vector<ExportChange> changes;
  const pb::ExportRule* before = nullptr;
  for (const std::string& day : days) {
    const pb::ExportRule* rule = rule_on(regime, accelerator, day);
    if (rule != before) changes.push_back({day, rule});
    before = rule;
  }
  return changes;
}

void check_regime(const pb::ExportRegime& regime, const SourceMap& places,
                  Diagnostics& diagnostics) {
  for (int i = 0; i < regime.rule_size(); ++i) {
    const pb::ExportRule& rule = regime.rule(i);
    const std::string at = fmt::format("rule[{}].", i);
    const auto check_day = [&](const char* name, const std::string& day) {
      if (is_day(day)) return;
      diagnostics.error(places.find(at + name), at + name, fmt::format("'{}' is no day", day),
                        "a day is written 2026-01-15");
    };
    check_day("from", rule.from());
    if (rule.has_until()) check_day("until", rule.until());
    const auto check_rate = [&](const char* name, const std::string& rate) {
      parse_quantity<BytesPerSecond>(rate, places.find(at + name), at + name, diagnostics);
    };
    if (rule.has_io_from()) check_rate("io_from", rule.io_from());
    if (rule.has_memory_below()) check_rate("memory_below", rule.memory_below());
  }
}

}  // namespace aisle::power
