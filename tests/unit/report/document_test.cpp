// SPDX-License-Identifier: Apache-2.0
// What other programs read: JSON, CSV and the trace.
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"
#include "tests/unit/report/samples.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace aisle::sim {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

std::vector<std::string> keys(const object& from) {
  std::vector<std::string> out;
  for (const auto& field : from) out.emplace_back(field.key);
  return out;
}

/// Rows of cells; quoted cells may hold commas, quotes and line feeds (RFC 4180).
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, {std::string()});
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& cell = rows.back().back();
    if (quoted && text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      cell += text[++i];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == ',') {
      rows.back().emplace_back();
    } else if (!quoted && text[i] == '\n') {
      rows.push_back({std::string()});
    } else if (quoted || text[i] != '\r') {
      cell += text[i];
    }
  }
  EXPECT_FALSE(quoted);
  rows.pop_back();
  return rows;
}

TEST(ReportJson, HoldsTheContractFirstAndInOrder) {
  const pb::Result result = test::sparse_result();
  simdjson::dom::parser parser;
  const object document = parser.parse(result_json(result));
  EXPECT_EQ(keys(document),
            (std::vector<std::string>{
                "study",      "engine",         "feasible",   "reason",
                "metrics",    "basis",          "breakdown",  "memory",
                "caveats",    "wall_time_s",    "intervals",  "like_rows",
                "comparison", "memory_by_rank", "families",   "resources",
                "phases",     "collective",     "link_load",  "breakdown_rank",
                "folded",     "rank_classes",   "operations", "other_engine_step_time_s",
                "version"}));
  EXPECT_EQ(std::string_view(document["engine"]), "event");
  EXPECT_TRUE(bool(document["feasible"]));
  EXPECT_EQ(std::string_view(document["reason"]), "");
  EXPECT_DOUBLE_EQ(double(document["metrics"]["step_time_s"]), 20);
  EXPECT_EQ(std::string_view(document["basis"]["hbm_peak_bytes"]), "assumed");
  EXPECT_EQ(std::string_view(document["basis"]["novel_queue_s"]), "assumed");
  EXPECT_EQ(keys(document["metrics"]), keys(document["basis"]));
  EXPECT_DOUBLE_EQ(double(document["breakdown"]["pipeline bubble and waiting"]), 2.875);
  EXPECT_DOUBLE_EQ(double(document["memory"]["activations"]), 34e9);
  EXPECT_EQ(array(document["caveats"]).size(), 2u);
  EXPECT_EQ(array(document["memory_by_rank"]).size(), 16u);
  EXPECT_TRUE(bool(document["comparison"].at(0)["within_bound"]));
  EXPECT_FALSE(bool(document["comparison"].at(1)["within_bound"]));
  EXPECT_TRUE(document["comparison"].at(2)["bound"].is_null());
  EXPECT_TRUE(document["comparison"].at(2)["within_bound"].is_null());
  EXPECT_EQ(std::int64_t(document["families"]["gemm"]["count"]), 123456);
}

TEST(ReportJson, AnInfeasibleJobIsAnAnswer) {
  simdjson::dom::parser parser;
  const object document = parser.parse(result_json(test::infeasible_result()));
  EXPECT_FALSE(bool(document["feasible"]));
  EXPECT_NE(std::string_view(document["reason"]).find("91.3 GB"), std::string_view::npos);
  EXPECT_EQ(object(document["metrics"]).size(), 0u);
}

TEST(ReportCsv, EveryRowHasFiveCellsAndNumbersReadBack) {
  const pb::Result result = test::sparse_result();
  const auto rows = parse_csv(result_csv(result));
  ASSERT_GT(rows.size(), 50u);
  EXPECT_EQ(rows[0], (std::vector<std::string>{"section", "name", "value", "unit", "basis"}));
  int metrics = 0;
  double parts = 0;
  for (const auto& row : rows) {
    ASSERT_EQ(row.size(), 5u);
    if (row[0] == "metric") {
      EXPECT_EQ(std::stod(row[2]), report::metric(result, row[1]).value()) << row[1];
      EXPECT_FALSE(row[3].empty());
      EXPECT_FALSE(row[4].empty());
      ++metrics;
    }
    if (row[0] == "breakdown") parts += std::stod(row[2]);
    if (row[0] == "caveat") { EXPECT_NE(row[2].find(' '), std::string::npos); }
  }
  EXPECT_EQ(metrics, result.metric_size());
  EXPECT_DOUBLE_EQ(parts, 20);
}

TEST(ReportTrace, SpansAreThoseOfTheTimeline) {
  const pb::Result result = test::sparse_result();
  simdjson::dom::parser parser;
  const std::string text = perfetto_json(result);
  const object document = parser.parse(text);
  EXPECT_EQ(std::string_view(document["displayTimeUnit"]), "ms");
  int spans = 0, processes = 0, threads = 0;
  double total_us = 0;
  for (const object event : array(document["traceEvents"])) {
    const std::string_view phase = event["ph"];
    const std::string_view name = event["name"];
    if (phase == "M") {
      processes += name == "process_name";
      threads += name == "thread_name";
      if (name == "process_name") {
        EXPECT_NE(std::string_view(event["args"]["name"]).find("128 chips"),
                  std::string_view::npos);
      }
      continue;
    }
    ASSERT_EQ(phase, "X");
    EXPECT_GE(double(event["ts"]), 0);
    EXPECT_GE(double(event["dur"]), 0);
    total_us += double(event["dur"]);
    ++spans;
  }
  EXPECT_EQ(spans, 4 * 2 * 300);
  EXPECT_EQ(processes, 4);
  EXPECT_EQ(threads, 8);
  double expected_ns = 0;
  for (const auto& rank : result.timeline().rank()) {
    for (const auto& stream : rank.stream()) {
      for (const auto duration : stream.duration_ns()) expected_ns += static_cast<double>(duration);
    }
  }
  EXPECT_NEAR(total_us * 1e3, expected_ns, 1);
  // Three decimals keep whole nanoseconds: rank 1 starts at 1,001 ns.
  EXPECT_NE(text.find("\"ts\":1.001,"), std::string::npos);
}

TEST(ReportTrace, ToleratesAFileThatIsNotOurs) {
  pb::Result result;
  pb::TimelineStream& stream = *result.mutable_timeline()->add_rank()->add_stream();
  stream.set_name("quote \" backslash \\ line\n");
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t start : {std::int64_t{0}, std::int64_t{-5}, std::int64_t{10}, kLast}) {
    stream.add_start_ns(start);
  }
  for (const int duration : {1, 1, -1, 1}) stream.add_duration_ns(duration);
  stream.add_name_index(7);
  simdjson::dom::parser parser;
  const object document = parser.parse(perfetto_json(result));
  int spans = 0;
  for (const object event : array(document["traceEvents"])) {
    spans += std::string_view(event["ph"]) == "X";
  }
  EXPECT_EQ(spans, 1);
  EXPECT_FALSE(html_page(result).empty());
  const object empty = parser.parse(perfetto_json(pb::Result()));
  EXPECT_EQ(array(empty["traceEvents"]).size(), 0u);
}

}  // namespace
}  // namespace aisle::sim
