// SPDX-License-Identifier: Apache-2.0
// How far collectives are from measured ones: the rows of scenarios/validation/collectives.csv, at
// least one of every published series. Prints the table that docs/model/collectives.md quotes.
#include "sim/study/validate.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace {

using aisle::sim::Validation;

const Validation& shipped() {
  static const Validation validation = [] {
    aisle::Diagnostics diagnostics;
    const auto catalogue =
        aisle::topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
    const std::string ledger = AISLE_SOURCE_DIR "/scenarios/validation/collectives.csv";
    return *aisle::sim::validate({{ledger}, {}, {}}, *catalogue, diagnostics);
  }();
  return validation;
}

TEST(ShippedCollectives, EveryClassIsWithinItsBound) {
  // Medians of |ln(predicted/measured)|: 3.5, 6.8, 4.4, 7.6, 13.5 and 5.2 %, and a third of that.
  const std::map<std::string, double> bounds = {
      {"inside, <= 64 KiB", 0.05}, {"inside, to 16 MiB", 0.09}, {"inside, above", 0.06},
      {"across, <= 64 KiB", 0.10}, {"across, to 16 MiB", 0.18}, {"across, above", 0.07},
  };
  int checked = 0;
  for (const auto& group : shipped().groups) {
    if (group.by != "reach and size" && group.by != "half") continue;
    fmt::print("| {} | {} | {:.1f} % | {:.1f} % |\n", group.name, group.rows, 100 * group.median,
               100 * group.p90);
    if (group.by != "reach and size") continue;
    EXPECT_LE(group.median, bounds.at(group.name)) << group.name;
    ++checked;
  }
  EXPECT_EQ(checked, 6);
  EXPECT_LE(shipped().all.median, 0.07);
  EXPECT_LE(shipped().all.p90, 0.45);
}

TEST(ShippedCollectives, CoverTheFieldAndBothHalves) {
  std::map<std::string, std::set<std::string>> seen;
  for (const auto& row : shipped().rows) {
    seen["chip"].insert(row.chip);
    seen["kind"].insert(row.kind);
    seen["fabric"].insert(row.fabric);
    seen["half"].insert(row.half);
  }
  EXPECT_GE(shipped().rows.size(), 150U);
  EXPECT_GE(seen["chip"].size(), 18U);
  EXPECT_GE(seen["kind"].size(), 8U);
  EXPECT_GE(seen["fabric"].size(), 40U);
  EXPECT_EQ(seen["half"].size(), 2U);
}

TEST(ShippedCollectives, WhatIsNotExpressedHasAReason) {
  for (const auto& row : shipped().rows) {
    EXPECT_TRUE(row.predicted || !row.reason.empty()) << row.id;
  }
  EXPECT_GE(shipped().expressed,
            static_cast<int>(0.9 * static_cast<double>(shipped().rows.size())));
}

}  // namespace
