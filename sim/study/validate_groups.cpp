// SPDX-License-Identifier: Apache-2.0
// Errors of a validation by group, and how well layouts are told apart.
#include "sim/study/validate_groups.hpp"

#include "sim/base/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>

namespace aisle::sim {

namespace {

std::string_view name_of(LedgerKind kind) {
  switch (kind) {
    case LedgerKind::collectives:
      return "collectives";
    case LedgerKind::kernels:
      return "kernels";
    case LedgerKind::training:
      return "training";
    case LedgerKind::inference:
      return "inference";
  }
  AISLE_ASSERT(false, "ledger kind out of range");
}

/// Something to group rows by; nothing for rows that cannot have it.
struct Property {
  std::string by;
  std::function<std::optional<std::string>(const ValidationRow&)> of;
};

std::optional<std::string> of_run(const ValidationRow& row, const std::string& value) {
  return row.is_run() ? std::optional(value) : std::nullopt;
}

std::optional<std::string> of_operation(const ValidationRow& row, const std::string& value) {
  return !row.is_run() ? std::optional(value) : std::nullopt;
}

const std::vector<Property>& properties() {
  using Row = ValidationRow;
  static const std::vector<Property> list = {
      {"reach and size",
       [](const Row& row) { return of_operation(row, row.reach + ", " + row.size); }},
      {"reach", [](const Row& row) { return of_operation(row, row.reach); }},
      {"size", [](const Row& row) { return of_operation(row, row.size); }},
      {"kind and layout",
       [](const Row& row) { return of_run(row, row.kind + ", " + row.completeness); }},
      {"kind", [](const Row& row) { return row.kind; }},
      {"chip", [](const Row& row) { return row.accelerator; }},
      {"precision", [](const Row& row) { return of_run(row, row.precision); }},
      {"chips", [](const Row& row) { return of_run(row, row.scale); }},
      {"source", [](const Row& row) { return of_run(row, row.source); }},
      {"model", [](const Row& row) { return of_run(row, row.model); }},
      {"memory", [](const Row& row) { return of_run(row, row.memory); }},
      {"fabric", [](const Row& row) { return of_operation(row, row.fabric); }},
      {"algorithm", [](const Row& row) { return of_operation(row, row.algorithm); }},
      {"half", [](const Row& row) { return row.half; }},
      {"kind and half", [](const Row& row) { return of_run(row, row.kind + ", " + row.half); }},
  };
  return list;
}

/// Order of "inside, <= 64 KiB", "inside, to 16 MiB", ..., "across, above".
int size_rank(const std::string& name) {
  int rank = name.starts_with("across") ? 10 : 0;
  for (const char* size : {"<= 64 KiB", "to 16 MiB"}) {
    if (name.ends_with(size)) break;
    ++rank;
  }
  return rank;
}

void add_groups(const Property& property, Validation& validation) {
  std::map<std::string, std::vector<double>> errors;
  for (const ValidationRow& row : validation.rows) {
    if (!row.predicted) continue;
    if (const auto name = property.of(row)) errors[*name].push_back(row.absolute_error());
  }
  if (errors.size() == 1 && errors.begin()->first.empty()) return;  // no row has the property
  const std::size_t first = validation.groups.size();
  for (auto& [name, values] : errors) {
    validation.groups.push_back(error_group(property.by, name, std::move(values)));
  }
  const bool by_size = property.by.ends_with("size");
  static const std::set<std::string> by_name = {"reach", "half", "kind and layout",
                                                "kind and half"};
  if (by_name.contains(property.by)) return;
  std::stable_sort(validation.groups.begin() + static_cast<std::ptrdiff_t>(first),
                   validation.groups.end(), [by_size](const ErrorGroup& a, const ErrorGroup& b) {
                     return by_size ? size_rank(a.name) < size_rank(b.name) : a.rows > b.rows;
                   });
}

/// Rank of each value from 0; equal values share the mean of theirs.
std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&values](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t from = 0; from < order.size();) {
    std::size_t to = from + 1;
    while (to < order.size() && values[order[to]] == values[order[from]]) ++to;
    for (std::size_t i = from; i < to; ++i) {
      ranks[order[i]] = static_cast<double>(from + to - 1) / 2;
    }
    from = to;
  }
  return ranks;
}

/// Layouts that are too few to be ordered say nothing.
constexpr std::size_t kFewestLayouts = 5;

void add_sweeps(Validation& validation) {
  struct Times {
    std::vector<double> predicted, measured, errors;
  };

  std::map<std::string, Times> sweeps;
  for (const ValidationRow& row : validation.rows) {
    if (!row.predicted || row.metric != "step_time" || row.completeness != "given") continue;
    Times& times = sweeps[row.sweep];
    times.predicted.push_back(*row.predicted / row.sequences);
    times.measured.push_back(row.measured / row.sequences);
    times.errors.push_back(row.absolute_error());
  }
  for (auto& [name, times] : sweeps) {
    if (times.measured.size() < kFewestLayouts) continue;
    ErrorGroup group = error_group("layouts of", name, std::move(times.errors));
    group.rank_correlation = rank_correlation(times.predicted, times.measured);
    validation.groups.push_back(std::move(group));
  }
}

}  // namespace

std::optional<std::string> group_of(const ValidationRow& row, std::string_view by) {
  const auto found = std::find_if(properties().begin(), properties().end(),
                                  [by](const Property& property) { return property.by == by; });
  return found == properties().end() ? std::nullopt : found->of(row);
}

int ValidationRow::sense() const {
  const auto has = [this](const char* part) { return metric.find(part) != std::string::npos; };
  switch (ledger) {
    case LedgerKind::training:
      return has("time") || has("hours") || has("mem") ? 1 : -1;
    case LedgerKind::inference:
      return kind == "throughput" ? -1 : 1;
    case LedgerKind::collectives:
      return has("time") ? 1 : -1;
    case LedgerKind::kernels:
      break;
  }
  return 1;
}

double ValidationRow::absolute_error() const {
  AISLE_ASSERT(predicted.has_value(), "only a predicted row has an error");
  return std::abs(std::log(*predicted / measured));
}

ErrorGroup error_group(std::string by, std::string name, std::vector<double> errors) {
  ErrorGroup group;
  group.by = std::move(by);
  group.name = std::move(name);
  group.rows = static_cast<int>(errors.size());
  if (errors.empty()) return group;
  std::sort(errors.begin(), errors.end());
  group.median = quantile(errors, 0.5);
  group.p90 = quantile(errors, 0.9);
  group.worst = errors.back();
  group.mean = std::accumulate(errors.begin(), errors.end(), 0.0) / group.rows;
  return group;
}

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  AISLE_ASSERT(a.size() == b.size() && !a.empty(), "pairs of values have two sides");
  const std::vector<double> rank_a = ranks_of(a), rank_b = ranks_of(b);
  const double mean = static_cast<double>(a.size() - 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (rank_a[i] - mean) * (rank_b[i] - mean);
    aa += (rank_a[i] - mean) * (rank_a[i] - mean);
    bb += (rank_b[i] - mean) * (rank_b[i] - mean);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

void summarise(Validation& validation) {
  std::vector<double> all;
  std::set<LedgerKind> kinds;
  for (const ValidationRow& row : validation.rows) {
    kinds.insert(row.ledger);
    if (row.predicted) all.push_back(row.absolute_error());
  }
  validation.expressed = static_cast<int>(all.size());
  validation.all = error_group("all", "all", std::move(all));
  if (kinds.size() > 1) {
    add_groups(
        {"ledger", [](const ValidationRow& row) { return std::string(name_of(row.ledger)); }},
        validation);
  }
  for (const Property& property : properties()) add_groups(property, validation);
  add_sweeps(validation);
}

}  // namespace aisle::sim
