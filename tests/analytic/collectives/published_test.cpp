// SPDX-License-Identifier: Apache-2.0
// Summaries that publications give of whole sweeps (fits, floors, plateaus, charts), beside what
// is predicted: the table of docs/model/collectives.md, "Beside the published summaries".
#include "sim/study/validate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace aisle::sim {
namespace {

Validation published() {
  Diagnostics diagnostics;
  const auto catalogue = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  ValidateOptions options;
  options.ledgers = {AISLE_SOURCE_DIR "/tests/analytic/collectives/published_summaries.csv"};
  options.event = false;
  return *validate(options, *catalogue, diagnostics);
}

TEST(PublishedSummaries, MediansAndTailsMeetTheTargetsOfTheirClass) {
  const std::map<std::string, double> medians = {
      {"inside, <= 64 KiB", 0.10}, {"inside, to 16 MiB", 0.20}, {"inside, above", 0.05},
      {"across, <= 64 KiB", 0.20}, {"across, to 16 MiB", 0.30}, {"across, above", 0.10},
  };
  int checked = 0;
  for (const ErrorGroup& group : published().groups) {
    if (group.by != "reach and size") continue;
    EXPECT_LE(group.median, medians.at(group.name)) << group.name;
    EXPECT_LE(group.p90, 3 * medians.at(group.name)) << group.name;
    ++checked;
  }
  EXPECT_EQ(checked, 6);
}

TEST(PublishedSummaries, OnlyWhatThePageNamesIsFarOff) {
  constexpr double kFar = 0.4;
  const std::set<std::string> named = {
      "6.2-b200-4-all_reduce-001",
      "6.3-trn1-64-all_reduce-001",
      "6.4-h100-tcpxo-2x8-all_reduce-001",
      "6.4-h100-tcpxo-2x8-all_reduce-002",
      "6.4-a100-efa1-2x8-all_reduce-001",
      "6.4-gb300-2x4-all_gather-001",
      "5.2-mi300x-mori-ep32-moe_combine-001",
  };
  for (const ValidationRow& row : published().rows) {
    ASSERT_TRUE(row.predicted.has_value()) << row.id << ": " << row.reason;
    if (named.count(row.id) > 0) continue;
    EXPECT_LT(row.absolute_error(), kFar) << row.id;
  }
}

}  // namespace
}  // namespace aisle::sim
