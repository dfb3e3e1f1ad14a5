// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/report/comparison.hpp"
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"
#include "sim/report/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aisle::sim {
namespace {

using namespace report;

// With two others beside the first, 120 columns.
constexpr std::size_t kLabel = 38, kValue = 17, kRatio = 8, kDifference = 11, kBasis = 12;
constexpr std::size_t kOthersPerBlock = 2;

/// The results that one block of the table sets beside the first.
struct Block {
  std::size_t begin, end;
};

std::string ratio(double value, double base) {
  const double quotient = value / base;
  if (!std::isfinite(quotient)) return {};
  return "x" + significant(quotient, std::abs(quotient) < 0.01 ? 2 : 4);
}

/// Numbers in the width of a column.
std::string compact(std::string text) {
  for (const auto& [word, sign] : {std::pair{" million", " M"},
                                   {" billion", " bn"},
                                   {" trillion", " tn"},
                                   {"not known", "-"}}) {
    const std::size_t at = text.find(word);
    if (at != std::string::npos) text.replace(at, std::string_view(word).size(), sign);
  }
  return text;
}

/// How the names and figures of a block of rows are written.
struct Writing {
  std::string (*label)(const std::string& name);
  std::string (*text)(const std::string& name, double value);
};

constexpr Writing kMetric = {
    [](const std::string& name) { return label_of(name); },
    [](const std::string& name, double value) { return format_metric(name, value, 3); }};
constexpr Writing kNormalised = {
    [](const std::string& name) { return per_token_label(name); },
    [](const std::string&, double value) { return significant(value, 4); }};
/// One unit for all, so that a column can be added up by eye.
constexpr Writing kBytes = {[](const std::string& name) { return name; },
                            [](const std::string&, double value) {
                              return std::isfinite(value) ? fmt::format("{:.2f}", value / 1e9)
                                                          : std::string("-");
                            }};

void append_rows(Page& page, const std::vector<Row>& rows, const Block& block,
                 const Writing& writing) {
  for (const Row& row : rows) {
    std::string line = fmt::format("  {}{}", left(writing.label(row.name), kLabel),
                                   right(compact(writing.text(row.name, row.values[0])), kValue));
    for (std::size_t i = block.begin; i < block.end; ++i) {
      line += right(compact(writing.text(row.name, row.values[i])), kValue) +
              right(ratio(row.values[i], row.values[0]), kRatio);
    }
    if (!row.basis.empty()) line += " " + left(weakest(row), kBasis);
    page.line(std::move(line));
  }
}

void append_head(Page& page, const Block& block, std::string_view title, std::string_view beside,
                 std::size_t width) {
  std::string line = fmt::format("{}{}", left(title, kLabel + 2), right("A", kValue));
  for (std::size_t i = block.begin; i < block.end; ++i) {
    line += right(letter(i), kValue) + right(beside, width);
  }
  page.line();
  page.line(std::move(line));
}

void append_table(Page& page, const std::vector<Row>& rows, const Block& block,
                  std::string_view title, const Writing& writing) {
  if (rows.empty()) return;
  append_head(page, block, title, "to A", kRatio);
  append_rows(page, rows, block, writing);
}

/// The same decimals throughout, so that a column can be added up by eye; a part that a step does
/// not have is a dash.
std::string number(double value, int decimals) {
  return std::isfinite(value) && value != 0 ? fmt::format("{:.{}f}", value, decimals)
                                            : std::string("-");
}

std::string difference(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:+.{}f}", value, decimals) : std::string("-");
}

/// Sums of the rows: all, then those of the families that have several parts.
std::vector<Row> sums(const std::vector<Row>& rows) {
  const std::vector<double> none(rows.front().values.size(), 0.0);
  std::vector<Row> all = {{"together", none},
                          {"  computation", none},
                          {"  slower than alone on a mean chip", none},
                          {"  exposed communication", none}};
  const auto add = [](Row& to, const Row& row) {
    for (std::size_t i = 0; i < row.values.size(); ++i) to.values[i] += row.values[i];
  };
  for (const Row& row : rows) {
    add(all.front(), row);
    const auto family = static_cast<std::size_t>(family_of(row.name));
    if (family + 1 < all.size()) add(all[family + 1], row);
  }
  return all;
}

/// Differences to the first result by part, then their sums.
void append_differences(Page& page, const std::vector<Row>& rows, const Block& block,
                        std::string_view title) {
  append_head(page, block, title, "less A", kDifference);
  const std::vector<Row> totals = sums(rows);
  double most = 0;
  for (const double value : totals.front().values) {
    most = std::max(most, std::isfinite(value) ? value : 0);
  }
  const int decimals = most < 100 ? 3 : most < 10000 ? 1 : 0;
  const auto append = [&](const Row& row) {
    std::string line = fmt::format("  {}{}", left(part_label(row.name), kLabel),
                                   right(number(row.values[0], decimals), kValue));
    for (std::size_t i = block.begin; i < block.end; ++i) {
      line += right(number(row.values[i], decimals), kValue) +
              right(difference(row.values[i] - row.values[0], decimals), kDifference);
    }
    page.line(std::move(line));
  };
  for (const Row& row : rows) append(row);
  page.line("  " +
            std::string(kLabel + kValue + (block.end - block.begin) * (kValue + kDifference), '-'));
  for (const Row& row : totals) append(row);
}

/// Metrics of one group, less what the tables per token and by part hold already.
std::vector<Row> rows_of(const std::vector<Row>& metrics, Group group) {
  std::vector<Row> rows;
  for (const Row& row : metrics) {
    const bool per_token =
        row.name.ends_with("_per_million_tokens") || row.name.ends_with("_per_trillion_tokens");
    if (group_of(row.name) == group && !per_token) rows.push_back(row);
  }
  return rows;
}

void append_parts(Page& page, std::span<const pb::Result> results, const Block& block,
                  const std::vector<Row>& parts, const std::string& by) {
  if (parts.empty()) return;
  append_differences(page, parts, block, "Step time " + by + ", s");
  const auto others = results.subspan(block.begin, block.end - block.begin);
  const bool comparable = std::all_of(others.begin(), others.end(), [&](const pb::Result& other) {
    return same_work(results.front(), other);
  });
  if (comparable) return;
  append_differences(page, multiplied(parts, results, chips_per_million_tokens), block,
                     "Chip-s / million tokens " + by);
}

void append_block(Page& page, std::span<const pb::Result> results, const Block& block) {
  const std::vector<Row> metrics = metric_rows(results);
  append_table(page, rows_of(metrics, Group::speed), block, "Speed", kMetric);
  append_table(page, per_token_rows(results), block, "Per token", kNormalised);
  append_parts(page, results, block, resource_rows(results), "by resource");
  append_parts(page, results, block, part_rows(results), "by part");
  append_table(page, memory_rows(results), block, "Memory of the fullest rank, GB", kBytes);
  for (const Group group : {Group::power, Group::run, Group::other}) {
    append_table(page, rows_of(metrics, group), block, title_of(group), kMetric);
  }
}

/// "Per token, B takes 9.63 times the chip time of A, 10.7 times the energy, 6.26 times the cost."
void append_answer(Page& page, std::span<const pb::Result> results, std::size_t at) {
  const std::vector<Row> rows = per_token_rows(results);
  const auto quotient = [&](const char* name) {
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const Row& candidate) { return candidate.name == name; });
    return row->values[at] / row->values.front();
  };
  const double chips = quotient("chip_seconds_per_million_tokens");
  if (!std::isfinite(chips)) return;
  std::string text = fmt::format("Per token, {} takes {} times the chip time of A", letter(at),
                                 significant(chips, 3));
  const double energy = quotient("kwh_per_million_tokens");
  const double cost = quotient("usd_per_million_tokens");
  if (std::isfinite(energy)) text += fmt::format(", {} times the energy", significant(energy, 3));
  if (std::isfinite(cost)) text += fmt::format(", {} times the cost", significant(cost, 3));
  page.paragraph(text + ".");
}

void write_rows(JsonWriter& json, const std::vector<Row>& rows) {
  json.begin_object();
  for (const Row& row : rows) {
    json.key(row.name).begin_object();
    json.key("values").begin_array();
    for (const double value : row.values) json.value(value);
    json.end_array();
    json.key("ratio_to_first").begin_array();
    for (const double value : row.values) json.value(value / row.values.front());
    json.end_array();
    if (!row.basis.empty()) {
      json.key("basis").begin_array();
      for (const std::string& basis : row.basis) {
        basis.empty() ? json.null() : json.value(basis);
      }
      json.end_array();
    }
    json.end_object();
  }
  json.end_object();
}

void write_differences(JsonWriter& json, const std::vector<Row>& rows, std::size_t results) {
  json.begin_array();
  for (std::size_t i = 1; i < results; ++i) {
    double sum = 0;
    json.begin_object();
    json.key("result").value(static_cast<long long>(i));
    json.key("parts").begin_object();
    for (const Row& row : rows) {
      json.key(row.name).value(row.values[i] - row.values[0]);
      sum += row.values[i] - row.values[0];
    }
    json.end_object();
    json.key("total").value(sum);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string comparison_table(std::span<const pb::Result> results) {
  Page page;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const pb::Result& result = results[i];
    page.paragraph(title_of(result), letter(i) + "  ");
    page.paragraph(cluster_line(result.scenario()), "     ");
    page.paragraph(workload_line(result.scenario()) + "; " + layout_line(result.scenario()),
                   "     ");
    if (!result.feasible()) page.paragraph("does not run: " + result.reason(), "  !! ");
  }
  if (results.empty()) return page.take();
  const std::size_t count = results.size();
  page.line();
  for (std::size_t i = 1; i < count; ++i) {
    append_answer(page, results, i);
    page.paragraph(explanation(results, i));
  }
  std::size_t begin = std::min<std::size_t>(1, count);
  do {
    const Block block{begin, std::min(begin + kOthersPerBlock, count)};
    append_block(page, results, block);
    begin = block.end;
  } while (begin < count);
  return page.take();
}

std::string comparison_json(std::span<const pb::Result> results) {
  JsonWriter json;
  json.begin_object().key("results").begin_array();
  for (const pb::Result& result : results) {
    json.begin_object();
    json.key("study").value(result.study());
    json.key("title").value(title_of(result));
    json.key("cluster").value(cluster_line(result.scenario()));
    json.key("workload").value(workload_line(result.scenario()));
    json.key("layout").value(layout_line(result.scenario()));
    json.key("engine").value(pb::Engine_Name(result.engine()));
    json.key("feasible").value(result.feasible());
    json.key("reason").value(result.reason());
    json.end_object();
  }
  json.end_array();
  const std::vector<Row> parts = part_rows(results);
  json.key("metrics");
  write_rows(json, metric_rows(results));
  json.key("per_token");
  write_rows(json, per_token_rows(results));
  json.key("step_time_difference_s");
  write_differences(json, parts, results.size());
  json.key("chip_seconds_per_million_tokens_difference");
  write_differences(json, multiplied(parts, results, chips_per_million_tokens), results.size());
  const std::vector<Row> resources = resource_rows(results);
  json.key("step_time_difference_by_resource_s");
  write_differences(json, resources, results.size());
  json.key("chip_seconds_per_million_tokens_difference_by_resource");
  write_differences(json, multiplied(resources, results, chips_per_million_tokens), results.size());
  json.key("memory");
  write_rows(json, memory_rows(results));
  json.end_object();
  return json.take();
}

}  // namespace aisle::sim
