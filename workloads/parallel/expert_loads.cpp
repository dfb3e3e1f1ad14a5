// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/expert_loads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

namespace aisle::workloads {

namespace {

using Cell = CsvTable::Cell;

constexpr std::int64_t kMostExperts = 65'536;
/// Steps x layers x experts that are kept.
constexpr std::size_t kMostNumbers = 20'000'000;

/// "e17" with prefix "e" is 17; nothing for other names.
std::optional<int> numbered(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() == prefix.size()) return std::nullopt;
  const char *from = name.data() + prefix.size(), *to = name.data() + name.size();
  int number = 0;
  const auto [end, failure] = std::from_chars(from, to, number);
  if (failure != std::errc() || end != to || number < 0) return std::nullopt;
  return number;
}

class Reader {
 public:
  Reader(const CsvTable& table, const LoadSelection& selection, Diagnostics& diagnostics)
      : table_(table), selection_(selection), diagnostics_(diagnostics) {}

  std::optional<ExpertLoads> read();

 private:
  struct Condition {
    int column;
    std::string value;
  };

  void error(const Place& place, std::string sentence, std::string hint = {}) {
    diagnostics_.error(place, {}, std::move(sentence), std::move(hint));
  }

  Place header() const { return {table_.file, 1, 1}; }

  bool find_conditions();
  bool find_form();
  bool find_expert_columns(std::string_view prefix);
  bool counts(const std::vector<Cell>& row) const;
  void read_row(const std::vector<Cell>& row);
  void read_token(const std::vector<Cell>& row, std::size_t step);
  std::optional<double> number(const Cell& cell);
  std::optional<int> whole(const Cell& cell, std::int64_t below, const char* what);
  std::size_t step_of(const std::vector<Cell>& row);
  void add(std::size_t step, int layer, int expert, double tokens);
  std::optional<ExpertLoads> collect();

  const CsvTable& table_;
  const LoadSelection& selection_;
  Diagnostics& diagnostics_;
  std::vector<Condition> conditions_;
  int layer_ = -1, expert_ = -1, amount_ = -1, step_ = -1;  ///< columns; -1: none
  std::vector<std::pair<int, int>> experts_;                ///< column, expert
  std::vector<std::pair<int, int>> layers_;                 ///< column, layer: a token a row
  int width_ = 0;                                           ///< experts seen
  std::vector<std::string> steps_;
  std::map<std::string, std::size_t> step_numbers_;
  std::map<std::pair<std::size_t, int>, std::vector<double>> tokens_;  ///< by step and layer
};

bool Reader::find_conditions() {
  bool selects = false, good = true;
  for (const std::string& each : selection_.where) {
    const std::size_t equals = each.find('=');
    const std::string name = each.substr(0, equals);
    const int column = table_.column(name);
    if (equals == std::string::npos || column < 0) {
      error(header(), fmt::format("'{}' selects no rows: it names no column of the table", each),
            fmt::format("write \"column=value\" with one of {}",
                        fmt::join(table_.header.begin(),
                                  table_.header.begin() +
                                      std::min<std::ptrdiff_t>(
                                          8, static_cast<std::ptrdiff_t>(table_.header.size())),
                                  ", ")));
      good = false;
      continue;
    }
    conditions_.push_back({column, each.substr(equals + 1)});
    selects = selects || name == "selection";
  }
  if (const int column = table_.column("selection"); column >= 0 && !selects) {
    conditions_.push_back({column, "topk"});
  }
  if (selection_.step.empty()) return good;
  step_ = table_.column(selection_.step);
  if (step_ >= 0) return good;
  error(header(),
        fmt::format("the table has no column '{}' to divide it into steps", selection_.step),
        did_you_mean(selection_.step, table_.header));
  return false;
}

/// Columns of all experts from 0 on, in any order.
bool Reader::find_expert_columns(std::string_view prefix) {
  for (std::size_t c = 0; c < table_.header.size(); ++c) {
    const auto expert = numbered(table_.header[c], prefix);
    if (expert) experts_.emplace_back(static_cast<int>(c), *expert);
  }
  std::sort(experts_.begin(), experts_.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  for (std::size_t i = 0; i < experts_.size(); ++i) {
    if (experts_[i].second == static_cast<int>(i)) continue;
    error(header(), fmt::format("column '{}{}' is missing or stands twice", prefix, i),
          "one column for each expert, from 0 on");
    return false;
  }
  width_ = static_cast<int>(experts_.size());
  return true;
}

bool Reader::find_form() {
  layer_ = table_.column("layer");
  if (layer_ < 0) layer_ = table_.column("layer_to");
  if (!find_expert_columns("e")) return false;
  if (experts_.empty() && !find_expert_columns("to_e")) return false;
  if (!experts_.empty() && layer_ >= 0) return true;
  expert_ = table_.column("expert");
  for (const char* name : {"tokens", "count", "load"}) {
    if (amount_ < 0) amount_ = table_.column(name);
  }
  if (layer_ >= 0 && expert_ >= 0 && amount_ >= 0) return true;
  for (std::size_t c = 0; c < table_.header.size(); ++c) {
    const auto layer = numbered(table_.header[c], "L");
    if (layer) layers_.emplace_back(static_cast<int>(c), *layer);
  }
  if (!layers_.empty()) return true;
  error(header(), "this table holds no expert loads",
        "columns layer, e0, e1, ...; or layer, expert, tokens; or L0, L1, ... with the experts of "
        "a token");
  return false;
}

bool Reader::counts(const std::vector<Cell>& row) const {
  return std::all_of(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
    return row[static_cast<std::size_t>(condition.column)].text == condition.value;
  });
}

std::optional<double> Reader::number(const Cell& cell) {
  double value = 0;
  const char *from = cell.text.data(), *to = from + cell.text.size();
  const auto [end, failure] = std::from_chars(from, to, value);
  constexpr double kMost = 1e15;
  if (failure == std::errc() && end == to && value >= 0 && value <= kMost) return value;
  error(table_.place(cell), fmt::format("'{}' is no number of tokens", cell.text));
  return std::nullopt;
}

std::optional<int> Reader::whole(const Cell& cell, std::int64_t below, const char* what) {
  const auto value = numbered(cell.text, "");
  if (value && *value < below) return value;
  error(table_.place(cell), fmt::format("'{}' is no number of {}", cell.text, what),
        fmt::format("a whole number from 0 to {}", below - 1));
  return std::nullopt;
}

std::size_t Reader::step_of(const std::vector<Cell>& row) {
  const std::string name = step_ < 0 ? "" : row[static_cast<std::size_t>(step_)].text;
  const auto [at, fresh] = step_numbers_.emplace(name, steps_.size());
  if (fresh) steps_.push_back(name);
  return at->second;
}

void Reader::add(std::size_t step, int layer, int expert, double tokens) {
  std::vector<double>& row = tokens_[{step, layer}];
  const auto at = static_cast<std::size_t>(expert);
  if (row.size() <= at) row.resize(at + 1);
  row[at] += tokens;
  width_ = std::max(width_, expert + 1);
}

/// Experts stand side by side in a cell: "8-26-56", "8 26 56".
void Reader::read_token(const std::vector<Cell>& row, std::size_t step) {
  constexpr std::string_view kBetween = " -;|/";
  for (const auto& [column, layer] : layers_) {
    const Cell& cell = row[static_cast<std::size_t>(column)];
    std::size_t at = cell.text.find_first_not_of(kBetween);
    while (at != std::string::npos) {
      const std::size_t end = std::min(cell.text.find_first_of(kBetween, at), cell.text.size());
      const Cell one{cell.text.substr(at, end - at), cell.line, cell.column};
      const auto expert = whole(one, kMostExperts, "an expert");
      if (!expert) return;
      add(step, layer, *expert, 1);
      at = cell.text.find_first_not_of(kBetween, end);
    }
  }
}

void Reader::read_row(const std::vector<Cell>& row) {
  const std::size_t step = step_of(row);
  if (!layers_.empty()) return read_token(row, step);
  constexpr std::int64_t kMostLayers = 100'000;
  const auto layer = whole(row[static_cast<std::size_t>(layer_)], kMostLayers, "a layer");
  if (!layer) return;
  if (experts_.empty()) {
    const auto expert = whole(row[static_cast<std::size_t>(expert_)], kMostExperts, "an expert");
    const auto tokens = number(row[static_cast<std::size_t>(amount_)]);
    if (expert && tokens) add(step, *layer, *expert, *tokens);
    return;
  }
  for (const auto& [column, expert] : experts_) {
    const auto tokens = number(row[static_cast<std::size_t>(column)]);
    if (!tokens) return;
    add(step, *layer, expert, *tokens);
  }
}

std::optional<ExpertLoads> Reader::collect() {
  ExpertLoads loads;
  loads.experts = width_;
  loads.steps = steps_;
  for (const auto& [key, row] : tokens_) loads.layers.push_back(key.second);
  std::sort(loads.layers.begin(), loads.layers.end());
  loads.layers.erase(std::unique(loads.layers.begin(), loads.layers.end()), loads.layers.end());
  const std::size_t rows = loads.steps.size() * loads.layers.size();
  const auto width = static_cast<std::size_t>(width_);
  if (rows > kMostNumbers / std::max<std::size_t>(1, width)) {
    error(header(),
          fmt::format("{} steps of {} layers and {} experts are too many", loads.steps.size(),
                      loads.layers.size(), width_),
          "select some of them");
    return std::nullopt;
  }
  for (std::size_t s = 0; s < loads.steps.size(); ++s) {
    const std::string of = step_ < 0 ? "" : fmt::format(" in step '{}'", loads.steps[s]);
    for (const int layer : loads.layers) {
      std::vector<double>& row = tokens_[{s, layer}];
      row.resize(width);
      double sum = 0;
      for (const double tokens : row) sum += tokens;
      if (sum <= 0) {
        error(header(), fmt::format("no expert of layer {} received a token{}", layer, of),
              "every layer needs loads in every step");
        return std::nullopt;
      }
      loads.tokens.insert(loads.tokens.end(), row.begin(), row.end());
    }
  }
  return loads;
}

std::optional<ExpertLoads> Reader::read() {
  const int before = diagnostics_.error_count();
  if (!find_conditions() || !find_form()) return std::nullopt;
  bool any = false;
  for (const auto& row : table_.rows) {
    if (!counts(row)) continue;
    any = true;
    read_row(row);
    constexpr int kMostErrors = 20;
    if (diagnostics_.error_count() > before + kMostErrors) break;
  }
  if (diagnostics_.error_count() > before) return std::nullopt;
  if (any && width_ >= 2) return collect();
  error(header(), any ? "the loads of one expert say nothing" : "no row is selected",
        any ? "" : fmt::format("the conditions are {}", fmt::join(selection_.where, ", ")));
  return std::nullopt;
}

}  // namespace

std::optional<ExpertLoads> expert_loads(const CsvTable& table, const LoadSelection& selection,
                                        Diagnostics& diagnostics) {
  return Reader(table, selection, diagnostics).read();
}

std::optional<ExpertLoads> read_expert_loads(const std::string& path,
                                             const LoadSelection& selection,
                                             Diagnostics& diagnostics) {
  const auto table = read_csv(path, diagnostics);
  return table ? expert_loads(*table, selection, diagnostics) : std::nullopt;
}

}  // namespace aisle::workloads
