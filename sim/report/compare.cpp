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

// With two others beside the first, 120 columns.
constexpr std::size_t kLabel = 38, kValue = 17, kRatio = 8, kDifference = 11, kBasis = 12;
constexpr std::size_t kOthersPerBlock = 2;
constexpr const char* kNoPart = "in no part";
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// One row of a comparison: a figure of every result, NaN where a result lacks it; and, for rows
/// that have one of their own, the basis of each figure.
struct Row {
  std::string name;
  std::vector<double> values;
  std::vector<std::string> basis = {};
};

/// What makes runs of different models, batches and clusters comparable: work per token.
struct PerToken {
  std::string_view name, label;
  std::string_view rests_on;  ///< the metric whose basis it has
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
    {"chip_seconds_per_million_tokens", "chip-seconds / million tokens", "step_time_s",
     chip_seconds},
    {"gpu_hours_per_trillion_tokens", "GPU-hours / trillion tokens", "step_time_s",
     [](const pb::Result& result) { return chip_seconds(result) * 1e6 / 3600; }},
    {"kwh_per_million_tokens", "kWh / million tokens", "energy_mwh",
     [](const pb::Result& result) { return 1e3 * per_million_tokens(result, "energy_mwh"); }},
    {"usd_per_million_tokens", "USD / million tokens", "cost_usd",
     [](const pb::Result& result) { return per_million_tokens(result, "cost_usd"); }},
};

std::vector<Row> per_token_rows(std::span<const pb::Result> results) {
  std::vector<Row> rows;
  for (const PerToken& entry : kPerToken) {
    rows.push_back({std::string(entry.name), {}});
    for (const pb::Result& result : results) {
      rows.back().values.push_back(entry.of(result));
      rows.back().basis.push_back(basis_of(result, entry.rests_on));
    }
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
        rows.back().basis.push_back(basis_of(other, entry.name()));
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
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    const auto most = [](const Row& row) {
      double seconds = 0;
      for (const double value : row.values) seconds = std::max(seconds, value);
      return seconds;
    };
    return precedes(a.name, most(a), b.name, most(b));
  });
  Row rest{kNoPart, {}};
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
  if (!std::isfinite(quotient)) return {};
  return "x" + significant(quotient, std::abs(quotient) < 0.01 ? 2 : 4);
}

/// The weakest basis among the figures of a row.
std::string weakest(const Row& row) {
  for (auto basis = std::rbegin(kBases); basis != std::rend(kBases); ++basis) {
    std::string name = basis_name(*basis);
    if (std::find(row.basis.begin(), row.basis.end(), name) != row.basis.end()) return name;
  }
  return {};
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
    [](const std::string& name) {
      const auto* entry = std::find_if(std::begin(kPerToken), std::end(kPerToken),
                                       [&](const PerToken& known) { return known.name == name; });
      return std::string(entry == std::end(kPerToken) ? name : entry->label);
    },
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

void append_parts(Page& page, std::span<const pb::Result> results, const Block& block) {
  const std::vector<Row> parts = part_rows(results);
  if (parts.empty()) return;
  append_differences(page, parts, block, "Step time by part, s");
  const auto others = results.subspan(block.begin, block.end - block.begin);
  const bool comparable = std::all_of(others.begin(), others.end(), [&](const pb::Result& other) {
    return same_work(results.front(), other);
  });
  if (comparable) return;
  append_differences(page, multiplied(parts, results, chips_per_million_tokens), block,
                     "Chip-s / million tokens by part");
}

void append_block(Page& page, std::span<const pb::Result> results, const Block& block) {
  const std::vector<Row> metrics = metric_rows(results);
  append_table(page, rows_of(metrics, Group::speed), block, "Speed", kMetric);
  append_table(page, per_token_rows(results), block, "Per token", kNormalised);
  append_parts(page, results, block);
  append_table(page, memory_rows(results), block, "Memory of the fullest rank, GB", kBytes);
  for (const Group group : {Group::power, Group::run, Group::other}) {
    append_table(page, rows_of(metrics, group), block, title_of(group), kMetric);
  }
}

/// "Per token, B takes 9.63 times the chip time of A, 10.7 times the energy, 6.26 times the cost."
void append_answer(Page& page, std::span<const pb::Result> results, std::size_t at) {
  const auto quotient = [&](double (*of)(const pb::Result&)) {
    return of(results[at]) / of(results.front());
  };
  const double chips = quotient(kPerToken[0].of);
  if (!std::isfinite(chips)) return;
  std::string text = fmt::format("Per token, {} takes {} times the chip time of A", letter(at),
                                 significant(chips, 3));
  const double energy = quotient(kPerToken[2].of), cost = quotient(kPerToken[3].of);
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
  for (std::size_t i = 1; i < count; ++i) append_answer(page, results, i);
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
  json.key("memory");
  write_rows(json, memory_rows(results));
  json.end_object();
  return json.take();
}

}  // namespace aisle::sim
