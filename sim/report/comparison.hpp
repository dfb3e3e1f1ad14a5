// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: what a comparison of results holds, before it is text, JSON or a page.
#pragma once

#include "sim/study/result.pb.h"

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::sim::report {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
inline constexpr const char* kNoPart = "in no part";

/// One row of a comparison: a figure of every result, NaN where a result lacks it; and, for rows
/// that have one of their own, the basis of each figure.
struct Row {
  std::string name;
  std::vector<double> values;
  std::vector<std::string> basis = {};
};

/// A metric of a result that runs, else NaN.
double figure(const pb::Result& result, std::string_view name);
/// Chip-seconds spent per second of the step for each million tokens of the step.
double chips_per_million_tokens(const pb::Result& result);
/// Seconds mean the same work only where tokens per step and chips are equal.
bool same_work(const pb::Result& a, const pb::Result& b);

std::vector<Row> metric_rows(std::span<const pb::Result> results);
/// Chip time, energy and cost per token, under names and labels of their own.
std::vector<Row> per_token_rows(std::span<const pb::Result> results);
std::string per_token_label(const std::string& name);
/// Parts of the step, and its time by resource; the rows of each result add up to its step time.
std::vector<Row> part_rows(std::span<const pb::Result> results);
std::vector<Row> resource_rows(std::span<const pb::Result> results);
/// Of the fullest rank.
std::vector<Row> memory_rows(std::span<const pb::Result> results);
/// The same rows with each result's figures multiplied by its own factor.
std::vector<Row> multiplied(std::vector<Row> rows, std::span<const pb::Result> results,
                            double (*factor)(const pb::Result&));

/// The weakest basis among the figures of a row.
std::string weakest(const Row& row);
/// How a result is called beside others: "A", "B", ...
std::string letter(std::size_t index);
/// Why result `at` takes longer or shorter than the first, by resource: one sentence; empty where
/// that is not known.
std::string explanation(std::span<const pb::Result> results, std::size_t at);

}  // namespace aisle::sim::report
