// SPDX-License-Identifier: Apache-2.0
#include "sim/report/text.hpp"

#include "sim/report/format.hpp"
#include "sim/report/report.hpp"
#include "tests/unit/report/samples.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace aisle::sim {
namespace {

using namespace report;

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

TEST(ReportText, NumbersRoundFirstAndGroupDigits) {
  EXPECT_EQ(significant(19.926, 3), "19.9");
  EXPECT_EQ(significant(9.996, 3), "10.0");
  EXPECT_EQ(significant(179974, 3), "180,000");
  EXPECT_EQ(significant(-1234567, 3), "-1,230,000");
  EXPECT_EQ(significant(999.6, 3), "1,000");
  EXPECT_EQ(significant(0.012345, 3), "0.0123");
  EXPECT_EQ(significant(0, 3), "0");
  EXPECT_EQ(significant(1e-9, 3), "1.00e-09");
  EXPECT_EQ(thousands(1000), "1,000");
  EXPECT_EQ(thousands(-100), "-100");
  EXPECT_EQ(thousands(-1000000), "-1,000,000");
  EXPECT_EQ(large(3145728, 3), "3.15 million");
  EXPECT_EQ(large(999999, 3), "1,000,000");
}

TEST(ReportText, MetricsAreInTheUnitThatSuitsTheirSize) {
  const auto text = [](const char* name, double value) { return describe_metric(name, value); };
  EXPECT_EQ(text("step_time_s", 19.926).label, "step time");
  EXPECT_EQ(text("step_time_s", 19.926).value, "19.9 s");
  EXPECT_EQ(text("step_time_s", 0.00123).value, "1.23 ms");
  EXPECT_EQ(text("tokens_per_s_per_chip", 1541.9).value, "1,540 tokens/s");
  EXPECT_EQ(text("mfu", 0.38877).value, "38.9 %");
  EXPECT_EQ(text("hbm_peak_bytes", 71.2e9).value, "71.2 GB");
  EXPECT_EQ(text("facility_power_w", 2.05e6).value, "2.05 MW");
  EXPECT_EQ(text("energy_mwh", 0.0114).value, "11.4 kWh");
  EXPECT_EQ(text("run_energy_mwh", 2679).value, "2.68 GWh");
  EXPECT_EQ(text("co2_t", 0.00433).value, "4.33 kg");
  EXPECT_EQ(text("water_m3", 0.00342).value, "3.42 L");
  EXPECT_EQ(text("run_cost_usd", 5.353e6).value, "5.35 million USD");
  EXPECT_EQ(text("run_time_days", 54.45).value, "54.5 days");
}

TEST(ReportText, UnknownMetricsAreReadBySuffix) {
  EXPECT_EQ(label_of("exposed_ring_exchange_s"), "exposed ring exchange");
  EXPECT_EQ(group_of("exposed_ring_exchange_s"), Group::exposed);
  EXPECT_EQ(format_metric("novel_queue_s", 0.0125, 3), "12.5 ms");
  EXPECT_EQ(format_metric("novel_buffer_bytes", 2e6, 3), "2.00 MB");
  EXPECT_EQ(format_metric("novel_power_w", 1500, 3), "1.50 kW");
  EXPECT_EQ(format_metric("requests_per_s", 12, 3), "12.0 1/s");
  EXPECT_EQ(unit_of("novel_fee_usd"), "USD");
  EXPECT_EQ(format_metric("ratio_of_things", 1.5, 3), "1.50");
  EXPECT_EQ(label_of("_s"), " s");
}

TEST(ReportText, WrappingCountsCharactersAndLosesNoWord) {
  const std::vector<std::string> lines = wrap("  ein schöner Tag\nfür alle  ", 12);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "ein schöner");
  EXPECT_EQ(lines[1], "Tag für alle");
  EXPECT_TRUE(wrap(" \n ", 10).empty());
  EXPECT_EQ(right("äöü", 5), "  äöü");
  EXPECT_EQ(left("abcdef", 4), "abc…");
}

TEST(ReportText, SummaryFitsTheTerminalAndHasNoColourCodes) {
  pb::Result awkward = test::sparse_result();
  awkward.mutable_breakdown(0)->set_name(std::string(80, 'x'));
  for (int i = 0; i < 6; ++i) {
    pb::MemoryItem* item = awkward.mutable_memory(3)->add_item();
    item->set_use("another use of memory " + std::to_string(i));
    item->set_bytes(1e9 * i);
  }
  for (const pb::Result& result :
       {test::sparse_result(), test::dense_result(), test::infeasible_result(), awkward}) {
    const std::string text = summary(result);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), 100u) << line;
  }
}

TEST(ReportText, SummaryOfAnInfeasibleJobSaysWhyFirst) {
  const std::string text = summary(test::infeasible_result());
  const std::size_t verdict = text.find("DOES NOT RUN");
  ASSERT_NE(verdict, std::string::npos);
  EXPECT_NE(text.find("91.3 GB", verdict), std::string::npos);
  EXPECT_LT(verdict, text.find("Memory"));
  EXPECT_NE(text.find("TOO MUCH"), std::string::npos);
}

TEST(ReportText, SummaryOfAnEmptyResultStands) {
  pb::Result result;
  EXPECT_NE(summary(result).find("DOES NOT RUN"), std::string::npos);
  result.set_feasible(true);
  EXPECT_FALSE(summary(result).empty());
}

TEST(ReportText, RowsWithoutABoundAreJudgedByNobody) {
  // The third row of the sample is 28 % off, but has no bound.
  pb::Result result = test::sparse_result();
  EXPECT_NE(answer(result).find("1 of 2 published figures within their bounds; the farthest: MFU"),
            std::string::npos);
  const std::string text = summary(result);
  const std::size_t row = text.find("384.5 TFLOP/s   300.0 TFLOP/s");
  ASSERT_NE(row, std::string::npos);
  const std::string line = text.substr(row, text.find('\n', row) - row);
  EXPECT_TRUE(line.ends_with("-")) << line;
  EXPECT_EQ(line.find("within"), std::string::npos);
  EXPECT_EQ(count_of(html_page(result), ">within<"), 1u);

  result.mutable_comparison()->DeleteSubrange(1, 1);
  EXPECT_NE(answer(result).find("The one published figure with a bound is within it: step time"),
            std::string::npos);
  result.mutable_comparison(0)->clear_bound();
  EXPECT_EQ(answer(result).find("published"), std::string::npos);
}

TEST(ReportText, PartsAreInFamiliesWithLabelsAndColoursOfTheirOwn) {
  const std::vector<PartText> parts = describe_parts(test::sparse_result());
  std::vector<std::string> labels;
  std::set<std::string> colours;
  double sum = 0;
  for (const PartText& part : parts) {
    labels.push_back(part.label);
    EXPECT_TRUE(colours.insert(part.colour).second) << part.label;
    sum += part.seconds;
  }
  EXPECT_EQ(labels, (std::vector<std::string>{
                        "forward", "backward", "weight gradient", "optimizer",
                        "pace of the slowest accelerator", "compute slowed by communication",
                        "exposed all-to-all", "exposed reduce-scatter", "exposed ring exchange",
                        "exposed pipeline messages", "pipeline bubble and waiting"}));
  EXPECT_DOUBLE_EQ(sum, 20);
  EXPECT_NE(
      answer(test::sparse_result())
          .find("65.6 % of the step is computation, 15.6 % exposed communication; the largest "
                "loss is pipeline bubble and waiting, 2.88 s (14.4 %)."),
      std::string::npos);
  EXPECT_EQ(label_of("exposed_send_recv_s"), "exposed pipeline messages");
}

/// AISLE_UPDATE_GOLDEN=1 writes the file anew.
TEST(ReportText, SummaryIsAsRecorded) {
  const std::string path = AISLE_SOURCE_DIR "/tests/golden/report/summary.txt";
  const std::string text = summary(test::sparse_result());
  if (std::getenv("AISLE_UPDATE_GOLDEN")) write_file(path, text);
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path;
  std::stringstream recorded;
  recorded << file.rdbuf();
  EXPECT_EQ(text, recorded.str());
}

}  // namespace
}  // namespace aisle::sim
