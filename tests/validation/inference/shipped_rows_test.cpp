// SPDX-License-Identifier: Apache-2.0
// How far serving is from measured runs: the rows of scenarios/validation/inference.csv, some of
// every source. Prints the table that docs/model/validation.md quotes.
#include "sim/study/validate.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace {

using aisle::sim::ErrorGroup;
using aisle::sim::Validation;

const Validation& shipped() {
  static const Validation validation = [] {
    aisle::Diagnostics diagnostics;
    const auto catalogue =
        aisle::topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
    const std::string ledger = AISLE_SOURCE_DIR "/scenarios/validation/inference.csv";
    return *aisle::sim::validate({{ledger}, {}, {}}, *catalogue, diagnostics);
  }();
  return validation;
}

// Median |ln(predicted/measured)| of each source as measured, and a third of that, at least 2
// points: a source that gets worse fails, and so does one that disappears.
TEST(ShippedRuns, EverySourceIsWithinItsBound) {
  const std::map<std::string, double> bounds = {
      {"ANL", 0.08},   {"ASC", 0.23}, {"CHI", 1.53}, {"DSK", 0.60}, {"DST", 0.16},
      {"FTR", 0.16},   {"GPF", 0.27}, {"INX", 0.22}, {"MLE", 0.37}, {"MLP41", 0.40},
      {"MLP51", 0.22}, {"MOO", 0.48}, {"NRN", 0.70}, {"S2R", 0.11}, {"SGL", 0.32},
      {"SPW", 0.20},   {"TPU", 0.62}, {"TRT", 0.10}, {"VLL", 0.29},
  };
  std::set<std::string> seen;
  for (const ErrorGroup& group : shipped().groups) {
    if (group.by != "source") continue;
    fmt::print("| {} | {} | {:.1f} % |\n", group.name, group.rows, 100 * group.median);
    seen.insert(group.name);
    const auto bound = bounds.find(group.name);
    if (bound == bounds.end()) {
      ADD_FAILURE() << "no bound for " << group.name;
      continue;
    }
    EXPECT_LE(group.median, bound->second) << group.name;
  }
  for (const auto& [source, bound] : bounds) EXPECT_TRUE(seen.contains(source)) << source;
}

TEST(ShippedRuns, CoverTheFieldAndBothHalves) {
  std::map<std::string, std::set<std::string>> seen;
  for (const auto& row : shipped().rows) {
    seen["chip"].insert(row.accelerator);
    seen["kind"].insert(row.kind);
    seen["half"].insert(row.half);
  }
  EXPECT_GE(shipped().rows.size(), 100U);
  EXPECT_GE(shipped().expressed, 90);
  EXPECT_GE(seen["chip"].size(), 14U);
  EXPECT_GE(seen["kind"].size(), 6U);
  EXPECT_EQ(seen["half"].size(), 2U);
}

TEST(ShippedRuns, WhatIsNotExpressedHasAReason) {
  for (const auto& row : shipped().rows) {
    EXPECT_TRUE(row.predicted || !row.reason.empty()) << row.id;
  }
}

}  // namespace
