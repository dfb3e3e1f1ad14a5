// SPDX-License-Identifier: Apache-2.0
#include "sim/report/report.hpp"
#include "sim/report/text.hpp"
#include "tests/unit/report/samples.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <sstream>

namespace aisle::sim {
namespace {

using simdjson::dom::object;

TEST(ReportCompare, DifferencesByPartAddUpToTheDifference) {
  // The dense sample leaves 0.25 s of its 12 s in no part; that must show, and be counted.
  const std::vector<pb::Result> results = {test::sparse_result(), test::dense_result()};
  simdjson::dom::parser parser;
  const object document = parser.parse(comparison_json(results));
  const object difference = document["step_time_difference_s"].at(0);
  double sum = 0;
  for (const auto& part : object(difference["parts"])) sum += double(part.value);
  EXPECT_NEAR(sum, 12 - 20, 1e-9);
  EXPECT_NEAR(double(difference["total"]), 12 - 20, 1e-9);
  EXPECT_NEAR(double(difference["parts"]["in no part"]), 0.25, 1e-9);
  EXPECT_NEAR(double(difference["parts"]["exposed all_to_all"]), -2.5, 1e-12);

  // 1 / (tokens/s per chip), a million times: 651.04 and 976.56 chip-seconds.
  const object normalised = document["per_token"]["chip_seconds_per_million_tokens"];
  EXPECT_NEAR(double(normalised["values"].at(0)), 1e6 / 1536, 1e-6);
  EXPECT_NEAR(double(normalised["values"].at(1)), 1e6 / 1024, 1e-6);
  EXPECT_NEAR(double(normalised["ratio_to_first"].at(1)), 1.5, 1e-9);
  const object per_token = document["chip_seconds_per_million_tokens_difference"].at(0);
  EXPECT_NEAR(double(per_token["total"]), 1e6 / 1024 - 1e6 / 1536, 1e-6);
}

TEST(ReportCompare, PerTokenFiguresAgreeWithTheMetrics) {
  const std::vector<pb::Result> results = {test::sparse_result()};
  simdjson::dom::parser parser;
  const object document = parser.parse(comparison_json(results));
  EXPECT_NEAR(double(document["per_token"]["gpu_hours_per_trillion_tokens"]["values"].at(0)),
              180844.9, 0.1);
  EXPECT_NEAR(double(document["per_token"]["usd_per_million_tokens"]["values"].at(0)), 0.36168,
              1e-4);
}

TEST(ReportCompare, SaysPerTokenFirstAndTheBasisOfEachFigure) {
  const std::vector<pb::Result> results = {test::sparse_result(), test::dense_result()};
  const std::string text = comparison_table(results);
  const std::size_t answer = text.find("Per token, B takes 1.50 times the chip time of A");
  ASSERT_NE(answer, std::string::npos) << text;
  EXPECT_LT(answer, text.find("Speed"));
  // The dense sample has no such part; it is no part of zero seconds.
  const std::size_t row = text.find("exposed pipeline messages");
  ASSERT_NE(row, std::string::npos);
  EXPECT_NE(text.substr(row, text.find('\n', row) - row).find(" - "), std::string::npos);
  // Computation first, waiting last, then the sums.
  EXPECT_LT(text.find("backward"), text.find("exposed all-to-all"));
  EXPECT_LT(text.find("pipeline bubble"), text.find("together"));
  simdjson::dom::parser parser;
  const object document = parser.parse(comparison_json(results));
  EXPECT_EQ(std::string_view(document["metrics"]["step_time_s"]["basis"].at(0)), "calibrated");
  EXPECT_EQ(std::string_view(document["per_token"]["usd_per_million_tokens"]["basis"].at(1)),
            "assumed");
  EXPECT_NE(std::string_view(document["results"].at(1)["workload"]).find("dense-70b"),
            std::string_view::npos);
}

TEST(ReportCompare, AResultThatDoesNotRunHasNoFigures) {
  const std::vector<pb::Result> results = {test::sparse_result(), test::infeasible_result()};
  simdjson::dom::parser parser;
  const object document = parser.parse(comparison_json(results));
  EXPECT_TRUE(document["metrics"]["step_time_s"]["values"].at(1).is_null());
  EXPECT_FALSE(bool(document["results"].at(1)["feasible"]));
  EXPECT_NE(comparison_table(results).find("does not run"), std::string::npos);
}

TEST(ReportCompare, TheTableFitsAndNamesEveryResult) {
  std::vector<pb::Result> results = {test::sparse_result(), test::dense_result(),
                                     test::infeasible_result(), test::sparse_result()};
  const std::string text = comparison_table(results);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(report::columns(line), 120u) << line;
  }
  EXPECT_NE(text.find("Dense pre-training step"), std::string::npos);
  EXPECT_NE(text.find("x1.500"), std::string::npos);
  // Models of different size: the parts are compared per token too.
  EXPECT_NE(text.find("Chip-s / million tokens by part"), std::string::npos);
  const std::vector<pb::Result> same = {test::sparse_result(), test::sparse_result()};
  EXPECT_EQ(comparison_table(same).find("Chip-s"), std::string::npos);
  EXPECT_TRUE(comparison_table({}).empty());
}

/// The samples with their steps of 20 s and 12 s by resource.
std::vector<pb::Result> with_resources() {
  std::vector<pb::Result> results = {test::sparse_result(), test::dense_result()};
  const auto add = [](pb::Result& result, const char* name, double seconds) {
    pb::Part& part = *result.add_resource();
    part.set_name(name);
    part.set_seconds(seconds);
  };
  add(results[0], "tensor cores", 11);
  add(results[0], "exposed EP", 6);
  add(results[0], "pipeline bubble", 3);
  add(results[1], "tensor cores", 9.5);
  add(results[1], "exposed TP", 2.5);
  return results;
}

TEST(ReportCompare, ResourcesExplainTheWholeDifference) {
  const std::vector<pb::Result> results = with_resources();
  simdjson::dom::parser parser;
  const object document = parser.parse(comparison_json(results));
  const object difference = document["step_time_difference_by_resource_s"].at(0);
  double sum = 0;
  for (const auto& part : object(difference["parts"])) sum += double(part.value);
  EXPECT_NEAR(sum, 12 - 20, 1e-12);
  EXPECT_NEAR(double(difference["parts"]["exposed EP"]), -6, 1e-12);
  EXPECT_NEAR(double(difference["parts"]["exposed TP"]), 2.5, 1e-12);
  const object per_token = document["chip_seconds_per_million_tokens_difference_by_resource"].at(0);
  EXPECT_NEAR(double(per_token["total"]), 1e6 / 1024 - 1e6 / 1536, 1e-6);
  // Different work: chip time per token, largest cause first. 976.56 - 651.04 chip-s; tensor cores
  // 773.11 - 358.07.
  const std::string text = comparison_table(results);
  EXPECT_NE(text.find("A million tokens, B less A is +326 chip-s (+50.0 %): tensor cores +415"),
            std::string::npos)
      << text;
}

TEST(ReportCompare, PagesTablesAndFiguresHoldEveryResult) {
  std::vector<pb::Result> results = with_resources();
  results.push_back(test::infeasible_result());
  const std::string svg = comparison_svg(results);
  EXPECT_NE(svg.find("chip-seconds per million tokens"), std::string::npos);
  EXPECT_NE(svg.find("exposed EP"), std::string::npos);
  EXPECT_NE(svg.find("does not run"), std::string::npos);
  const std::string html = comparison_html(results);
  EXPECT_NE(html.find(svg), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  const auto lines = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines(comparison_csv(results)), 4);
  EXPECT_EQ(lines(comparison_markdown(results)), 5);
  EXPECT_NE(comparison_markdown(results).find("tensor cores 55.0 %, exposed EP 30.0 %"),
            std::string::npos);
  const std::vector<pb::Result> old = {test::sparse_result()};
  EXPECT_EQ(comparison_svg(old), "");
}

TEST(ReportCompare, ServingHasColumnsAndBarsOfItsOwn) {
  std::vector<pb::Result> results(2);
  for (pb::Result& result : results) {
    result.set_feasible(true);
    result.mutable_scenario()->mutable_workload()->mutable_serving()->set_model("mixtral-8x7b");
    const auto add = [&](const char* name, double value) {
      pb::Metric& metric = *result.add_metric();
      metric.set_name(name);
      metric.set_value(value);
    };
    add("tokens_per_s_per_chip", 500);
    add("output_tokens_per_s_per_chip", 100);
    add("usd_per_million_tokens", 0.25);
  }
  const std::string table = comparison_markdown(results), svg = comparison_svg(results);
  EXPECT_NE(table.find("USD per million tokens"), std::string::npos);
  EXPECT_NE(table.find("0.25"), std::string::npos) << table;
  EXPECT_EQ(table.find("MFU"), std::string::npos);
  EXPECT_NE(svg.find(">2,000</text>"), std::string::npos)
      << svg;  // chip-seconds per million tokens
}

}  // namespace
}  // namespace aisle::sim
