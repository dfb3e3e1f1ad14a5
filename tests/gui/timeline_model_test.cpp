// SPDX-License-Identifier: Apache-2.0
#include "gui/models/timeline_model.hpp"

#include "gui/models/selection.hpp"
#include "tests/gui/fixture.hpp"

#include <QElapsedTimer>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace aisle::gui {
namespace {

TimelineModel model_of(pb::Result result) {
  return TimelineModel(std::make_shared<const pb::Result>(std::move(result)));
}

/// Time of the lane's spans inside `range`, added up one by one.
Covered add_up(const TimelineModel& model, int lane, TimeRange range) {
  Covered sum{};
  for (int i = 0; i < model.spanCount(lane); ++i) {
    const Span span = model.span(lane, i);
    const auto inside = std::min(span.time.end, range.end) - std::max(span.time.begin, range.begin);
    if (inside > 0) sum[static_cast<std::size_t>(span.kind)] += inside;
  }
  return sum;
}

int spans_touching(const TimelineModel& model, int lane, TimeRange range) {
  int count = 0;
  for (int i = 0; i < model.spanCount(lane); ++i) {
    const TimeRange time = model.span(lane, i).time;
    const bool inside =
        time.begin < range.end && (time.end > range.begin || time.begin >= range.begin);
    count += inside ? 1 : 0;
  }
  return count;
}

TEST(TimelineModel, LaysOutOneLanePerStreamInOrderOfRanks) {
  const auto model = model_of(make_result(8, 100));
  ASSERT_EQ(model.ranks().size(), 8u);
  EXPECT_EQ(model.laneCount(), 40);
  EXPECT_EQ(model.laneRank(39), 7);
  EXPECT_EQ(model.laneName(0), "compute");
  EXPECT_EQ(model.ranks()[3].multiplicity, 256);
  EXPECT_EQ(model.spanCount(7), 100);
  EXPECT_EQ(model.rankOfPipeline(7), 7);
  EXPECT_EQ(model.rankOfPipeline(70), -1);
}

TEST(TimelineModel, ReductionConservesCoveredTimeAndEverySpanForAnyRange) {
  constexpr std::uint64_t seed = 20;
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto model = model_of(make_result(3, 500, seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const int lane = static_cast<int>(random() % static_cast<unsigned>(model.laneCount()));
    const auto whole = static_cast<std::uint64_t>(model.whole().end);
    const auto begin = static_cast<std::int64_t>(random() % whole);
    const auto length = static_cast<std::int64_t>(1 + random() % (whole >> (random() % 20)));
    const TimeRange range{begin, begin + length};
    const int columns = 1 + static_cast<int>(random() % 2000);
    Covered sum{};
    int spans = 0;
    std::int64_t last_end = range.begin;
    for (const Block& block : model.reduce(lane, range, columns)) {
      EXPECT_GE(block.time.begin, last_end);
      EXPECT_LE(block.time.end, range.end);
      EXPECT_LE(total(block.covered), block.time.length());
      for (std::size_t kind = 0; kind < kSpanKinds; ++kind) sum[kind] += block.covered[kind];
      spans += block.count;
      last_end = block.time.end;
    }
    EXPECT_EQ(sum, add_up(model, lane, range));
    EXPECT_EQ(sum, model.covered(lane, range));
    EXPECT_EQ(spans, spans_touching(model, lane, range));
  }
}

TEST(TimelineModel, EverySpanIsABlockOfItsOwnAtFullZoom) {
  const auto model = model_of(make_result(1, 300));
  for (int i = 0; i < model.spanCount(0); ++i) {
    const TimeRange time = model.span(0, i).time;
    const TimeRange range{time.begin - 1, time.end + 1};
    const auto blocks = model.reduce(0, range, 1000);
    const auto own = std::find_if(blocks.begin(), blocks.end(), [&](const Block& block) {
      return block.first == i && block.count == 1;
    });
    EXPECT_NE(own, blocks.end()) << "span " << i;
  }
}

TEST(TimelineModel, BlocksAreBoundedByColumnsNotBySpans) {
  const auto model = model_of(make_result(1, 200000));
  EXPECT_LE(model.reduce(0, model.whole(), 800).size(), 1600u);
}

TEST(TimelineModel, OverlappingAndUnsortedSpansGetLanesOfTheirOwn) {
  pb::Result result;
  result.mutable_timeline()->add_name("copy");
  auto& rank = *result.mutable_timeline()->add_rank();
  auto& stream = *rank.add_stream();
  stream.set_name("copy");
  const std::pair<int, int> spans[] = {{50, 10}, {0, 30}, {10, 30}, {30, 5}, {12, 1}};
  for (const auto& [start, duration] : spans) {
    stream.add_start_ns(start);
    stream.add_duration_ns(duration);
    stream.add_name_index(0);
    stream.add_kind(7);
  }
  const auto model = model_of(result);
  ASSERT_EQ(model.laneCount(), 3);
  EXPECT_EQ(model.spanCount(0) + model.spanCount(1) + model.spanCount(2), 5);
  EXPECT_EQ(model.laneName(1), "copy (2)");
  EXPECT_EQ(model.span(0, 0).kind, SpanKind::other);
  EXPECT_EQ(model.span(0, 0).micro_batch, -1);
  std::int64_t covered = 0;
  for (int lane = 0; lane < 3; ++lane) covered += total(model.covered(lane, model.whole()));
  EXPECT_EQ(covered, 76);
}

TEST(TimelineModel, FindsTheSpanUnderThePointerAndTheNearestWithinSlack) {
  const auto model = model_of(make_result(1, 300));
  for (int i = 0; i < model.spanCount(0); ++i) {
    const TimeRange time = model.span(0, i).time;
    if (time.length() == 0) continue;
    EXPECT_EQ(model.find(0, time.begin, 0), i);
    EXPECT_EQ(model.find(0, time.end - 1, 0), i);
  }
  const auto end = model.whole().end;
  EXPECT_EQ(model.find(1, end + 1000, 10), -1);
}

TEST(TimelineModel, EmptyTimelineIsEmpty) {
  const auto model = model_of(pb::Result());
  EXPECT_EQ(model.laneCount(), 0);
  EXPECT_EQ(model.whole(), TimeRange{});
}

TEST(TimelineModel, MillionSpansReduceWithinOneFrame) {
  const auto model = model_of(make_result(2, 100000));
  QElapsedTimer timer;
  timer.start();
  std::size_t blocks = 0;
  for (int lane = 0; lane < model.laneCount(); ++lane)
    blocks += model.reduce(lane, model.whole(), 1200).size();
  RecordProperty("reduce_us", static_cast<int>(timer.nsecsElapsed() / 1000));
  EXPECT_GT(blocks, 0u);
  // Sixteen milliseconds are one frame; five times that leaves room for a loaded machine.
  EXPECT_LT(timer.elapsed(), 80);
}

TEST(Selection, RangeStaysInsideTheWholeAndCanBeGoneBackTo) {
  Selection selection;
  selection.reset({0, 1'000'000});
  selection.zoom(0.5, 250'000);
  EXPECT_EQ(selection.range(), (TimeRange{125'000, 625'000}));
  selection.pan(900'000, true);
  EXPECT_EQ(selection.range(), (TimeRange{500'000, 1'000'000}));
  selection.zoom(1e-9, 700'000);
  EXPECT_EQ(selection.range().length(), 100);
  selection.zoom(1e12, 700'000);
  EXPECT_EQ(selection.range(), selection.whole());
  selection.back();
  selection.back();
  selection.back();
  EXPECT_EQ(selection.range(), (TimeRange{125'000, 625'000}));
  selection.back();
  selection.back();
  EXPECT_EQ(selection.range(), selection.whole());
}

TEST(Selection, AnEmptyTimelineDoesNoHarm) {
  Selection selection;
  selection.reset({});
  selection.zoom(0.5, 0);
  selection.pan(10);
  EXPECT_EQ(selection.range(), TimeRange{});
}

TEST(DurationText, PicksAUnitThatSuits) {
  EXPECT_EQ(duration_text(12), "12 ns");
  EXPECT_EQ(duration_text(1234.5), "1.234 us");
  EXPECT_EQ(duration_text(20e9), "20 s");
}

}  // namespace
}  // namespace aisle::gui
