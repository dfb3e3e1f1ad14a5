// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"
#include "sim/report/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace aisle::sim {
namespace {

using namespace report;

constexpr std::size_t kLabel = 30, kValue = 16, kRatio = 7, kDifference = 10;
constexpr std::size_t kOthersPerBlock = 2;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// One row of a comparison: a figure of every result, NaN where a result lacks it.
struct Row {
  std::string name;
  std::vector<double> values;
};

/// What makes runs of different models, batches and clusters comparable: work per token.
struct PerToken {
  std::string_view name, label;
  double (*of)(const pb::Result&);
};

double figure(const pb::Result& result, std::string_view name) {
  return result.feasible() ? metric(result, name).value_or(kUnknown) : kUnknown;
}

/// Chip-seconds spent per second of the step for each million tokens of the step.
double chips_per_million_tokens(const pb::Result& result) {
  const double tokens = figure(result, "tokens_per_s") * figure(result, "step_time_s");
  return result.scenario().cluster().count() / (tokens / 1e6);
}

double chip_seconds(const pb::Result& result) {
  return figure(result, "step_time_s") * chips_per_million_tokens(result);
}

double per_million_tokens(const pb::Result& result, std::string_view metric_of_step) {
  const double tokens = figure(result, "tokens_per_s") * figure(result, "step_time_s");
  return figure(result, metric_of_step) / (tokens / 1e6);
}

constexpr PerToken kPerToken[] = {
    {"chip_seconds_per_million_tokens", "chip-seconds / million tokens", chip_seconds},
    {"gpu_hours_per_trillion_tokens", "GPU-hours / trillion tokens",
     [](const pb::Result& result) { return chip_seconds(result) * 1e6 / 3600; }},
    {"kwh_per_million_tokens", "kWh / million tokens",
     [](const pb::Result& result) { return 1e3 * per_million_tokens(result, "energy_mwh"); }},
    {"usd_per_million_tokens", "USD / million tokens",
     [](const pb::Result& result) { return per_million_tokens(result, "cost_usd"); }},
};

std::vector<Row> per_token_rows(std::span<const pb::Result> results) {
  std::vector<Row> rows;
  for (const PerToken& entry : kPerToken) {
    rows.push_back({std::string(entry.name), {}});
    for (const pb::Result& result : results) rows.back().values.push_back(entry.of(result));
  }
  return rows;
}

std::vector<Row> metric_rows(std::span<const pb::Result> results) {
  std::vector<Row> rows;
  for (const pb::Result& result : results) {
    for (const pb::Metric& entry : result.metric()) {
      const auto known = [&](const Row& row) { return row.name == entry.name(); };
      if (std::any_of(rows.begin(), rows.end(), known)) continue;
      rows.push_back({entry.name(), {}});
      for (const pb::Result& other : results) {
        rows.back().values.push_back(figure(other, entry.name()));
      }
    }
  }
  return rows;
}

double part_seconds(const pb::Result& result, std::string_view name) {
  double sum = 0;
  for (const pb::Part& part : result.breakdown()) {
    if (part.name() == name) sum += part.seconds();
  }
  return sum;
}

/// Parts of all steps. What a result's parts leave over goes into a last row, so that the rows of
/// each result add up to its step time.
std::vector<Row> part_rows(std::span<const pb::Result> results) {
  std::vector<Row> rows;
  for (const pb::Result& result : results) {
    for (const pb::Part& part : result.breakdown()) {
      const auto known = [&](const Row& row) { return row.name == part.name(); };
      if (std::any_of(rows.begin(), rows.end(), known)) continue;
      rows.push_back({part.name(), {}});
      for (const pb::Result& other : results) {
        rows.back().values.push_back(other.feasible() ? part_seconds(other, part.name())
                                                      : kUnknown);
      }
    }
  }
  Row rest{"in no part", {}};
  bool whole = true;
  for (const pb::Result& result : results) {
    const double step = figure(result, "step_time_s");
    const double left_over = step - total_seconds(result);
    const bool negligible = std::abs(left_over) <= 1e-9 * std::abs(step);
    whole = whole && (negligible || std::isnan(step));
    rest.values.push_back(left_over);
  }
  if (!whole) rows.push_back(std::move(rest));
  return rows;
}

std::vector<Row> memory_rows(std::span<const pb::Result> results) {
  std::vector<Row> rows;
  for (const pb::Result& result : results) {
    for (const std::string& use : memory_uses(result)) {
      const auto known = [&](const Row& row) { return row.name == use; };
      if (std::any_of(rows.begin(), rows.end(), known)) continue;
      rows.push_back({use, {}});
      for (const pb::Result& other : results) {
        const pb::MemoryUse* worst = fullest(other);
        rows.back().values.push_back(worst ? bytes_of(*worst, use) : kUnknown);
      }
    }
  }
  Row total{"together", {}}, capacity{"capacity", {}};
  for (const pb::Result& result : results) {
    const pb::MemoryUse* worst = fullest(result);
    total.values.push_back(worst ? total_bytes(*worst) : kUnknown);
    capacity.values.push_back(worst ? worst->capacity_bytes() : kUnknown);
  }
  if (rows.empty()) return rows;
  rows.push_back(std::move(total));
  rows.push_back(std::move(capacity));
  return rows;
}

/// Seconds mean the same work only where tokens per step and chips are equal.
bool same_work(const pb::Result& a, const pb::Result& b) {
  const double first = chips_per_million_tokens(a), second = chips_per_million_tokens(b);
  return std::abs(first - second) <= 1e-6 * std::abs(first) || !(first > 0) || !(second > 0);
}

/// The same rows with each result's figures multiplied by its own factor.
std::vector<Row> multiplied(std::vector<Row> rows, std::span<const pb::Result> results,
                            double (*factor)(const pb::Result&)) {
  for (Row& row : rows) {
    for (std::size_t i = 0; i < results.size(); ++i) row.values[i] *= factor(results[i]);
  }
  return rows;
}

/// The results that one block of the table sets beside the first.
struct Block {
  std::size_t begin, end;
};

std::string letter(std::size_t index) {
  return index < 26 ? std::string(1, static_cast<char>('A' + index))
                    : fmt::format("#{}", index + 1);
}

std::string ratio(double value, double base) {
  const double quotient = value / base;
  return std::isfinite(quotient) ? fmt::format("x{:.3f}", quotient) : std::string();
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

std::string same(const std::string& name) {
  return name;
}

constexpr Writing kMetric = {
    [](const std::string& name) { return label_of(name); },
    [](const std::string& name, double value) { return format_metric(name, value, 3); }};
constexpr Writing kNormalised = {
    [](const std::string& name) {
      const auto* entry = std::find_if(std::begin(kPerToken), std::end(kPerToken),
                                       [&](const PerToken& known) { return known.name == name; });
      return std::string(entry == std::end(kPerToken) ? name : entry->label);
    },
    [](const std::string&, double value) { return large(value, 4); }};
constexpr Writing kBytes = {same, [](const std::string&, double value) {
                              return std::isfinite(value) ? format_bytes(value, 3)
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
    page.line(std::move(line));
  }
}

void append_head(Page& page, const Block& block, std::string_view title) {
  std::string line = fmt::format("{}{}", left(title, kLabel + 2), right("A", kValue));
  for (std::size_t i = block.begin; i < block.end; ++i) {
    line += right(letter(i), kValue) + right("to A", kRatio);
  }
  page.line();
  page.line(std::move(line));
}

/// The same decimals throughout, so that a column can be added up by eye.
std::string number(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : std::string("-");
}

std::string difference(double value, int decimals) {
  return std::isfinite(value) ? fmt::format("{:+.{}f}", value, decimals) : std::string("-");
}

/// Differences to the first result by part; the last line is their sum.
void append_differences(Page& page, const std::vector<Row>& rows, const Block& block,
                        std::string_view title) {
  std::string head = fmt::format("{}{}", left(title, kLabel + 2), right("A", kValue));
  for (std::size_t i = block.begin; i < block.end; ++i) {
    head += right(letter(i), kValue) + right("less A", kDifference);
  }
  page.line();
  page.line(std::move(head));
  Row sum{"together", std::vector<double>(rows.front().values.size(), 0.0)};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.values.size(); ++i) sum.values[i] += row.values[i];
  }
  std::vector<Row> all = rows;
  double most = 0;
  for (const double value : sum.values) most = std::max(most, std::isfinite(value) ? value : 0);
  const int decimals = most < 100 ? 4 : most < 10000 ? 2 : 0;
  all.push_back(sum);
  for (const Row& row : all) {
    std::string line = fmt::format("  {}{}", left(row.name, kLabel),
                                   right(number(row.values[0], decimals), kValue));
    for (std::size_t i = block.begin; i < block.end; ++i) {
      line += right(number(row.values[i], decimals), kValue) +
              right(difference(row.values[i] - row.values[0], decimals), kDifference);
    }
    page.line(std::move(line));
  }
}

void append_block(Page& page, std::span<const pb::Result> results, const Block& block) {
  append_head(page, block, "Metrics");
  append_rows(page, metric_rows(results), block, kMetric);
  append_head(page, block, "Per token");
  append_rows(page, per_token_rows(results), block, kNormalised);
  const std::vector<Row> parts = part_rows(results);
  if (!parts.empty()) {
    append_differences(page, parts, block, "Step time by part, s");
    const bool comparable =
        std::all_of(results.begin() + static_cast<std::ptrdiff_t>(block.begin),
                    results.begin() + static_cast<std::ptrdiff_t>(block.end),
                    [&](const pb::Result& other) { return same_work(results.front(), other); });
    if (!comparable) {
      append_differences(page, multiplied(parts, results, chips_per_million_tokens), block,
                         "Chip-s / million tokens by part");
    }
  }
  const std::vector<Row> memory = memory_rows(results);
  if (memory.empty()) return;
  append_head(page, block, "Memory, fullest rank");
  append_rows(page, memory, block, kBytes);
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
  json.key("memory");
  write_rows(json, memory_rows(results));
  json.end_object();
  return json.take();
}

}  // namespace aisle::sim
