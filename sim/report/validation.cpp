// SPDX-License-Identifier: Apache-2.0
#include "sim/report/validation.hpp"

#include "sim/base/json.hpp"
#include "sim/base/table.hpp"
#include "sim/report/format.hpp"
#include "sim/report/text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace aisle::sim {

namespace {

constexpr std::string_view kMisfit = "does not fit";

std::string error_cell(double error) {
  return fmt::format("{:.1f} %", 100 * error);
}

std::string figure(double value) {
  return report::significant(value, 4);
}

void append_groups(const Validation& validation, std::string& out) {
  const bool ranked =
      std::any_of(validation.groups.begin(), validation.groups.end(),
                  [](const ErrorGroup& group) { return group.rank_correlation.has_value(); });
  std::vector<std::string> header = {"by", "group", "rows", "median", "mean", "p90", "worst"};
  if (ranked) header.emplace_back("rank correlation");
  Table table(header);
  const auto add = [&](const ErrorGroup& group, const std::string& by) {
    std::vector<std::string> cells = {by,
                                      group.name.empty() ? "not stated" : group.name,
                                      std::to_string(group.rows),
                                      error_cell(group.median),
                                      error_cell(group.mean),
                                      error_cell(group.p90),
                                      error_cell(group.worst)};
    if (ranked) {
      cells.push_back(group.rank_correlation ? fmt::format("{:.2f}", *group.rank_correlation) : "");
    }
    table.add(cells);
  };
  add(validation.all, "all");
  std::string_view last;
  for (const ErrorGroup& group : validation.groups) {
    add(group, group.by == last ? "" : group.by);
    last = group.by;
  }
  out += table.to_string();
}

using Rows = std::vector<const ValidationRow*>;

void append_worst_steps(const Rows& rows, std::string& out) {
  Table table({"worst", "model", "chip", "chips", "layout", "precision", "metric", "measured",
               "predicted", "|error|"});
  for (const ValidationRow* row : rows) {
    table.add({row->id, row->model, row->accelerator,
               row->chips > 0 ? std::to_string(row->chips) : "", row->layout, row->precision,
               row->metric, figure(row->measured), figure(*row->predicted),
               error_cell(row->absolute_error())});
  }
  out += '\n' + table.to_string();
}

void append_worst_operations(const Rows& rows, std::string& out) {
  Table table(
      {"worst", "kind", "chip", "algorithm", "size", "metric", "measured", "predicted", "|error|"});
  for (const ValidationRow* row : rows) {
    table.add({row->id, row->kind, row->chip, row->algorithm, row->reach + ", " + row->size,
               row->metric, figure(row->measured), figure(*row->predicted),
               error_cell(row->absolute_error())});
  }
  out += '\n' + table.to_string();
}

/// The worst rows of the ledgers of whole runs, or of the others.
void append_worst(const Validation& validation, bool runs, std::string& out) {
  const std::size_t most = runs ? 20 : 10;
  Rows rows;
  for (const ValidationRow& row : validation.rows) {
    if (row.predicted && row.is_run() == runs) rows.push_back(&row);
  }
  const std::size_t shown = std::min(most, rows.size());
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(shown), rows.end(),
                    [](const ValidationRow* a, const ValidationRow* b) {
                      return a->absolute_error() > b->absolute_error();
                    });
  if (shown == 0) return;
  rows.resize(shown);
  runs ? append_worst_steps(rows, out) : append_worst_operations(rows, out);
}

/// Several assumptions of a run; of what does not fit, that alone.
std::vector<std::string> reasons_of(const ValidationRow& row) {
  if (!row.is_run()) return {row.reason};
  if (row.reason.starts_with(kMisfit)) return {std::string(kMisfit)};
  std::vector<std::string> parts;
  for (std::size_t from = 0; from < row.reason.size();) {
    const std::size_t to = std::min(row.reason.find("; ", from), row.reason.size());
    parts.push_back(row.reason.substr(from, to - from));
    from = to + 2;
  }
  return parts;
}

/// Reasons of the rows without a prediction, or assumptions of those with one.
void append_reasons(const Validation& validation, bool predicted, std::string& out) {
  std::map<std::string, int> counts;
  for (const ValidationRow& row : validation.rows) {
    if (row.predicted.has_value() != predicted || row.reason.empty()) continue;
    for (const std::string& reason : reasons_of(row)) ++counts[reason];
  }
  if (counts.empty()) return;
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  out += predicted ? "\nAssumed:\n" : "\nNot expressed:\n";
  for (const auto& [reason, count] : sorted) { out += fmt::format("{:>6}  {}\n", count, reason); }
}

}  // namespace

std::string validation_text(const Validation& validation) {
  std::string out = fmt::format("{} rows, {} expressed; |error| is |ln(predicted/measured)|\n\n",
                                validation.rows.size(), validation.expressed);
  if (validation.expressed > 0) append_groups(validation, out);
  append_worst(validation, false, out);
  append_worst(validation, true, out);
  append_reasons(validation, true, out);
  append_reasons(validation, false, out);
  return out;
}

std::string validation_json(const Validation& validation, Seconds wall_time) {
  JsonWriter json;
  const auto error = [&](std::string_view key, const ErrorGroup& group, double value) {
    json.key(key);
    group.rows > 0 ? json.value(value) : json.null();
  };
  const ErrorGroup& all = validation.all;
  json.begin_object().key("summary").begin_object();
  json.key("rows").value(validation.rows.size()).key("expressed").value(validation.expressed);
  error("median_abs_error", all, all.median);
  error("mean_abs_error", all, all.mean);
  error("p90_abs_error", all, all.p90);
  error("worst", all, all.worst);
  json.end_object().key("groups").begin_array();
  for (const ErrorGroup& group : validation.groups) {
    json.begin_object().key("by").value(group.by).key("name").value(group.name);
    json.key("rows").value(group.rows).key("median_abs_error").value(group.median);
    json.key("p90_abs_error").value(group.p90);
    if (group.rank_correlation) json.key("rank_correlation").value(*group.rank_correlation);
    json.end_object();
  }
  json.end_array().key("rows").begin_array();
  for (const ValidationRow& row : validation.rows) {
    json.begin_object().key("id").value(row.id).key("kind").value(row.kind);
    json.key("chip").value(row.chip).key("model").value(row.model);
    json.key("metric").value(row.metric).key("measured");
    row.measured > 0 ? json.value(row.measured) : json.null();
    json.key("predicted");
    row.predicted ? json.value(*row.predicted) : json.null();
    json.key("error");
    row.predicted ? json.value(*row.predicted / row.measured - 1) : json.null();
    json.key("expressed").value(row.predicted.has_value()).key("reason").value(row.reason);
    json.end_object();
  }
  json.end_array().key("wall_time_s").value(wall_time.in(units::s)).end_object();
  return json.take();
}

}  // namespace aisle::sim
