// SPDX-License-Identifier: Apache-2.0
// Intervals of results from the errors of rows that are like them.
#include "sim/study/like_rows.hpp"

#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace aisle::sim {
namespace {

const topology::Catalogue& catalogue() {
  static const auto read = [] {
    Diagnostics diagnostics;
    return topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return *read;
}

/// A held-out training row whose measurement is `factor` times what was predicted.
ValidationRow row(double factor, const std::string& metric, const std::string& kind = "dense") {
  ValidationRow one;
  one.ledger = LedgerKind::training;
  one.kind = kind;
  one.metric = metric;
  one.accelerator = "h100-sxm";
  one.half = "held-out";
  one.completeness = "given";
  one.predicted = 2;
  one.measured = 2 * factor;
  return one;
}

const pb::LikeRows* find(const pb::LikeRowsTable& table, const std::string& quantity,
                         const std::string& model, const std::string& chip) {
  for (const pb::LikeRows& rows : table.like_rows()) {
    if (rows.quantity() == quantity && rows.model() == model && rows.chip() == chip) return &rows;
  }
  return nullptr;
}

TEST(LikeRows, AreQuantilesOfMeasuredOverSimulatedOfTheHeldOutHalf) {
  Validation validation;
  // Factors of times 1.00, 1.01, ... 1.20, ten of them written as rates.
  for (int i = 0; i <= 20; ++i) {
    const double factor = 1 + 0.01 * i;
    validation.rows.push_back(i % 2 == 0 ? row(factor, "step_time")
                                         : row(1 / factor, "tokens_per_s_per_chip"));
    validation.rows.push_back(row(5, "step_time"));
    validation.rows.back().half = "fitted";
    validation.rows.push_back(row(7, "step_time"));
    validation.rows.back().completeness = "guessed";
  }
  const pb::LikeRowsTable table = like_rows_of(validation, catalogue());
  const pb::LikeRows* rows = find(table, "time", "dense", "calibrated");
  ASSERT_NE(rows, nullptr);
  EXPECT_EQ(rows->rows(), 21);
  EXPECT_NEAR(rows->low(), 1.02, 1e-4);
  EXPECT_NEAR(rows->median(), 1.10, 1e-4);
  EXPECT_NEAR(rows->high(), 1.18, 1e-4);
  EXPECT_NEAR(rows->median_error(), std::log(1.10), 1e-4);
  EXPECT_NE(find(table, "time", "dense", ""), nullptr);
  EXPECT_NE(find(table, "time", "", ""), nullptr);
}

TEST(LikeRows, FewRowsAreNoGroupAndGuessedLayoutsServeWhereNothingElseDoes) {
  Validation validation;
  for (int i = 0; i < 11; ++i) validation.rows.push_back(row(1.1, "step_time"));
  EXPECT_EQ(like_rows_of(validation, catalogue()).like_rows_size(), 0);
  validation.rows.push_back(row(1.3, "step_time"));
  validation.rows.back().completeness = "guessed";
  const pb::LikeRowsTable table = like_rows_of(validation, catalogue());
  ASSERT_NE(find(table, "time", "", ""), nullptr);
  EXPECT_EQ(find(table, "time", "", "")->rows(), 12);
}

pb::Result training_result(const std::string& model, const std::string& chip) {
  pb::Result result;
  result.set_feasible(true);
  result.mutable_scenario()->mutable_cluster()->set_accelerator(chip);
  result.mutable_scenario()->mutable_workload()->mutable_training()->set_model(model);
  for (const char* name : {"step_time_s", "mfu", "hbm_peak_bytes"}) {
    pb::Metric& metric = *result.add_metric();
    metric.set_name(name);
    metric.set_value(10);
  }
  return result;
}

void add(pb::LikeRowsTable& table, const std::string& model, const std::string& chip, double low,
         double high) {
  pb::LikeRows& rows = *table.add_like_rows();
  rows.set_workload("training");
  rows.set_quantity("time");
  if (!model.empty()) rows.set_model(model);
  if (!chip.empty()) rows.set_chip(chip);
  rows.set_low(low);
  rows.set_high(high);
}

TEST(Intervals, TimesAndRatesGoOppositeWays) {
  pb::LikeRowsTable table;
  add(table, "", "", 0.8, 1.25);
  pb::Result result = training_result("deepseek-v3", "h800-sxm");
  add_intervals(result, catalogue(), table);
  EXPECT_DOUBLE_EQ(result.metric(0).low(), 8);
  EXPECT_DOUBLE_EQ(result.metric(0).high(), 12.5);
  EXPECT_DOUBLE_EQ(result.metric(1).low(), 8);
  EXPECT_DOUBLE_EQ(result.metric(1).high(), 12.5);
  EXPECT_FALSE(result.metric(2).has_low());  // memory has no rows
  ASSERT_EQ(result.like_rows_size(), 1);
  EXPECT_EQ(result.like_rows(0).metric_size(), 2);
}

TEST(Intervals, TakeTheClosestGroupAndHoldWhatIsSimulated) {
  pb::LikeRowsTable table;
  add(table, "", "", 0.5, 2);
  add(table, "sparse", "", 1.1, 1.4);
  add(table, "dense", "calibrated", 0.9, 1.1);
  pb::Result sparse = training_result("deepseek-v3", "h800-sxm");
  add_intervals(sparse, catalogue(), table);
  EXPECT_DOUBLE_EQ(sparse.metric(0).low(), 10);  // all like rows were slower
  EXPECT_DOUBLE_EQ(sparse.metric(0).high(), 14);
  pb::Result dense = training_result("llama-3.1-8b", "h100-sxm");
  add_intervals(dense, catalogue(), table);
  EXPECT_DOUBLE_EQ(dense.metric(0).low(), 9);
  pb::Result borrowed = training_result("llama-3.1-8b", "no such chip");
  add_intervals(borrowed, catalogue(), table);
  EXPECT_DOUBLE_EQ(borrowed.metric(0).low(), 5);
}

TEST(Intervals, RatesOfIdleEnginesAreThoseOfTheArrivals) {
  pb::LikeRowsTable table;
  pb::LikeRows& rows = *table.add_like_rows();
  rows.set_workload("serving");
  rows.set_quantity("throughput");
  rows.set_low(0.8);
  rows.set_high(1.25);
  for (const double busy : {0.5, 0.99}) {
    pb::Result result;
    result.mutable_scenario()->mutable_workload()->mutable_serving()->set_model("deepseek-v3");
    for (const auto& [name, value] :
         {std::pair("output_tokens_per_s", 100.0), std::pair("engine_busy_share", busy)}) {
      pb::Metric& metric = *result.add_metric();
      metric.set_name(name);
      metric.set_value(value);
    }
    add_intervals(result, catalogue(), table);
    EXPECT_EQ(result.metric(0).has_low(), busy > 0.9);
  }
}

TEST(Intervals, ShippedStudiesHaveThemAndPublishedStepsLieInside) {
  for (const char* name : {"deepseek-v3-h800", "llama3-405b-h100"}) {
    Diagnostics diagnostics;
    const auto study = load(name, {"engine=analytic"}, diagnostics);
    ASSERT_TRUE(study) << name;
    const auto result = run(*study, catalogue(), {}, diagnostics);
    ASSERT_TRUE(result) << name;
    ASSERT_GT(result->comparison_size(), 0);
    int checked = 0;
    for (const pb::Comparison& published : result->comparison()) {
      for (const pb::Metric& metric : result->metric()) {
        if (metric.name() != published.metric() || !metric.has_low()) continue;
        EXPECT_LT(metric.low(), published.published()) << name << ' ' << metric.name();
        EXPECT_GT(metric.high(), published.published()) << name << ' ' << metric.name();
        ++checked;
      }
    }
    EXPECT_GT(checked, 0);
  }
}

}  // namespace
}  // namespace aisle::sim
