// SPDX-License-Identifier: Apache-2.0
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"
#include "sim/report/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace aisle::sim {
namespace {

/// The inside of a JSON string.
std::string json_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out;
}

/// A metadata event: the name or place of a process or thread.
void append_name(std::string& out, std::string_view what, std::size_t pid, std::size_t tid,
                 std::string_view name, std::size_t order) {
  fmt::format_to(std::back_inserter(out),
                 "{{\"ph\":\"M\",\"name\":\"{0}_name\",\"pid\":{1},\"tid\":{2},"
                 "\"args\":{{\"name\":\"{3}\"}}}},\n"
                 "{{\"ph\":\"M\",\"name\":\"{0}_sort_index\",\"pid\":{1},\"tid\":{2},"
                 "\"args\":{{\"sort_index\":{4}}}}},\n",
                 what, pid, tid, json_escape(name), order);
}

void append_span(std::string& out, const report::Span& span, std::string_view escaped_name,
                 std::size_t pid, std::size_t tid) {
  // Microseconds with three decimals from whole nanoseconds, so that nothing is rounded.
  fmt::format_to(std::back_inserter(out),
                 "{{\"ph\":\"X\",\"name\":\"{}\",\"cat\":\"{}\",\"ts\":{}.{:03},\"dur\":{}.{:03},"
                 "\"pid\":{},\"tid\":{}",
                 escaped_name, report::kind_name(span.kind), span.start_ns / 1000,
                 span.start_ns % 1000, span.duration_ns / 1000, span.duration_ns % 1000, pid, tid);
  if (span.micro_batch >= 0) {
    fmt::format_to(std::back_inserter(out), ",\"args\":{{\"micro_batch\":{}}}", span.micro_batch);
  }
  out += "},\n";
}

void append_counter(std::string& out, const pb::Series& series, std::size_t pid) {
  const std::string name = json_escape(series.name());
  const int count = std::min(series.time_s_size(), series.value_size());
  for (int i = 0; i < count; ++i) {
    if (!std::isfinite(series.time_s(i)) || !std::isfinite(series.value(i))) continue;
    fmt::format_to(std::back_inserter(out),
                   "{{\"ph\":\"C\",\"name\":\"{0}\",\"ts\":{1:.3f},\"pid\":{2},"
                   "\"args\":{{\"{0}\":{3}}}}},\n",
                   name, series.time_s(i) * 1e6, pid, series.value(i));
  }
}

}  // namespace

std::string perfetto_json(const pb::Result& result) {
  const pb::Timeline& timeline = result.timeline();
  std::vector<std::string> names;
  for (const std::string& name : timeline.name()) names.push_back(json_escape(name));
  std::string out = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  out.reserve(128 * report::span_count(timeline) + 4096);
  std::size_t pid = 0;
  for (const pb::TimelineRank& rank : timeline.rank()) {
    ++pid;
    append_name(out, "process", pid, 0, report::rank_title(rank), pid);
    std::size_t tid = 0;
    for (const pb::TimelineStream& stream : rank.stream()) {
      ++tid;
      append_name(out, "thread", pid, tid, stream.name(), tid);
      report::for_each_span(stream, timeline.name_size(), [&](const report::Span& span) {
        append_span(out, span, span.name < 0 ? "?" : std::string_view(names[span.name_at()]), pid,
                    tid);
      });
    }
  }
  ++pid;
  if (result.series_size() > 0) append_name(out, "process", pid, 0, "over time", pid);
  for (const pb::Series& series : result.series()) append_counter(out, series, pid);
  if (out.ends_with(",\n")) out.resize(out.size() - 2);
  out += fmt::format("\n],\"otherData\":{{\"study\":\"{}\",\"version\":\"{}\"}}}}\n",
                     json_escape(result.study()), json_escape(result.version()));
  return out;
}

}  // namespace aisle::sim
