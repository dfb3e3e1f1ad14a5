// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/requests.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <utility>

namespace aisle::workloads {

namespace {

/// Longest prompt or answer that is taken for one.
constexpr double kMostTokens = 100e6;
constexpr double kLongestStream_s = 1e9;
constexpr int kMostErrors = 20;

/// Foreign text in a message: its beginning, printable.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string shown(text.substr(0, kMost));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return shown;
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
    const auto value = plain_number(text.substr(kParts[i][0], kParts[i][1]));
    if (!value || *value < 0) return std::nullopt;
    parts[i] = static_cast<int>(*value);
  }
  const auto seconds = plain_number(text.substr(17));
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

  bool priority(double value, const Place& place) {
    if (value >= 0 && value <= 255 && value == std::floor(value)) return true;
    diagnostics_.error(place, {}, fmt::format("{:g} is no priority", value),
                       "a whole number from 0 to 255, higher goes first");
    return false;
  }

  void add(double arrival_s, double prompt, double output, double priority,
           std::size_t first_prefix) {
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
    request.priority = static_cast<std::uint8_t>(priority);
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

/// Columns of a table of requests, and readers of their cells.
class TableReader {
 public:
  TableReader(CsvTable header, RequestStream& stream, Diagnostics& diagnostics)
      : header_(std::move(header)),
        stream_(stream),
        diagnostics_(diagnostics),
        collector_(stream, diagnostics),
        prompt_(any_column(header_,
                           {"ContextTokens", "Request tokens", "input_tokens", "num_prefill_tokens",
                            "input_length", "prompt_tokens", "input_toks"})),
        output_(any_column(
            header_, {"GeneratedTokens", "Response tokens", "output_tokens", "num_decode_tokens",
                      "output_length", "completion_tokens", "output_toks"})),
        stamp_(any_column(header_, {"TIMESTAMP", "Timestamp", "arrival_time_s", "arrived_at",
                                    "timestamp", "arrival_s"})),
        priority_(any_column(header_, {"priority"})) {}

  bool known() const { return prompt_ >= 0 && output_ >= 0; }

  void row(const std::vector<CsvTable::Cell>& row) {
    const auto prompt = length(row[static_cast<std::size_t>(prompt_)], "a prompt");
    const auto output = length(row[static_cast<std::size_t>(output_)], "an answer");
    const auto arrival =
        stamp_ < 0 ? std::optional(0.0) : time(row[static_cast<std::size_t>(stamp_)]);
    const auto urgent =
        priority_ < 0 ? std::optional(0.0) : priority(row[static_cast<std::size_t>(priority_)]);
    if (prompt && output && arrival && urgent) {
      collector_.add(*arrival, *prompt, *output, *urgent, stream_.prefix_ids.size());
    }
  }

  bool finish() { return collector_.finish(header_.file, stamp_ >= 0); }

 private:
  std::optional<double> length(const CsvTable::Cell& cell, const char* what) {
    const auto value = plain_number(cell.text);
    if (!value) {
      diagnostics_.error(header_.place(cell), {},
                         fmt::format("'{}' is no number of tokens", shown(cell.text)));
      return std::nullopt;
    }
    return collector_.tokens(*value, header_.place(cell), what) ? value : std::nullopt;
  }

  std::optional<double> time(const CsvTable::Cell& cell) {
    const auto plain = plain_number(cell.text);
    const auto value = plain ? plain : clock_in(cell.text);
    if (!value) {
      diagnostics_.error(header_.place(cell), {}, fmt::format("'{}' is no time", shown(cell.text)),
                         "seconds, or 2023-11-16 18:17:03.98");
    }
    return value && collector_.arrival(*value, header_.place(cell)) ? value : std::nullopt;
  }

  std::optional<double> priority(const CsvTable::Cell& cell) {
    const auto value = plain_number(cell.text);
    if (!value) {
      diagnostics_.error(header_.place(cell), {},
                         fmt::format("'{}' is no priority", shown(cell.text)),
                         "a whole number from 0 to 255, higher goes first");
    }
    return value && collector_.priority(*value, header_.place(cell)) ? value : std::nullopt;
  }

  CsvTable header_;
  RequestStream& stream_;
  Diagnostics& diagnostics_;
  Collector collector_;
  int prompt_, output_, stamp_, priority_;
};

bool read_table(CsvStream& rows, const std::string& file, RequestStream& stream,
                Diagnostics& diagnostics) {
  std::vector<CsvTable::Cell> record;
  if (rows.next(record) != CsvStream::Got::record) record.clear();
  CsvTable header{file, {}, {}};
  for (const CsvTable::Cell& cell : record) header.header.push_back(cell.text);
  const std::size_t width = header.header.size();
  TableReader reader(std::move(header), stream, diagnostics);
  if (!reader.known()) {
    diagnostics.error({file, 1, 1}, {},
                      "this table holds no requests: it has no column of prompt "
                      "and answer lengths",
                      "for example TIMESTAMP, ContextTokens, GeneratedTokens");
    return false;
  }
  while (diagnostics.error_count() < kMostErrors) {
    const CsvStream::Got got = rows.next(record);
    if (got == CsvStream::Got::end) return reader.finish();
    if (got == CsvStream::Got::malformed) {
      diagnostics.error(rows.place(), {}, rows.complaint());
    } else if (record.size() != width) {
      diagnostics.error(rows.place(), {},
                        fmt::format("has {} cells, the header {}", record.size(), width));
    } else {
      reader.row(record);
    }
  }
  return false;
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
  const double priority = field({"priority"}).value_or(0);
  timed = timed || arrival != 0;
  if (!collector.arrival(arrival, place) || !collector.priority(priority, place)) return false;
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
  collector.add(arrival, *prompt, *output, priority, first);
  return true;
}

bool read_lines(CsvStream& lines, const std::string& file, RequestStream& stream,
                Diagnostics& diagnostics) {
  constexpr int kMooncakeBlock = 512;
  Collector collector(stream, diagnostics);
  simdjson::dom::parser parser;
  bool timed = false;
  while (!lines.at_end() && diagnostics.error_count() < kMostErrors) {
    const std::string_view text = lines.peek_line();
    const bool empty = text.find_first_not_of(" \t\r") == std::string_view::npos;
    simdjson::dom::element record;
    const bool parsed = !empty &&
                        parser.parse(text.data(), text.size()).get(record) == simdjson::SUCCESS &&
                        record.is_object();
    lines.skip_line();
    if (parsed) {
      read_record(record, lines.place(), collector, stream, timed, diagnostics);
    } else if (!empty) {
      diagnostics.error(lines.place(), {}, "is no JSON object", "one object on each line");
    }
  }
  if (!stream.prefix_ids.empty()) stream.prefix_tokens = kMooncakeBlock;
  return collector.finish(file, timed);
}

}  // namespace

std::optional<RequestStream> parse_requests(CsvStream::Read read, const std::string& file,
                                            Diagnostics& diagnostics) {
  RequestStream stream;
  CsvStream lines(std::move(read), file);
  const auto blank = [](std::string_view line) {
    return line.find_first_not_of(" \t\r") == std::string_view::npos;
  };
  while (!lines.at_end() && blank(lines.peek_line())) lines.skip_line();
  const std::string_view head = lines.peek_line();
  const bool json = !blank(head) && head[head.find_first_not_of(" \t\r")] == '{';
  Diagnostics own;
  const bool good =
      json ? read_lines(lines, file, stream, own) : read_table(lines, file, stream, own);
  diagnostics.append(own);
  if (!good || own.has_errors()) return std::nullopt;
  return stream;
}

}  // namespace aisle::workloads
