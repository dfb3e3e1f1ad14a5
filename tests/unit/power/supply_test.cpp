// SPDX-License-Identifier: Apache-2.0
#include "power/supply.hpp"

#include "sim/base/proto_text.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aisle::power {
namespace {

const topology::Catalogue& shipped() {
  static const topology::Catalogue catalogue = [] {
    Diagnostics diagnostics;
    return std::move(topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics)).value();
  }();
  return catalogue;
}

pb::Supply read(const std::string& text) {
  pb::Supply supply;
  SourceMap places;
  Diagnostics diagnostics;
  EXPECT_TRUE(read_text(text, "supply", supply, places, diagnostics));
  return supply;
}

constexpr const char* kText = R"(
name: "s"
wafers_per_month { quarter: "2025-Q4" figure { low: 50 central: 100 high: 200 } }
wafers_per_month { quarter: "2026-Q4" figure { low: 70 central: 140 high: 280 } }
hbm_stacks_per_quarter { quarter: "2025-Q4" figure { central: 16000 } }
maker { vendor: "NVIDIA" share { quarter: "2025-Q4" figure { central: 0.5 } } }
yield { low: 0.5 central: 0.8 high: 1 }
package { accelerator: "b200-sxm" per_wafer { central: 16 } }
package { accelerator: "h100-sxm" interposer_mm2 { low: 2000 central: 2500 high: 2831 } }
)";

TEST(Quarters, AreReadAndWritten) {
  EXPECT_EQ(parse_quarter("2026-Q1"), 4 * 2026);
  EXPECT_EQ(quarter_name(4 * 2027 + 3), "2027-Q4");
  EXPECT_EQ(quarter_middle(4 * 2026 + 1), "2026-05-15");
  for (const char* none : {"2026-Q5", "2026-Q0", "2026Q1", "26-Q1", "2026-Q1 ", ""}) {
    EXPECT_FALSE(parse_quarter(none)) << none;
  }
}

/// Counts by hand: a wafer of 147 mm, squares of 50 mm: five in the middle row, five and three
/// above it; of 100 mm: two by two in the middle.
TEST(Wafers, PiecesByHand) {
  EXPECT_EQ(pieces_per_wafer(2500), 5 + 2 * 5 + 2 * 3);
  EXPECT_EQ(pieces_per_wafer(10000), 4);
  EXPECT_EQ(pieces_per_wafer(0), 0);
}

/// Published counts: B200 with 3.3 reticles 16, Rubin with 4,700 mm2 9 (analysts).
TEST(Wafers, PiecesAsPublished) {
  EXPECT_NEAR(pieces_per_wafer(2831), 16, 1);
  EXPECT_NEAR(pieces_per_wafer(4700), 9, 1);
}

TEST(Supplies, ByHand) {
  const pb::Supply supply = read(kText);
  // 120 wafers a month half-way, half of them NVIDIA's, 16 packages a wafer, four of five good.
  const auto wafers = chips_per_quarter(supply, shipped(), "b200-sxm", 4 * 2026 + 1, pb::central);
  ASSERT_TRUE(wafers);
  EXPECT_NEAR(wafers->chips, 16000 * 0.5 / (8 / 0.8), 1e-9);  // memory: 8 stacks each
  EXPECT_EQ(wafers->bound_by, SupplyLimit::stacks);
  const auto amounts = supplied(supply, "NVIDIA", 4 * 2026 + 1, pb::central);
  EXPECT_NEAR(*amounts[0], 120 * 3 * 0.5, 1e-9);
  // At the low end packages are the largest, wafers the fewest, and yield the worst.
  const auto low = chips_per_quarter(supply, shipped(), "h100-sxm", 4 * 2025 + 3, pb::low);
  ASSERT_TRUE(low);
  EXPECT_EQ(low->bound_by, SupplyLimit::wafers);
  EXPECT_NEAR(low->chips, 50 * 3 * 0.5 * pieces_per_wafer(2831) * 0.5, 1e-9);
  EXPECT_FALSE(chips_per_quarter(supply, shipped(), "a100-80gb-sxm", 4 * 2026, pb::central));
}

/// Over 300,000 H100 in the second quarter of 2023 (Omdia via tomshardware): what CoWoS allowed
/// NVIDIA then, with half of it, was a little more.
TEST(Supplies, H100OfMid2023) {
  pb::Supply supply = *shipped().supply("cowos");
  auto* share = supply.mutable_maker(0)->mutable_share(0);
  share->mutable_figure()->set_central(0.5);
  const auto made = chips_per_quarter(supply, shipped(), "h100-sxm", 4 * 2023 + 1, pb::central);
  ASSERT_TRUE(made);
  EXPECT_GT(made->chips, 250e3);
  EXPECT_LT(made->chips, 400e3);
}

TEST(Supplies, LowIsBelowCentralIsBelowHigh) {
  for (const pb::Supply* supply : shipped().supplies()) {
    for (const pb::SupplyPackage& package : supply->package()) {
      for (int quarter = 4 * 2024; quarter < 4 * 2028; ++quarter) {
        double before = 0;
        for (const pb::SupplyLevel level : {pb::low, pb::central, pb::high}) {
          const auto made =
              chips_per_quarter(*supply, shipped(), package.accelerator(), quarter, level);
          ASSERT_TRUE(made) << package.accelerator();
          EXPECT_GE(made->chips, before) << package.accelerator() << ' ' << quarter_name(quarter);
          before = made->chips;
        }
      }
    }
  }
}

TEST(Supplies, ShippedOnesAreSound) {
  for (const pb::Supply* supply : shipped().supplies()) {
    Diagnostics diagnostics;
    check_supply(*supply, shipped(), SourceMap(), diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << supply->name();
  }
}

TEST(Supplies, FaultsAreLocated) {
  pb::Supply supply;
  SourceMap places;
  Diagnostics diagnostics;
  ASSERT_TRUE(read_text(R"(name: "s"
wafers_per_month { quarter: "2026-Q7" figure { central: 1 } }
wafers_per_month { quarter: "2026-Q1" figure { low: 3 central: 2 } }
wafers_per_month { quarter: "2025-Q4" figure { central: -1 } }
maker { vendor: "NVIDIA" share { quarter: "2026-Q1" figure { central: 1.5 } } }
package { accelerator: "b2000" yield { high: 1 } }
)",
                        "s.textproto", supply, places, diagnostics));
  check_supply(supply, shipped(), places, diagnostics);
  std::vector<int> lines;
  for (const Diagnostic& d : diagnostics.all()) lines.push_back(d.place.line);
  EXPECT_THAT(lines, testing::ElementsAre(2, 3, 4, 4, 5, 6, 6));
}

}  // namespace
}  // namespace aisle::power
