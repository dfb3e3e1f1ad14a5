// SPDX-License-Identifier: Apache-2.0
#include "sim/base/csv.hpp"
#include "workloads/serving/requests.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>

namespace aisle::workloads {

namespace {

/// Longest prompt or answer that is taken for one.
constexpr double kMostTokens = 100e6;
constexpr double kLongestStream_s = 1e9;

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

/// Days since 1970-01-01 of a date of our calendar.
int days_of(int year, int month, int day) {
  const int y = month <= 2 ? year - 1 : year;  // years start in March
  const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

/// Seconds of "2023-11-16 18:17:03.9799600", also with T, and with Z or +00:00 behind.
std::optional<double> clock_in(std::string_view text) {
  constexpr std::size_t kShortest = 19;
  if (text.size() < kShortest || text[4] != '-' || text[7] != '-' || text[13] != ':' ||
      text[16] != ':' || (text[10] != ' ' && text[10] != 'T'))
    return std::nullopt;
  if (text.back() == 'Z') text.remove_suffix(1);
  if (text.ends_with("+00:00")) text.remove_suffix(6);
  constexpr std::array<std::array<std::size_t, 2>, 5> kParts = {
      {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}}};
  std::array<int, 5> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto value = number_in(text.substr(kParts[i][0], kParts[i][1]));
    if (!value || *value < 0) return std::nullopt;
    parts[i] = static_cast<int>(*value);
  }
  const auto seconds = number_in(text.substr(17));
  if (!seconds || *seconds < 0 || *seconds >= 61 || parts[1] < 1 || parts[1] > 12) {
    return std::nullopt;
  }
  return days_of(parts[0], parts[1], parts[2]) * 86400.0 + parts[3] * 3600 + parts[4] * 60 +
         *seconds;
}

/// What readers share: checks of one request, order, and what is said about all.
class Collector {
 public:
  Collector(RequestStream& stream, Diagnostics& diagnostics)
      : stream_(stream), diagnostics_(diagnostics) {}

  bool tokens(double value, const Place& place, const char* what) {
    if (value >= 0 && value <= kMostTokens && value == std::floor(value)) return true;
    diagnostics_.error(place, {}, fmt::format("{} of {:g} tokens is no length", what, value),
                       "a whole number from 0 to 100,000,000");
    return false;
  }

  bool arrival(double seconds, const Place& place) {
    if (std::abs(seconds) <= kLongestStream_s * 1e2) return true;
    diagnostics_.error(place, {}, "is no time of arrival");
    return false;
  }

  void add(double arrival_s, double prompt, double output, std::size_t first_prefix) {
    if (prompt < 1 || output < 1) {
      ++empty_;
      stream_.prefix_ids.resize(first_prefix);
      return;
    }
    if (!stream_.requests.empty()) {
      const double gap = arrival_s - stream_.requests.back().arrival_s;
      unsorted_ += gap < 0;
      equal_ += gap == 0;
      longest_gap_ = std::max(longest_gap_, gap);
    }
    Request request;
    request.arrival_s = arrival_s;
    request.prompt = static_cast<std::int32_t>(prompt);
    request.output = static_cast<std::int32_t>(output);
    request.first_prefix = static_cast<std::int32_t>(first_prefix);
    request.prefixes = static_cast<std::int32_t>(stream_.prefix_ids.size() - first_prefix);
    stream_.requests.push_back(request);
  }

  bool finish(const std::string& file, bool timed);

 private:
  RequestStream& stream_;
  Diagnostics& diagnostics_;
  long long empty_ = 0, unsorted_ = 0, equal_ = 0;
  double longest_gap_ = 0;
};

bool Collector::finish(const std::string& file, bool timed) {
  if (diagnostics_.has_errors()) return false;
  auto& requests = stream_.requests;
  if (requests.empty()) {
    diagnostics_.error({file, 0, 0}, {}, "holds no request with a prompt and an answer");
    return false;
  }
  std::stable_sort(requests.begin(), requests.end(),
                   [](const Request& a, const Request& b) { return a.arrival_s < b.arrival_s; });
  const double first = requests.front().arrival_s;
  for (Request& request : requests) request.arrival_s -= first;
  const auto say = [&](std::string text) { stream_.caveats.push_back(std::move(text)); };
  if (empty_ > 0) say(fmt::format("{}: {} rows without prompt or answer left out.", file, empty_));
  if (!timed) {
    say(fmt::format("{} gives no arrivals.", file));
    return true;
  }
  if (unsorted_ > 0) {
    say(fmt::format("{}: {} stamps earlier than the one before; sorted.", file, unsorted_));
  }
  const double mean = requests.back().arrival_s / static_cast<double>(requests.size());
  if (longest_gap_ > 60 && longest_gap_ > 100 * mean) {
    say(fmt::format("{}: the longest gap between arrivals is {:.0f} s, the mean {:.3g} s.", file,
                    longest_gap_, mean));
  }
  // Stamps in whole seconds put all requests of a second at its start.
  if (equal_ * 2 > static_cast<long long>(requests.size())) {
    say(fmt::format("{}: {} of {} stamps equal the one before.", file, equal_, requests.size()));
  }
  return true;
}

int any_column(const CsvTable& table, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const int column = table.column(name); column >= 0) return column;
  }
  return -1;
}

bool read_table(std::string_view text, const std::string& file, RequestStream& stream,
                Diagnostics& diagnostics) {
  const auto table = parse_csv(text, file, diagnostics);
  if (!table) return false;
  const int prompt =
      any_column(*table, {"ContextTokens", "Request tokens", "input_tokens", "num_prefill_tokens",
                          "input_length", "prompt_tokens", "input_toks"});
  const int output = any_column(
      *table, {"GeneratedTokens", "Response tokens", "output_tokens", "num_decode_tokens",
               "output_length", "completion_tokens", "output_toks"});
  const int stamp = any_column(
      *table, {"TIMESTAMP", "Timestamp", "arrival_time_s", "arrived_at", "timestamp", "arrival_s"});
  if (prompt < 0 || output < 0) {
    diagnostics.error({file, 1, 1}, {},
                      "this table holds no requests: it has no column of prompt "
                      "and answer lengths",
                      "for example TIMESTAMP, ContextTokens, GeneratedTokens");
    return false;
  }
  Collector collector(stream, diagnostics);
  for (const auto& row : table->rows) {
    const auto& prompt_cell = row[static_cast<std::size_t>(prompt)];
    const auto& output_cell = row[static_cast<std::size_t>(output)];
    const auto length = [&](const CsvTable::Cell& cell, const char* what) -> std::optional<double> {
      const auto value = number_in(cell.text);
      if (!value) {
        diagnostics.error(table->place(cell), {},
                          fmt::format("'{}' is no number of tokens", cell.text));
        return std::nullopt;
      }
      if (!collector.tokens(*value, table->place(cell), what)) return std::nullopt;
      return value;
    };
    const auto in = length(prompt_cell, "a prompt"), out = length(output_cell, "an answer");
    double arrival = 0;
    if (stamp >= 0) {
      const auto& cell = row[static_cast<std::size_t>(stamp)];
      const auto plain = number_in(cell.text);
      const auto value = plain ? plain : clock_in(cell.text);
      if (!value) {
        diagnostics.error(table->place(cell), {}, fmt::format("'{}' is no time", cell.text),
                          "seconds, or 2023-11-16 18:17:03.98");
      }
      if (!value || !collector.arrival(*value, table->place(cell))) continue;
      arrival = *value;
    }
    if (in && out) collector.add(arrival, *in, *out, stream.prefix_ids.size());
  }
  return collector.finish(file, stamp >= 0);
}

/// One line of a stream in JSON lines.
bool read_record(simdjson::dom::element record, const Place& place, Collector& collector,
                 RequestStream& stream, bool& timed, Diagnostics& diagnostics) {
  const auto field = [&](std::initializer_list<const char*> names) -> std::optional<double> {
    for (const char* name : names) {
      double value = 0;
      if (record[name].get(value) == simdjson::SUCCESS && std::isfinite(value)) return value;
    }
    return std::nullopt;
  };
  const auto prompt = field({"input_length", "input_toks", "prompt_tokens", "input_tokens"});
  const auto output = field({"output_length", "output_toks", "completion_tokens", "output_tokens"});
  if (!prompt || !output) {
    diagnostics.error(place, {}, "names no lengths of prompt and answer",
                      "input_length and output_length, in tokens");
    return false;
  }
  if (!collector.tokens(*prompt, place, "a prompt") ||
      !collector.tokens(*output, place, "an answer"))
    return false;
  const auto milliseconds = field({"timestamp"}), nanoseconds = field({"arrival_time_ns"});
  const double arrival = milliseconds  ? *milliseconds / 1e3
                         : nanoseconds ? *nanoseconds / 1e9
                                       : field({"arrived_at", "arrival_time_s"}).value_or(0);
  timed = timed || arrival != 0;
  if (!collector.arrival(arrival, place)) return false;
  const std::size_t first = stream.prefix_ids.size();
  simdjson::dom::array ids;
  if (record["hash_ids"].get(ids) == simdjson::SUCCESS) {
    for (const simdjson::dom::element each : ids) {
      std::int64_t id = 0;
      if (each.get(id) != simdjson::SUCCESS) {
        diagnostics.error(place, "hash_ids", "holds what is no whole number");
        return false;
      }
      stream.prefix_ids.push_back(id);
    }
  }
  collector.add(arrival, *prompt, *output, first);
  return true;
}

bool read_lines(std::string_view text, const std::string& file, RequestStream& stream,
                Diagnostics& diagnostics) {
  constexpr int kMooncakeBlock = 512, kMostErrors = 20;
  Collector collector(stream, diagnostics);
  simdjson::dom::parser parser;
  bool timed = false;
  int line = 0;
  while (!text.empty() && diagnostics.error_count() < kMostErrors) {
    const std::string_view rest = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), rest.size() + 1));
    ++line;
    if (rest.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    simdjson::dom::element record;
    if (parser.parse(rest.data(), rest.size()).get(record) != simdjson::SUCCESS ||
        !record.is_object()) {
      diagnostics.error({file, line, 1}, {}, "is no JSON object", "one object on each line");
      continue;
    }
    read_record(record, {file, line, 1}, collector, stream, timed, diagnostics);
  }
  if (!stream.prefix_ids.empty()) stream.prefix_tokens = kMooncakeBlock;
  return collector.finish(file, timed);
}

}  // namespace

std::optional<RequestStream> parse_requests(std::string_view text, const std::string& file,
                                            Diagnostics& diagnostics) {
  RequestStream stream;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool lines = first != std::string_view::npos && text[first] == '{';
  Diagnostics own;
  const bool good =
      lines ? read_lines(text, file, stream, own) : read_table(text, file, stream, own);
  diagnostics.append(own);
  if (!good || own.has_errors()) return std::nullopt;
  return stream;
}

}  // namespace aisle::workloads
