// SPDX-License-Identifier: Apache-2.0
#include "power/supply.hpp"

#include "sim/base/proto_text.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/figures.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <fmt/format.h>
#include <google/protobuf/repeated_field.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace aisle::power {

namespace {

using Points = google::protobuf::RepeatedPtrField<pb::SupplyPoint>;

double at_level(const pb::SupplyFigure& figure, pb::SupplyLevel level) {
  if (level == pb::low && figure.has_low()) return figure.low();
  if (level == pb::high && figure.has_high()) return figure.high();
  return figure.central();
}

/// Linear between the points, held beyond them.
std::optional<double> at_quarter(const Points& points, int quarter, pb::SupplyLevel level) {
  if (points.empty()) return std::nullopt;
  double before = at_level(points[0].figure(), level);
  int since = parse_quarter(points[0].quarter()).value_or(0);
  if (quarter <= since) return before;
  for (const pb::SupplyPoint& point : points) {
    const int at = parse_quarter(point.quarter()).value_or(0);
    const double value = at_level(point.figure(), level);
    if (quarter < at) return before + (value - before) * (quarter - since) / (at - since);
    before = value;
    since = at;
  }
  return before;
}

const pb::SupplyPackage* package_of(const pb::Supply& supply, const topology::Catalogue& catalogue,
                                    const pb::Accelerator* accelerator) {
  for (const pb::SupplyPackage& package : supply.package()) {
    if (catalogue.accelerator(package.accelerator()) == accelerator) return &package;
  }
  return nullptr;
}

/// Interposers of a wafer; large ones at the low end.
double per_wafer(const pb::SupplyPackage& package, pb::SupplyLevel level) {
  if (package.has_per_wafer()) return at_level(package.per_wafer(), level);
  const pb::SupplyLevel size = level == pb::low    ? pb::high
                               : level == pb::high ? pb::low
                                                   : pb::central;
  return pieces_per_wafer(at_level(package.interposer_mm2(), size));
}

/// Faults of figures and quarters of one entry.
struct Check {
  const SourceMap& places;
  Diagnostics& diagnostics;

  void error(const std::string& field, std::string sentence, std::string hint) {
    diagnostics.error(places.find(field), field, std::move(sentence), std::move(hint));
  }

  void figure(const pb::SupplyFigure& figure, const std::string& field, double most) {
    const double low = at_level(figure, pb::low), central = at_level(figure, pb::central);
    const double high = at_level(figure, pb::high);
    if (!figure.has_central()) {
      error(field, "a figure needs its central value", "write central: 0.85");
    } else if (!(low >= 0 && low <= central && central <= high)) {
      error(field,
            fmt::format("low {:g}, central {:g}, high {:g} do not go up", low, central, high),
            "none is negative, and each is at least the one before");
    } else if (high > most) {
      error(field, fmt::format("{:g} is more than all", high), "a share is at most 1");
    }
  }

  void points(const Points& all, const std::string& field, double most = HUGE_VAL) {
    std::optional<int> before;
    for (int i = 0; i < all.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", field, i);
      const auto quarter = parse_quarter(all[i].quarter());
      if (!quarter) {
        error(at + ".quarter", fmt::format("'{}' is no quarter", all[i].quarter()),
              "a quarter is written 2026-Q4");
      } else if (before && *quarter <= *before) {
        error(at + ".quarter", "is not after the quarter before it", "write them in order");
      }
      if (quarter) before = quarter;
      figure(all[i].figure(), at + ".figure", most);
    }
  }
};

}  // namespace

bool has_form(std::string_view text, std::string_view form) {
  return std::equal(text.begin(), text.end(), form.begin(), form.end(), [](char given, char asked) {
    return asked == '0' ? std::isdigit(static_cast<unsigned char>(given)) != 0 : given == asked;
  });
}

std::optional<int> parse_quarter(std::string_view text) {
  if (!has_form(text, "0000-Q0")) return std::nullopt;
  const int quarter = text[6] - '0';
  if (quarter < 1 || quarter > 4) return std::nullopt;
  return std::stoi(std::string(text.substr(0, 4))) * 4 + quarter - 1;
}

std::string quarter_name(int quarter) {
  return fmt::format("{:04}-Q{}", quarter / 4, quarter % 4 + 1);
}

std::string quarter_middle(int quarter) {
  return fmt::format("{:04}-{:02}-15", quarter / 4, quarter % 4 * 3 + 2);
}

int pieces_per_wafer(double area_mm2) {
  constexpr double kRadius = 150 - 3;
  if (!(area_mm2 > 0)) return 0;
  const double side = std::sqrt(area_mm2);
  // Pieces of the row between `near` and `far` from the centre line.
  const auto row = [&](double far) {
    if (far >= kRadius) return 0;
    return static_cast<int>(2 * std::sqrt(kRadius * kRadius - far * far) / side);
  };
  int centred = row(side / 2), halved = 0;
  for (int i = 1; i * side < kRadius; ++i) {
    centred += 2 * row((i + 0.5) * side);
    halved += 2 * row(i * side);
  }
  return std::max(centred, halved);
}

const char* to_string(SupplyLimit limit) {
  switch (limit) {
    case SupplyLimit::wafers:
      return "interposer wafers";
    case SupplyLimit::stacks:
      return "memory stacks";
    case SupplyLimit::dies:
      break;
  }
  return "dies";
}

SupplyAmounts supplied(const pb::Supply& supply, const std::string& vendor, int quarter,
                       pb::SupplyLevel level) {
  constexpr double kMonths = 3;
  double share = 1;
  for (const pb::SupplyMaker& maker : supply.maker()) {
    if (maker.vendor() == vendor) share = at_quarter(maker.share(), quarter, level).value_or(1);
  }
  SupplyAmounts amounts;
  const auto set = [&](SupplyLimit limit, const Points& points, double factor) {
    if (const auto all = at_quarter(points, quarter, level)) {
      amounts[static_cast<std::size_t>(limit)] = *all * factor;
    }
  };
  set(SupplyLimit::wafers, supply.wafers_per_month(), kMonths * share);
  set(SupplyLimit::stacks, supply.hbm_stacks_per_quarter(), share);
  set(SupplyLimit::dies, supply.dies_per_quarter(), 1);
  return amounts;
}

std::optional<SupplyAmounts> needed(const pb::Supply& supply, const topology::Catalogue& catalogue,
                                    const std::string& accelerator, pb::SupplyLevel level) {
  const pb::Accelerator* chip = catalogue.accelerator(accelerator);
  const pb::SupplyPackage* package = package_of(supply, catalogue, chip);
  if (chip == nullptr || package == nullptr) return std::nullopt;
  const double yield = at_level(package->has_yield() ? package->yield() : supply.yield(), level);
  const double good = yield > 0 ? yield : 1;
  SupplyAmounts amounts;
  if (package->has_per_wafer() || package->has_interposer_mm2()) {
    const double pieces = per_wafer(*package, level) * good;
    if (pieces > 0) amounts[static_cast<std::size_t>(SupplyLimit::wafers)] = 1 / pieces;
  }
  // What is lost in packaging takes its memory and dies with it.
  const auto set = [&](SupplyLimit limit, const pb::Figure& figure) {
    const double count = topology::number_or(figure, 0);
    if (count > 0) amounts[static_cast<std::size_t>(limit)] = count / good;
  };
  set(SupplyLimit::stacks, chip->package().hbm_stacks());
  set(SupplyLimit::dies, chip->package().compute_dies());
  return amounts;
}

std::optional<ChipSupply> chips_per_quarter(const pb::Supply& supply,
                                            const topology::Catalogue& catalogue,
                                            const std::string& accelerator, int quarter,
                                            pb::SupplyLevel level) {
  const auto need = needed(supply, catalogue, accelerator, level);
  if (!need) return std::nullopt;
  const SupplyAmounts have =
      supplied(supply, catalogue.accelerator(accelerator)->vendor(), quarter, level);
  std::optional<ChipSupply> least;
  for (std::size_t i = 0; i < kSupplyLimits; ++i) {
    if (!(*need)[i] || !have[i]) continue;
    const double chips = *have[i] / *(*need)[i];
    if (!least || chips < least->chips) least = {chips, static_cast<SupplyLimit>(i)};
  }
  return least;
}

void check_supply(const pb::Supply& supply, const topology::Catalogue& catalogue,
                  const SourceMap& places, Diagnostics& diagnostics) {
  Check check{places, diagnostics};
  check.points(supply.wafers_per_month(), "wafers_per_month");
  check.points(supply.hbm_stacks_per_quarter(), "hbm_stacks_per_quarter");
  check.points(supply.dies_per_quarter(), "dies_per_quarter");
  for (int i = 0; i < supply.maker_size(); ++i) {
    check.points(supply.maker(i).share(), fmt::format("maker[{}].share", i), 1);
  }
  if (supply.has_yield()) check.figure(supply.yield(), "yield", 1);
  for (int i = 0; i < supply.package_size(); ++i) {
    const pb::SupplyPackage& package = supply.package(i);
    const std::string at = fmt::format("package[{}].", i);
    if (catalogue.accelerator(package.accelerator()) == nullptr) {
      check.error(at + "accelerator",
                  fmt::format("unknown accelerator '{}'", package.accelerator()),
                  did_you_mean(package.accelerator(), catalogue.names("accelerator")));
    }
    if (package.has_interposer_mm2()) {
      check.figure(package.interposer_mm2(), at + "interposer_mm2", HUGE_VAL);
    }
    if (package.has_per_wafer()) check.figure(package.per_wafer(), at + "per_wafer", HUGE_VAL);
    if (package.has_yield()) check.figure(package.yield(), at + "yield", 1);
  }
}

}  // namespace aisle::power
