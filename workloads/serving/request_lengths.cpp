// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/request_lengths.hpp"

#include "workloads/serving/requests.hpp"
#include "workloads/serving/requests.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

constexpr double kMostTokens = 100e6;

std::int32_t whole_tokens(double length) {
  return static_cast<std::int32_t>(std::clamp(std::round(length), 1.0, kMostTokens));
}

}  // namespace

std::int32_t draw_length(const pb::ServingLengths& asked, Random& random) {
  double length = asked.mean();
  if (asked.has_to()) {
    const auto width = static_cast<std::uint64_t>(asked.to() - asked.from() + 1);
    length = asked.from() + static_cast<double>(random.below(width));
  } else if (asked.spread() > 0) {
    const double variance = std::log(1 + asked.spread() * asked.spread());
    length = asked.mean() * std::exp(std::sqrt(variance) * random.normal() - variance / 2);
  }
  return whole_tokens(length);
}

std::optional<LengthSource> LengthSource::read(const std::string& path, Diagnostics& diagnostics) {
  const auto head = open_blocks(path, diagnostics);
  if (!head) return std::nullopt;
  CsvStream lines(*head, path);
  std::vector<CsvTable::Cell> names;
  const bool table = lines.next(names) == CsvStream::Got::record;
  const bool quantiles = table && std::any_of(names.begin(), names.end(),
                                              [](const auto& c) { return c.text == "q1"; });
  if (quantiles) {
    const auto rows = read_csv(path, diagnostics);
    return rows ? read_quantiles(*rows, diagnostics) : std::nullopt;
  }
  const auto whole = open_blocks(path, diagnostics);
  const auto stream = whole ? parse_requests(*whole, path, diagnostics) : std::nullopt;
  if (!stream) return std::nullopt;
  LengthSource source;
  for (const Request& request : stream->requests) {
    source.pairs_.push_back({request.prompt, request.output});
  }
  return source;
}

std::optional<LengthSource> LengthSource::read_quantiles(const CsvTable& table,
                                                         Diagnostics& diagnostics) {
  LengthSource source;
  const int client = table.column("client"), start = table.column("window_start_s"),
            field = table.column("field");
  if (client < 0 || start < 0 || field < 0) {
    diagnostics.error({table.file, 1, 1}, {}, "quantiles of lengths need further columns",
                      "client, window_start_s, field, q0, ..., q1");
    return std::nullopt;
  }
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    const std::string_view name = table.header[i];
    if (!name.starts_with('q')) continue;
    const auto share = plain_number(name.substr(1));
    if (!share || *share < 0 || *share > 1 ||
        (!source.probabilities_.empty() && *share <= source.probabilities_.back())) {
      diagnostics.error({table.file, 1, 1}, {},
                        fmt::format("column '{}' is no quantile in rising order", name),
                        "q0, q0.5, ..., q1");
      return std::nullopt;
    }
    source.probabilities_.push_back(*share);
    columns.push_back(i);
  }
  const auto number = [&](const CsvTable::Cell& cell, double most) {
    const auto value = plain_number(cell.text);
    if (!value || *value < 0 || *value > most) {
      diagnostics.error(table.place(cell), {},
                        fmt::format("'{}' is not between 0 and {:g}", cell.text, most));
    }
    return value.value_or(0);
  };
  for (const auto& row : table.rows) {
    const std::string& what = row[static_cast<std::size_t>(field)].text;
    if (what != "input_tokens" && what != "output_tokens") continue;
    Window window{number(row[static_cast<std::size_t>(start)], 1e9), {}};
    for (const std::size_t column : columns) {
      const double value = number(row[column], kMostTokens);
      if (!window.values.empty() && value < window.values.back()) {
        diagnostics.error(table.place(row[column]), {}, "is below the quantile before it");
      }
      window.values.push_back(value);
    }
    auto& [prompts, outputs] = source.clients_[row[static_cast<std::size_t>(client)].text];
    (what == "input_tokens" ? prompts : outputs).push_back(std::move(window));
  }
  for (auto& [name, fields] : source.clients_) {
    for (Windows* windows : {&fields.first, &fields.second}) {
      std::stable_sort(windows->begin(), windows->end(),
                       [](const Window& a, const Window& b) { return a.start_s < b.start_s; });
      if (!windows->empty()) continue;
      diagnostics.error({table.file, 1, 1}, {},
                        fmt::format("client {} has lengths of prompts or of answers alone", name));
    }
  }
  if (diagnostics.has_errors()) return std::nullopt;
  return source;
}

bool LengthSource::knows(std::string_view client) const {
  return clients_.empty() || clients_.find(client) != clients_.end();
}

std::int32_t LengthSource::draw(const Windows& windows, double time, Random& random) const {
  auto at = std::upper_bound(windows.begin(), windows.end(), time,
                             [](double t, const Window& window) { return t < window.start_s; });
  if (at != windows.begin()) --at;
  const double share = random.uniform();
  const auto above = std::upper_bound(probabilities_.begin(), probabilities_.end(), share);
  const auto i = static_cast<std::size_t>(above - probabilities_.begin());
  if (i == 0) return whole_tokens(at->values.front());
  if (i == probabilities_.size()) return whole_tokens(at->values.back());
  const double part = (share - probabilities_[i - 1]) / (probabilities_[i] - probabilities_[i - 1]);
  return whole_tokens(at->values[i - 1] + part * (at->values[i] - at->values[i - 1]));
}

LengthSource::Lengths LengthSource::draw(Random& prompts, Random& outputs, std::string_view client,
                                         double time) const {
  if (!clients_.empty()) {
    const auto found = clients_.find(client);
    const auto& fields = (found == clients_.end() ? clients_.begin() : found)->second;
    return {draw(fields.first, time, prompts), draw(fields.second, time, outputs)};
  }
  if (!pairs_.empty()) return pairs_[prompts.below(pairs_.size())];
  return {draw_length(asked_->prompt(), prompts), draw_length(asked_->output(), outputs)};
}

}  // namespace aisle::workloads
