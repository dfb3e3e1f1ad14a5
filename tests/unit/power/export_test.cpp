// SPDX-License-Identifier: Apache-2.0
#include "power/export.hpp"

#include "sim/base/proto_text.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace aisle::power {
namespace {

const topology::Catalogue& shipped() {
  static const topology::Catalogue catalogue = [] {
    Diagnostics diagnostics;
    return std::move(topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics)).value();
  }();
  return catalogue;
}

/// Published totals. MI355X has FP6 at the rate of FP4, which its published 40,264 leave out.
TEST(ExportFigures, TppOfDataSheets) {
  const std::map<std::string, double> published = {
      {"a100-80gb-sxm", 4992}, {"a800-sxm", 4992},  {"h100-sxm", 15832}, {"h800-sxm", 15832},
      {"h20", 2368},           {"h200-sxm", 15832}, {"b200-sxm", 36000}, {"gb200", 40000},
      {"mi300x", 20919},       {"mi325x", 20919},   {"mi250x", 6128},    {"mi355x", 60396},
      {"gaudi2", 6920},        {"l40s", 5864},      {"h100-pcie", 12104}};
  for (const auto& [name, tpp] : published) {
    const pb::Accelerator* chip = shipped().accelerator(name);
    ASSERT_NE(chip, nullptr) << name;
    EXPECT_NEAR(export_figures(*chip).tpp, tpp, 1) << name;
  }
}

TEST(ExportFigures, DensityOfDataSheets) {
  const std::map<std::string, double> published = {
      {"a100-80gb-sxm", 6.04}, {"h100-sxm", 19.45}, {"h20", 2.91}, {"b200-sxm", 22.5}};
  for (const auto& [name, density] : published) {
    EXPECT_NEAR(export_figures(*shipped().accelerator(name)).density, density, 0.01) << name;
  }
}

std::string on(const std::string& chip, const std::string& day) {
  const pb::ExportRule* rule =
      rule_on(*shipped().export_regime("china"), *shipped().accelerator(chip), day);
  return rule == nullptr ? "none" : pb::ExportStatus_Name(rule->status());
}

/// What happened to the chips that were made to pass, rule by rule.
TEST(ExportRules, ByDate) {
  EXPECT_EQ(on("a100-80gb-sxm", "2022-10-06"), "none");
  EXPECT_EQ(on("a100-80gb-sxm", "2022-10-07"), "denied");
  EXPECT_EQ(on("h100-sxm", "2023-01-01"), "denied");
  for (const char* made_to_pass : {"a800-sxm", "h800-sxm"}) {
    EXPECT_EQ(on(made_to_pass, "2023-10-16"), "none") << made_to_pass;
    EXPECT_EQ(on(made_to_pass, "2023-10-17"), "denied") << made_to_pass;
    EXPECT_EQ(on(made_to_pass, "2026-01-15"), "case_by_case") << made_to_pass;
  }
  EXPECT_EQ(on("l40s", "2023-10-17"), "denied");
  EXPECT_EQ(on("h20", "2024-06-01"), "none");
  EXPECT_EQ(on("h20", "2025-05-15"), "denied");
  EXPECT_EQ(on("h20", "2025-11-15"), "case_by_case");
  EXPECT_EQ(on("h200-sxm", "2025-11-15"), "denied");
  EXPECT_EQ(on("h200-sxm", "2026-02-15"), "case_by_case");
  EXPECT_EQ(on("mi325x", "2026-02-15"), "case_by_case");
  EXPECT_EQ(on("b200-sxm", "2026-02-15"), "denied");
  EXPECT_EQ(on("gb300", "2027-11-15"), "denied");
  EXPECT_EQ(on("ascend-910c", "2026-02-15"), "none");
}

TEST(ExportRules, HistoryNamesChangesAlone) {
  const auto changes =
      history(*shipped().export_regime("china"), *shipped().accelerator("h800-sxm"));
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].day, "2023-10-17");
  EXPECT_EQ(changes[1].day, "2026-01-15");
  EXPECT_EQ(changes[1].rule->surcharge(), 0.25);
}

TEST(ExportRules, FaultsAreLocated) {
  pb::ExportRegime regime;
  SourceMap places;
  Diagnostics diagnostics;
  ASSERT_TRUE(read_text("name: 'x'\nrule {\n from: '2026-13-01'\n io_from: '600'\n}\n",
                        "x.textproto", regime, places, diagnostics));
  check_regime(regime, places, diagnostics);
  ASSERT_EQ(diagnostics.error_count(), 2);
  EXPECT_EQ(diagnostics.all()[0].place.line, 3);
  EXPECT_EQ(diagnostics.all()[1].place.line, 4);
}

TEST(ExportRules, ShippedOnesAreSound) {
  for (const pb::ExportRegime* regime : shipped().export_regimes()) {
    Diagnostics diagnostics;
    check_regime(*regime, SourceMap(), diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << regime->name();
  }
}

}  // namespace
}  // namespace aisle::power
