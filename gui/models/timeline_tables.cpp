// SPDX-License-Identifier: Apache-2.0
#include "gui/models/timeline_tables.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <vector>

namespace aisle::gui {

namespace {

Cell time_cell(std::int64_t nanoseconds) {
  return {
      duration_text(static_cast<double>(nanoseconds)), static_cast<double>(nanoseconds) / 1e9, {}};
}

/// Of the time that any of them covers.
std::int64_t united_length(std::vector<TimeRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const TimeRange& a, const TimeRange& b) { return a.begin < b.begin; });
  std::int64_t sum = 0, end = std::numeric_limits<std::int64_t>::min();
  for (const TimeRange& range : ranges) {
    const std::int64_t from = std::max(range.begin, end);
    sum += std::max<std::int64_t>(0, range.end - from);
    end = std::max(end, range.end);
  }
  return sum;
}

Cell share_cell(std::int64_t part, std::int64_t whole) {
  const double share = whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
  return {QString::number(share * 100, 'f', 1) + " %", share, {}};
}

}  // namespace

Table stream_table(const TimelineModel& model, TimeRange range) {
  Table table{{"Rank", "Stream", "Compute", "Communication", "Optimizer", "Other", "Busy"}, {}};
  for (int lane = 0; lane < model.laneCount(); ++lane) {
    const Covered covered = model.covered(lane, range);
    QVector<Cell> row{{model.ranks()[static_cast<std::size_t>(model.laneRank(lane))].name, {}, {}},
                      {model.laneName(lane), {}, {}}};
    for (const std::int64_t each : covered) row << time_cell(each);
    row << share_cell(total(covered), range.length());
    table.rows << row;
  }
  return table;
}

QString range_text(const TimelineModel& model, int rank, TimeRange range) {
  constexpr int kMostSpans = 200000;
  if (rank < 0 || range.length() <= 0) return {};
  const auto& of = model.ranks()[static_cast<std::size_t>(rank)];
  std::vector<TimeRange> compute, all;
  for (int lane = of.first_lane; lane < of.first_lane + of.lanes; ++lane) {
    for (const Block& block : model.reduce(lane, range, kMostSpans)) {
      if (static_cast<int>(all.size()) + block.count > kMostSpans) return {};
      for (int index = block.first; index < block.first + block.count; ++index) {
        const TimeRange time = model.time({lane, index});
        const TimeRange part{std::max(time.begin, range.begin), std::min(time.end, range.end)};
        if (part.length() <= 0) continue;
        all.push_back(part);
        const bool computes = model.span(lane, index).kind != SpanKind::communication;
        if (computes) compute.push_back(part);
      }
    }
  }
  const auto length = static_cast<double>(range.length());
  const double computing = static_cast<double>(united_length(compute)) / length;
  const double busy = static_cast<double>(united_length(all)) / length;
  return QString("%1 of %2: computing %3 %, communication beside that %4 %, waiting %5 %")
      .arg(duration_text(length), of.name)
      .arg(computing * 100, 0, 'f', 1)
      .arg((busy - computing) * 100, 0, 'f', 1)
      .arg((1 - busy) * 100, 0, 'f', 1);
}

Table critical_table(const TimelineModel& model) {
  struct Sum {
    std::int64_t count = 0, time = 0;
  };

  std::map<std::pair<QString, QString>, Sum> sums;
  std::int64_t all = 0;
  for (const SpanAt at : model.criticalPath()) {
    const Span span = model.span(at);
    Sum& sum = sums[{span.name, model.laneName(at.lane)}];
    ++sum.count;
    sum.time += span.time.length();
    all += span.time.length();
  }
  Table table{{"Operation", "Stream", "Count", "Time", "Share"}, {}};
  for (const auto& [name, sum] : sums)
    table.rows << QVector<Cell>{{name.first, {}, {}},
                                {name.second, {}, {}},
                                {QString("%L1").arg(sum.count), static_cast<double>(sum.count), {}},
                                time_cell(sum.time),
                                share_cell(sum.time, all)};
  std::stable_sort(table.rows.begin(), table.rows.end(), [](const auto& a, const auto& b) {
    return a[3].number.toDouble() > b[3].number.toDouble();
  });
  return table;
}

}  // namespace aisle::gui
