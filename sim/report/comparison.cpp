// SPDX-License-Identifier: Apache-2.0
#include "sim/report/comparison.hpp"

#include "sim/report/explain.hpp"
#include "sim/report/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aisle::sim::report {

double figure(const pb::Result& result, std::string_view name) {
  return result.feasible() ? metric(result, name).value_or(kUnknown) : kUnknown;
}

double chips_per_million_tokens(const pb::Result& result) {
  const double tokens = figure(result, "tokens_per_s") * figure(result, "step_time_s");
  return result.scenario().cluster().count() / (tokens / 1e6);
}

namespace {

/// What makes runs of different models, batches and clusters comparable: work per token.
struct PerToken {
  std::string_view name, label;
  std::string_view rests_on;  ///< the metric whose basis it has
  double (*of)(const pb::Result&);
};

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

}  // namespace

std::string per_token_label(const std::string& name) {
  const auto* entry = std::find_if(std::begin(kPerToken), std::end(kPerToken),
                                   [&](const PerToken& known) { return known.name == name; });
  return std::string(entry == std::end(kPerToken) ? name : entry->label);
}

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

namespace {

using Parts = google::protobuf::RepeatedPtrField<pb::Part>;

double seconds_of(const Parts& parts, std::string_view name) {
  double sum = 0;
  for (const pb::Part& part : parts) {
    if (part.name() == name) sum += part.seconds();
  }
  return sum;
}

double seconds_of(const Parts& parts) {
  double sum = 0;
  for (const pb::Part& part : parts) sum += part.seconds();
  return sum;
}

/// What a result's parts leave over goes into a last row, so that the rows of each result add up to
/// its step time.
std::vector<Row> rows_of(std::span<const pb::Result> results,
                         const Parts& (*parts_of)(const pb::Result&)) {
  std::vector<Row> rows;
  for (const pb::Result& result : results) {
    for (const pb::Part& part : parts_of(result)) {
      const auto known = [&](const Row& row) { return row.name == part.name(); };
      if (std::any_of(rows.begin(), rows.end(), known)) continue;
      rows.push_back({part.name(), {}});
      for (const pb::Result& other : results) {
        rows.back().values.push_back(other.feasible() ? seconds_of(parts_of(other), part.name())
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
    const double left_over = step - seconds_of(parts_of(result));
    const bool negligible = std::abs(left_over) <= 1e-9 * std::abs(step);
    whole = whole && (negligible || std::isnan(step));
    rest.values.push_back(left_over);
  }
  if (!whole) rows.push_back(std::move(rest));
  return rows;
}

}  // namespace

std::vector<Row> part_rows(std::span<const pb::Result> results) {
  return rows_of(results,
                 [](const pb::Result& result) -> const Parts& { return result.breakdown(); });
}

std::vector<Row> resource_rows(std::span<const pb::Result> results) {
  for (const pb::Result& result : results) {  // older results, and replays, have none
    if (result.feasible() && result.resource().empty()) return {};
  }
  return rows_of(results,
                 [](const pb::Result& result) -> const Parts& { return result.resource(); });
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

bool same_work(const pb::Result& a, const pb::Result& b) {
  const double first = chips_per_million_tokens(a), second = chips_per_million_tokens(b);
  return std::abs(first - second) <= 1e-6 * std::abs(first) || !(first > 0) || !(second > 0);
}

std::vector<Row> multiplied(std::vector<Row> rows, std::span<const pb::Result> results,
                            double (*factor)(const pb::Result&)) {
  for (Row& row : rows) {
    for (std::size_t i = 0; i < results.size(); ++i) row.values[i] *= factor(results[i]);
  }
  return rows;
}

std::string weakest(const Row& row) {
  for (auto basis = std::rbegin(kBases); basis != std::rend(kBases); ++basis) {
    std::string name = basis_name(*basis);
    if (std::find(row.basis.begin(), row.basis.end(), name) != row.basis.end()) return name;
  }
  return {};
}

std::string letter(std::size_t index) {
  return index < 26 ? std::string(1, static_cast<char>('A' + index))
                    : fmt::format("#{}", index + 1);
}

std::string explanation(std::span<const pb::Result> results, std::size_t at) {
  std::vector<Row> rows = resource_rows(results);
  if (rows.empty() || !results[at].feasible() || !results.front().feasible()) return {};
  const bool same = same_work(results.front(), results[at]);
  if (!same) rows = multiplied(std::move(rows), results, chips_per_million_tokens);
  double base = 0, total = 0;
  for (const Row& row : rows) {
    base += row.values.front();
    total += row.values[at] - row.values.front();
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return std::abs(a.values[at] - a.values.front()) > std::abs(b.values[at] - b.values.front());
  });
  constexpr std::size_t kNamed = 5;
  const char* unit = same ? "s" : "chip-s";
  const auto signed_value = [&](double value) {
    return fmt::format("{}{} {}", value < 0 ? "-" : "+", significant(std::abs(value), 3), unit);
  };
  std::string text = fmt::format("{}, {} less A is {} ({}): ", same ? "A step" : "A million tokens",
                                 letter(at), signed_value(total), signed_percent(total / base));
  double named = 0;
  for (std::size_t i = 0; i < std::min(kNamed, rows.size()); ++i) {
    const double value = rows[i].values[at] - rows[i].values.front();
    text +=
        fmt::format("{}{} {}", i == 0 ? "" : ", ", part_label(rows[i].name), signed_value(value));
    named += value;
  }
  if (rows.size() > kNamed) text += fmt::format(", the rest {}", signed_value(total - named));
  return text + ".";
}

}  // namespace aisle::sim::report

namespace aisle::sim {

std::string explain_difference(std::span<const pb::Result> results, std::size_t at) {
  return report::explanation(results, at);
}

}  // namespace aisle::sim
