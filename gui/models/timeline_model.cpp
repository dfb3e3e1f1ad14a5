// SPDX-License-Identifier: Apache-2.0
#include "gui/models/timeline_model.hpp"

#include "sim/study/result.pb.h"

#include <QRegularExpression>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace aisle::gui {

namespace {

SpanKind kind_of(std::int32_t value) {
  return value >= 0 && value < static_cast<std::int32_t>(SpanKind::other)
             ? static_cast<SpanKind>(value)
             : SpanKind::other;
}

/// Smallest index in [low, high) for which `holds`, which stays true once it is; high if none.
template <typename Predicate>
int partition_index(int low, int high, Predicate holds) {
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (holds(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

}  // namespace

std::int64_t total(const Covered& covered) {
  return std::accumulate(covered.begin(), covered.end(), std::int64_t{0});
}

TimelineModel::TimelineModel(std::shared_ptr<const pb::Result> result)
    : result_(std::move(result)) {
  for (const auto& rank : result_->timeline().rank()) {
    const auto index = static_cast<int>(ranks_.size());
    const int first = laneCount();
    for (const auto& stream : rank.stream()) addStream(stream, index);
    ranks_.push_back({QString::fromStdString(rank.name()),
                      std::max<std::int64_t>(1, rank.multiplicity()), first, laneCount() - first});
  }
  addCriticalPath();
}

void TimelineModel::addCriticalPath() {
  const auto& timeline = result_->timeline();
  critical_.reserve(static_cast<std::size_t>(timeline.critical_rank_size()));
  for (int i = 0; i < timeline.critical_rank_size(); ++i) {
    const auto& stream =
        timeline.rank(timeline.critical_rank(i)).stream(timeline.critical_stream(i));
    critical_.push_back(find(stream, timeline.critical_span(i)));
  }
}

SpanAt TimelineModel::find(const pb::TimelineStream& stream, int span) const {
  const std::int64_t start = stream.start_ns(span);
  for (int lane = 0; lane < laneCount(); ++lane) {
    const Lane& in = lanes_[static_cast<std::size_t>(lane)];
    if (in.stream != &stream) continue;
    // Spans of one moment lie beside one another.
    for (int at = firstStartingAt(in, start, 0); at < static_cast<int>(in.order.size()); ++at) {
      if (in.order[static_cast<std::size_t>(at)] == span) return {lane, at};
      if (spanTime(in, at).begin != start) break;
    }
  }
  return {};
}

int TimelineModel::criticalAfter(std::int64_t time) const {
  return partition_index(0, static_cast<int>(critical_.size()), [&](int place) {
    return this->time(critical_[static_cast<std::size_t>(place)]).end > time;
  });
}

int TimelineModel::onCriticalPath(SpanAt at) const {
  if (critical_.empty() || at.isNone()) return -1;
  const std::int64_t begin = time(at).begin;
  for (int place = std::max(0, criticalAfter(begin) - 1);
       place < static_cast<int>(critical_.size()); ++place) {
    const SpanAt here = critical_[static_cast<std::size_t>(place)];
    if (here == at) return place;
    if (time(here).begin > begin) break;
  }
  return -1;
}

TimeRange TimelineModel::time(SpanAt at) const {
  return spanTime(lanes_[static_cast<std::size_t>(at.lane)], at.index);
}

int TimelineModel::nameIndex(SpanAt at) const {
  const Lane& lane = lanes_[static_cast<std::size_t>(at.lane)];
  return lane.stream->name_index(lane.order[static_cast<std::size_t>(at.index)]);
}

void TimelineModel::addStream(const pb::TimelineStream& stream, int rank) {
  const auto& starts = stream.start_ns();
  if (starts.empty()) return;
  std::vector<std::int32_t> order(static_cast<std::size_t>(starts.size()));
  std::iota(order.begin(), order.end(), 0);
  if (!std::is_sorted(starts.begin(), starts.end()))
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return starts[a] < starts[b]; });

  // First lane that is free again when a span starts; streams without overlap need one lane.
  std::vector<Lane> parts(1);
  std::vector<std::int64_t> busy_until(1, 0);
  parts[0].order.reserve(order.size());
  for (const std::int32_t index : order) {
    const std::int64_t end = starts[index] + stream.duration_ns(index);
    std::size_t part = 0;
    while (part < parts.size() && busy_until[part] > starts[index]) ++part;
    if (part == parts.size()) {
      parts.emplace_back();
      busy_until.push_back(0);
    }
    parts[part].order.push_back(index);
    busy_until[part] = end;
    whole_.end = std::max(whole_.end, end);
  }
  for (std::size_t part = 0; part < parts.size(); ++part) {
    Lane& lane = parts[part];
    lane.stream = &stream;
    lane.rank = rank;
    lane.part = static_cast<int>(part);
    lane.before.reserve(lane.order.size() + 1);
    lane.before.push_back({});
    for (const std::int32_t index : lane.order) {
      Covered sum = lane.before.back();
      sum[static_cast<std::size_t>(kind_of(stream.kind(index)))] += stream.duration_ns(index);
      lane.before.push_back(sum);
    }
    lanes_.push_back(std::move(lane));
  }
}

int TimelineModel::rankOfPipeline(int pipeline_rank) const {
  const QRegularExpression word(QString("\\bpipeline %1\\b").arg(pipeline_rank));
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank)
    if (ranks_[rank].name.contains(word)) return static_cast<int>(rank);
  return -1;
}

QString TimelineModel::laneName(int lane) const {
  const Lane& at = lanes_[static_cast<std::size_t>(lane)];
  const auto name = QString::fromStdString(at.stream->name());
  return at.part == 0 ? name : QString("%1 (%2)").arg(name).arg(at.part + 1);
}

int TimelineModel::laneRank(int lane) const {
  return lanes_[static_cast<std::size_t>(lane)].rank;
}

int TimelineModel::spanCount(int lane) const {
  return static_cast<int>(lanes_[static_cast<std::size_t>(lane)].order.size());
}

TimeRange TimelineModel::spanTime(const Lane& lane, int index) const {
  const int at = lane.order[static_cast<std::size_t>(index)];
  const std::int64_t start = lane.stream->start_ns(at);
  return {start, start + lane.stream->duration_ns(at)};
}

SpanKind TimelineModel::spanKind(const Lane& lane, int index) const {
  return kind_of(lane.stream->kind(lane.order[static_cast<std::size_t>(index)]));
}

Span TimelineModel::span(int lane, int index) const {
  const Lane& from = lanes_[static_cast<std::size_t>(lane)];
  const int at = from.order[static_cast<std::size_t>(index)];
  const int micro_batch = from.stream->micro_batch_size() > at ? from.stream->micro_batch(at) : -1;
  const std::string& name = result_->timeline().name(from.stream->name_index(at));
  return {spanTime(from, index), QString::fromStdString(name), spanKind(from, index), micro_batch};
}

int TimelineModel::firstEndingAfter(const Lane& lane, std::int64_t time) const {
  return partition_index(0, static_cast<int>(lane.order.size()), [&](int index) {
    const TimeRange span = spanTime(lane, index);
    return span.end > time || span.begin >= time;
  });
}

int TimelineModel::firstStartingAt(const Lane& lane, std::int64_t time, int from) const {
  // In strides that double: what is looked for is mostly near, and far spans are not in the cache.
  const auto size = static_cast<int>(lane.order.size());
  int low = from, stride = 1;
  while (low + stride < size && spanTime(lane, low + stride).begin < time) {
    low += stride;
    stride *= 2;
  }
  return partition_index(low, std::min(size, low + stride),
                         [&](int index) { return spanTime(lane, index).begin >= time; });
}

int TimelineModel::find(int lane, std::int64_t time, std::int64_t slack) const {
  const Lane& in = lanes_[static_cast<std::size_t>(lane)];
  const int after = firstEndingAfter(in, time);
  int best = -1;
  std::int64_t nearest = slack + 1;
  for (int index = std::max(0, after - 1); index <= after; ++index) {
    if (index >= static_cast<int>(in.order.size())) break;
    const TimeRange span = spanTime(in, index);
    const std::int64_t distance =
        std::max<std::int64_t>({0, span.begin - time, time - std::max(span.begin, span.end - 1)});
    if (distance < nearest) {
      nearest = distance;
      best = index;
    }
  }
  return best;
}

Covered TimelineModel::coveredBy(const Lane& lane, int first, int last, TimeRange range) const {
  if (first >= last) return {};
  Covered sum = lane.before[static_cast<std::size_t>(last)];
  const Covered& before = lane.before[static_cast<std::size_t>(first)];
  for (std::size_t kind = 0; kind < kSpanKinds; ++kind) sum[kind] -= before[kind];
  // Spans of a lane do not overlap, so only the first and the last can stick out of the range.
  const auto first_kind = static_cast<std::size_t>(spanKind(lane, first));
  const auto last_kind = static_cast<std::size_t>(spanKind(lane, last - 1));
  sum[first_kind] -= std::max<std::int64_t>(0, range.begin - spanTime(lane, first).begin);
  sum[last_kind] -= std::max<std::int64_t>(0, spanTime(lane, last - 1).end - range.end);
  return sum;
}

Covered TimelineModel::covered(int lane, TimeRange range) const {
  const Lane& in = lanes_[static_cast<std::size_t>(lane)];
  const int first = firstEndingAfter(in, range.begin);
  return coveredBy(in, first, firstStartingAt(in, range.end, first), range);
}

std::vector<Block> TimelineModel::reduce(int lane, TimeRange range, int columns) const {
  std::vector<Block> blocks;
  if (range.length() <= 0 || columns <= 0) return blocks;
  const Lane& in = lanes_[static_cast<std::size_t>(lane)];
  const double width = static_cast<double>(range.length()) / columns;
  const auto clipped = [&](int index) {
    const TimeRange span = spanTime(in, index);
    return TimeRange{std::max(span.begin, range.begin), std::min(span.end, range.end)};
  };
  const auto is_wide = [&](int index) {
    return static_cast<double>(clipped(index).length()) >= width;
  };
  const int end = firstStartingAt(in, range.end, 0);
  for (int index = firstEndingAfter(in, range.begin); index < end;) {
    const TimeRange time = clipped(index);
    int next = index + 1;
    if (!is_wide(index)) {
      const double column = std::floor(static_cast<double>(time.begin - range.begin) / width);
      const auto edge = range.begin + static_cast<std::int64_t>(std::ceil((column + 1) * width));
      next = std::min(end, firstStartingAt(in, edge, next));
      // Only the last span that starts in a column can be wide: it stands for itself.
      if (next - 1 > index && is_wide(next - 1)) --next;
    }
    blocks.push_back({{time.begin, clipped(next - 1).end},
                      coveredBy(in, index, next, range),
                      index,
                      next - index});
    index = next;
  }
  return blocks;
}

std::shared_ptr<const TimelineModel> delayed(const TimelineModel& model, std::int64_t by) {
  auto result = std::make_shared<pb::Result>();
  *result->mutable_timeline() = model.result().timeline();
  for (auto& rank : *result->mutable_timeline()->mutable_rank())
    for (auto& stream : *rank.mutable_stream())
      for (auto& start : *stream.mutable_start_ns()) start += by;
  return std::make_shared<const TimelineModel>(std::move(result));
}

QString duration_text(double nanoseconds) {
  const double size = std::abs(nanoseconds);
  if (size < 1e3) return QString("%1 ns").arg(nanoseconds, 0, 'g', 4);
  if (size < 1e6) return QString("%1 us").arg(nanoseconds / 1e3, 0, 'g', 4);
  if (size < 1e9) return QString("%1 ms").arg(nanoseconds / 1e6, 0, 'g', 4);
  return QString("%1 s").arg(nanoseconds / 1e9, 0, 'g', 4);
}

}  // namespace aisle::gui
