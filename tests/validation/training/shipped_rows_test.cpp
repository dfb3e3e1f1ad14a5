// SPDX-License-Identifier: Apache-2.0
// How far training steps are from measured ones: the rows of scenarios/validation/training.csv,
// some of every source. Prints the table that docs/model/validation.md quotes.
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
    const std::string ledger = AISLE_SOURCE_DIR "/scenarios/validation/training.csv";
    return *aisle::sim::validate({{ledger}, {}, {}}, *catalogue, diagnostics);
  }();
  return validation;
}

// Median |ln(predicted/measured)| of each source as measured, and a third of that, at least 2
// points: a source that gets worse fails, and so does one that disappears.
TEST(ShippedSteps, EverySourceIsWithinItsBound) {
  const std::map<std::string, double> bounds = {
      {"am", 0.13},  {"asc", 0.37}, {"bl", 0.12},  {"col", 0.43},  {"dsp", 0.21},
      {"ibm", 0.06}, {"sta", 0.21}, {"tpu", 0.31}, {"dgxc", 0.09}, {"gcp", 0.51},
      {"glm", 0.18}, {"iev", 0.18}, {"jax", 0.07}, {"kor", 0.06},  {"mb", 0.10},
      {"mlm", 0.18}, {"mlp", 0.07}, {"mpt", 0.12}, {"nemo", 0.04}, {"pap", 0.20},
      {"smx", 0.07}, {"trn", 0.47}, {"tt", 0.15},  {"vt", 0.07},   {"zoo", 0.14},
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

TEST(ShippedSteps, CoverTheFieldAndBothHalves) {
  std::map<std::string, std::set<std::string>> seen;
  for (const auto& row : shipped().rows) {
    seen["chip"].insert(row.accelerator);
    seen["source"].insert(row.source);
    seen["kind"].insert(row.kind);
    seen["half"].insert(row.half);
  }
  EXPECT_GE(shipped().rows.size(), 70U);
  EXPECT_GE(seen["chip"].size(), 11U);
  EXPECT_GE(seen["source"].size(), 28U);
  EXPECT_EQ(seen["kind"].size(), 2U);
  EXPECT_EQ(seen["half"].size(), 2U);
}

TEST(ShippedSteps, WhatIsNotExpressedHasAReason) {
  for (const auto& row : shipped().rows) {
    EXPECT_TRUE(row.predicted || !row.reason.empty()) << row.id;
  }
}

}  // namespace
