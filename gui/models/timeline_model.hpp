// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace aisle::pb {
class Result;
class TimelineStream;
}  // namespace aisle::pb

namespace aisle::gui {

enum class SpanKind { compute, communication, optimizer, other };
constexpr std::size_t kSpanKinds = 4;

/// Nanoseconds covered, by kind.
using Covered = std::array<std::int64_t, kSpanKinds>;

std::int64_t total(const Covered& covered);

/// Half-open range of time, in nanoseconds from the start of the step.
struct TimeRange {
  std::int64_t begin = 0, end = 0;

  std::int64_t length() const { return end - begin; }

  bool operator==(const TimeRange&) const = default;
};

struct Span {
  TimeRange time;
  QString name;
  SpanKind kind = SpanKind::compute;
  int micro_batch = -1;  ///< -1: none
};

/// Which span: by lane, and among the spans of the lane. -1: none.
struct SpanAt {
  int lane = -1, index = -1;

  bool isNone() const { return lane < 0; }

  bool operator==(const SpanAt&) const = default;
};

/// What is drawn for neighbouring spans: one span (count 1) or as many as fall into one pixel
/// column.
struct Block {
  TimeRange time;
  Covered covered{};  ///< by its spans inside the range asked for
  int first = 0;      ///< index of its first span in the lane
  int count = 0;
};

/// The timeline of a result, laid out in lanes: one per used stream of each representative rank,
/// more where spans of a stream overlap, so that the spans of one lane never do. Reducing a lane to
/// pixel columns costs O(columns log spans), whatever the number of spans: cumulative sums by kind
/// are made once. Knows nothing of pixels, colours or widgets; immutable, so threads may share it.
class TimelineModel {
 public:
  /// `result` must have passed read_result's checks.
  explicit TimelineModel(std::shared_ptr<const pb::Result> result);

  struct Rank {
    QString name;
    std::int64_t multiplicity = 1;  ///< accelerators that it stands for
    int first_lane = 0, lanes = 0;
  };

  /// From zero to the end of the last span.
  TimeRange whole() const { return whole_; }

  const std::vector<Rank>& ranks() const { return ranks_; }

  /// Index of the rank that stands for a pipeline rank, by its name, which lists them ("pipeline 0
  /// and pipeline 15"); -1 if none does.
  int rankOfPipeline(int pipeline_rank) const;

  int laneCount() const { return static_cast<int>(lanes_.size()); }

  QString laneName(int lane) const;
  int laneRank(int lane) const;
  int spanCount(int lane) const;
  Span span(int lane, int index) const;

  Span span(SpanAt at) const { return span(at.lane, at.index); }

  /// From start to end, without making a text of its name.
  TimeRange time(SpanAt at) const;
  /// Index of its name among those of the result.
  int nameIndex(SpanAt at) const;

  /// Spans in order of time, each of which could only start when the one before had ended; empty
  /// where the result does not tell.
  const std::vector<SpanAt>& criticalPath() const { return critical_; }

  /// Place of a span on the critical path, -1: it is not on it.
  int onCriticalPath(SpanAt at) const;
  /// First place on the critical path that ends after a time.
  int criticalAfter(std::int64_t time) const;

  const pb::Result& result() const { return *result_; }

  /// Index of the span at `time`, or of the nearest one not further than `slack` ns; -1 if none.
  int find(int lane, std::int64_t time, std::int64_t slack) const;

  /// Time covered inside `range`, by kind; exact.
  Covered covered(int lane, TimeRange range) const;

  /// Blocks in time order that together cover exactly covered(lane, range). A span at least one
  /// column wide is a block of its own; shorter neighbours share one. No span is left out, not even
  /// one of no duration.
  std::vector<Block> reduce(int lane, TimeRange range, int columns) const;

 private:
  struct Lane {
    const pb::TimelineStream* stream = nullptr;
    int rank = 0, part = 0;
    std::vector<std::int32_t> order;  ///< spans of the stream, by start
    std::vector<Covered> before;      ///< [spans + 1] covered by the spans before each
  };

  void addStream(const pb::TimelineStream& stream, int rank);
  void addCriticalPath();
  SpanAt find(const pb::TimelineStream& stream, int span) const;
  TimeRange spanTime(const Lane& lane, int index) const;
  SpanKind spanKind(const Lane& lane, int index) const;
  int firstEndingAfter(const Lane& lane, std::int64_t time) const;
  int firstStartingAt(const Lane& lane, std::int64_t time, int from) const;
  Covered coveredBy(const Lane& lane, int first, int last, TimeRange range) const;

  std::shared_ptr<const pb::Result> result_;
  std::vector<Rank> ranks_;
  std::vector<Lane> lanes_;
  std::vector<SpanAt> critical_;
  TimeRange whole_;
};

/// The same timeline, so much later.
std::shared_ptr<const TimelineModel> delayed(const TimelineModel& model, std::int64_t by);

/// "12.3 ms": four digits in a unit that suits the size.
QString duration_text(double nanoseconds);

}  // namespace aisle::gui
