// SPDX-License-Identifier: Apache-2.0
#include "sim/report/timeline.hpp"

#include "sim/report/format.hpp"
#include "sim/report/page.hpp"
#include "sim/report/text.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>
#include <utility>
#include <vector>

namespace aisle::sim::report {
namespace {

constexpr double kLabels = 170;  // width of the stream names
constexpr double kRow = 16, kGap = 3, kHead = 22;
constexpr int kColumns = 590;
constexpr int kMostRanks = 16, kMostStretchRanks = 4;
constexpr int kMostSpansPerRow = 40;

struct Window {
  std::int64_t from = 0, to = 1;

  std::int64_t length() const { return to - from; }

  double column(std::int64_t at) const {
    return static_cast<double>(at - from) * kColumns / static_cast<double>(length());
  }
};

/// Ranks to draw: all, or an even choice with the first and the last.
std::vector<int> chosen_ranks(const pb::Timeline& timeline, int most) {
  const int count = timeline.rank_size();
  std::vector<int> out;
  const int shown = std::min(count, most);
  out.reserve(static_cast<std::size_t>(shown));
  for (int i = 0; i < shown; ++i) out.push_back(shown == 1 ? 0 : i * (count - 1) / (shown - 1));
  return out;
}

/// Busy share of each pixel column by kind.
using Columns = std::vector<std::array<double, kSpanKinds>>;

Columns busy(const pb::TimelineStream& stream, int names, const Window& window) {
  Columns out(kColumns);
  for_each_span(stream, names, [&](const Span& span) {
    const double from = std::max(0.0, window.column(span.start_ns));
    const double to = std::min<double>(kColumns, window.column(span.start_ns + span.duration_ns));
    for (int c = static_cast<int>(from); c < to; ++c) {
      out[static_cast<std::size_t>(c)][static_cast<std::size_t>(span.kind)] +=
          std::min(to, c + 1.0) - std::max(from, static_cast<double>(c));
    }
  });
  return out;
}

/// Foot and height of one kind's box in one column, on top of the kinds before it. Quarter units
/// keep the file small and cannot be told from exact heights.
std::pair<double, double> box(const std::array<double, kSpanKinds>& shares, std::size_t kind) {
  const auto snap = [](double share) { return std::round(std::min(1.0, share) * kRow * 4) / 4; };
  double below = 0;
  for (std::size_t k = 0; k < kind; ++k) below += shares[k];
  return {snap(below), snap(below + shares[kind]) - snap(below)};
}

/// One path per kind; neighbouring columns of one height are one box.
void append_busy(std::string& out, const Columns& columns, double y) {
  for (std::size_t kind = 0; kind < kSpanKinds; ++kind) {
    std::string path;
    std::size_t begin = 0;
    while (begin < columns.size()) {
      const auto [foot, height] = box(columns[begin], kind);
      std::size_t end = begin + 1;
      while (end < columns.size() && box(columns[end], kind) == std::pair(foot, height)) ++end;
      if (height > 0) {
        fmt::format_to(std::back_inserter(path), "M{:g} {:g}h{}v{:g}h-{}z",
                       kLabels + static_cast<double>(begin), y + kRow - foot, end - begin, -height,
                       end - begin);
      }
      begin = end;
    }
    if (path.empty()) continue;
    fmt::format_to(std::back_inserter(out), "<path d=\"{}\" fill=\"{}\"/>", path,
                   kind_colour(static_cast<int>(kind)));
  }
}

/// Name and micro-batch, or else the micro-batch alone, where it fits: about 5.6 units per
/// character of the small type.
void append_label(std::string& out, const std::string& name, int micro_batch, double x,
                  double width, double y) {
  const auto fits = [&](const std::string& text) {
    return 5.6 * static_cast<double>(columns(text)) + 6 < width;
  };
  std::string label = micro_batch >= 0 ? fmt::format("{} {}", name, micro_batch) : name;
  if (!fits(label) && micro_batch >= 0) label = fmt::format("{}", micro_batch);
  if (!fits(label)) return;
  fmt::format_to(std::back_inserter(out), "<text class=\"tiny\" x=\"{:.1f}\" y=\"{:g}\">{}</text>",
                 x + 3, y + kRow - 4.5, label);
}

void append_spans(std::string& out, const pb::TimelineStream& stream, const pb::Timeline& timeline,
                  const Window& window, double y) {
  for_each_span(stream, timeline.name_size(), [&](const Span& span) {
    const double from = std::max(0.0, window.column(span.start_ns));
    const double to = std::min<double>(kColumns, window.column(span.start_ns + span.duration_ns));
    if (to <= from) return;
    const std::string name = span.name < 0 ? std::string("?") : escape(timeline.name(span.name));
    std::string micro_batch;
    if (span.micro_batch >= 0) micro_batch = fmt::format(", micro-batch {}", span.micro_batch);
    fmt::format_to(std::back_inserter(out),
                   "<rect class=\"span\" x=\"{:.2f}\" y=\"{:g}\" width=\"{:.2f}\" height=\"{:g}\" "
                   "fill=\"{}\"><title>{}: {}{}, at {}</title></rect>",
                   kLabels + from, y, to - from, kRow, kind_colour(span.kind), name,
                   format_seconds(static_cast<double>(span.duration_ns) * 1e-9, 3), micro_batch,
                   format_seconds(static_cast<double>(span.start_ns) * 1e-9, 4));
    append_label(out, name, span.micro_batch, kLabels + from, to - from, y);
  });
}

void append_axis(std::string& out, const Window& window, double height) {
  const double length = static_cast<double>(window.length()) * 1e-9;
  const bool short_window = length < 0.5;
  const double unit = short_window ? 1e-3 : 1;
  for (const Tick& tick : ticks(length, unit)) {
    const double x = kLabels + tick.value / length * kColumns;
    fmt::format_to(
        std::back_inserter(out),
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"0\" y2=\"{1:g}\"/>"
        "<text class=\"small\" text-anchor=\"middle\" x=\"{0:.1f}\" y=\"{2:g}\">{3}</text>",
        x, height, height + 14, tick.label);
  }
  const std::string origin =
      window.from == 0
          ? std::string("from the start of the step")
          : fmt::format("after {}", format_seconds(static_cast<double>(window.from) * 1e-9, 4));
  fmt::format_to(std::back_inserter(out), "<text class=\"small\" x=\"0\" y=\"{:g}\">{} {}</text>",
                 height + 14, short_window ? "ms" : "s", origin);
}

int spans_within(const pb::TimelineStream& stream, int names, const Window& window) {
  int count = 0;
  for_each_span(stream, names, [&](const Span& span) {
    if (span.start_ns < window.to && span.start_ns + span.duration_ns > window.from) ++count;
  });
  return count;
}

/// Streams without a span in the window are left out.
template <typename Row>
std::string draw(const pb::Timeline& timeline, const std::vector<int>& ranks, const Window& window,
                 std::string_view label, const Row& append_row) {
  std::string rows;
  double y = 0;
  for (const int r : ranks) {
    const pb::TimelineRank& rank = timeline.rank(r);
    fmt::format_to(std::back_inserter(rows), "<text class=\"rank\" x=\"0\" y=\"{:g}\">{}</text>",
                   y + kHead - 6, escape(rank_title(rank)));
    y += kHead;
    for (const pb::TimelineStream& stream : rank.stream()) {
      if (spans_within(stream, timeline.name_size(), window) == 0) continue;
      fmt::format_to(std::back_inserter(rows),
                     "<rect class=\"idle\" x=\"{:g}\" y=\"{:g}\" width=\"{}\" height=\"{:g}\"/>"
                     "<text class=\"small\" text-anchor=\"end\" x=\"{:g}\" y=\"{:g}\">{}</text>",
                     kLabels, y, kColumns, kRow, kLabels - 8, y + kRow - 4, escape(stream.name()));
      append_row(rows, stream, y);
      y += kRow + kGap;
    }
  }
  std::string axis;
  append_axis(axis, window, y + 2);
  return fmt::format("<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{}\">{}{}</svg>",
                     kFigureWidth, y + 22, label, axis, rows);
}

/// Spans of the busiest drawn stream that touch the window.
int busiest_row(const pb::Timeline& timeline, const std::vector<int>& ranks, const Window& window) {
  int most = 0;
  for (const int r : ranks) {
    for (const pb::TimelineStream& stream : timeline.rank(r).stream()) {
      most = std::max(most, spans_within(stream, timeline.name_size(), window));
    }
  }
  return most;
}

}  // namespace

std::string_view kind_name(int kind) {
  constexpr std::string_view kNames[] = {"compute", "communication", "optimizer"};
  return kNames[std::clamp(kind, 0, 2)];
}

std::size_t span_count(const pb::Timeline& timeline) {
  std::size_t count = 0;
  for (const pb::TimelineRank& rank : timeline.rank()) {
    for (const pb::TimelineStream& stream : rank.stream()) {
      count += static_cast<std::size_t>(stream.start_ns_size());
    }
  }
  return count;
}

std::int64_t end_ns(const pb::Timeline& timeline) {
  std::int64_t end = 0;
  for (const pb::TimelineRank& rank : timeline.rank()) {
    for (const pb::TimelineStream& stream : rank.stream()) {
      for_each_span(stream, timeline.name_size(), [&](const Span& span) {
        end = std::max(end, span.start_ns + span.duration_ns);
      });
    }
  }
  return end;
}

std::string rank_title(const pb::TimelineRank& rank) {
  if (rank.multiplicity() <= 1) return rank.name();
  return fmt::format("{} (stands for {} chips)", rank.name(), thousands(rank.multiplicity()));
}

std::string timeline_svg(const pb::Result& result) {
  const pb::Timeline& timeline = result.timeline();
  const Window window{0, end_ns(timeline)};
  if (window.length() <= 0) return {};
  return draw(timeline, chosen_ranks(timeline, kMostRanks), window, "Timeline of the step",
              [&](std::string& out, const pb::TimelineStream& stream, double y) {
                append_busy(out, busy(stream, timeline.name_size(), window), y);
              });
}

std::string stretch_svg(const pb::Result& result) {
  const pb::Timeline& timeline = result.timeline();
  const std::vector<int> ranks = chosen_ranks(timeline, kMostStretchRanks);
  const std::int64_t end = end_ns(timeline);
  Window window{0, end};
  if (busiest_row(timeline, ranks, window) <= kMostSpansPerRow) return {};
  while (window.length() > 1000 && busiest_row(timeline, ranks, window) > kMostSpansPerRow) {
    const std::int64_t half = window.length() / 4;
    window = {end / 2 - half, end / 2 + half};
  }
  return draw(timeline, ranks, window, "A stretch from the middle of the step",
              [&](std::string& out, const pb::TimelineStream& stream, double y) {
                append_spans(out, stream, timeline, window, y);
              });
}

}  // namespace aisle::sim::report
