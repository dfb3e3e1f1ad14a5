// SPDX-License-Identifier: Apache-2.0
#include "gui/app/main_window.hpp"
#include "gui/models/recorded_trace.hpp"
#include "gui/models/selection.hpp"
#include "gui/models/timeline_search.hpp"
#include "gui/models/timeline_tables.hpp"
#include "gui/views/timeline_panel.hpp"
#include "gui/views/timeline_view.hpp"
#include "tests/gui/fixture.hpp"

#include <QCheckBox>
#include <QFile>
#include <QLabel>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <numeric>
#include <vector>

namespace aisle::gui {
namespace {

std::shared_ptr<const TimelineModel> shared_model(pb::Result result) {
  return std::make_shared<const TimelineModel>(
      std::make_shared<const pb::Result>(std::move(result)));
}

TEST(TimelineSearch, FindsEveryNamedSpanOnceInOrderBothWays) {
  const auto model = shared_model(make_result(3, 200, 7));
  const TimelineSearch search(model, "EXPERTS");
  std::int64_t expected = 0;
  for (int lane = 0; lane < model->laneCount(); ++lane)
    for (int index = 0; index < model->spanCount(lane); ++index)
      expected += model->span(lane, index).name.startsWith("experts") ? 1 : 0;
  ASSERT_GT(expected, 10);
  EXPECT_EQ(search.count(), expected);
  SpanAt at = search.from(0, true);
  for (std::int64_t number = 1; number <= expected; ++number) {
    ASSERT_FALSE(at.isNone());
    EXPECT_TRUE(search.holds(at));
    EXPECT_EQ(search.numberOf(at), number);
    const SpanAt next = search.next(at, true);
    EXPECT_EQ(search.next(next, false), at);
    at = next;
  }
  EXPECT_EQ(at, search.from(0, true)) << "after the last comes the first";
  EXPECT_TRUE(TimelineSearch(model, "nothing is called so").isEmpty());
  EXPECT_TRUE(TimelineSearch(model, "  ").isEmpty());
}

TEST(TimelineModel, CriticalPathIsFoundAgainInItsLanes) {
  const auto model = shared_model(make_result(2, 300));
  ASSERT_EQ(model->criticalPath().size(), 300u);
  for (std::size_t i = 0; i < model->criticalPath().size(); ++i)
    EXPECT_EQ(model->onCriticalPath(model->criticalPath()[i]), static_cast<int>(i));
  EXPECT_EQ(model->onCriticalPath({1, 0}), -1);
  const Table table = critical_table(*model);
  const double shares = std::accumulate(
      table.rows.begin(), table.rows.end(), 0.0,
      [](double sum, const auto& row) { return sum + row.last().number.toDouble(); });
  EXPECT_NEAR(shares, 1, 1e-9);
}

TEST(TimelineModel, WhatARankDoesInARangeSumsToIt) {
  pb::Result result;
  auto& timeline = *result.mutable_timeline();
  timeline.add_name("x");
  auto& rank = *timeline.add_rank();
  rank.set_name("only");
  const auto add = [&](int kind, std::int64_t start, std::int64_t length) {
    auto& stream = *rank.add_stream();
    stream.add_start_ns(start);
    stream.add_duration_ns(length);
    stream.add_name_index(0);
    stream.add_kind(kind);
  };
  add(0, 0, 500);
  add(1, 400, 300);
  const auto model = shared_model(result);
  EXPECT_EQ(range_text(*model, 0, {0, 1000}),
            "1 us of only: computing 50.0 %, communication beside that 20.0 %, waiting 30.0 %");
  EXPECT_TRUE(range_text(*model, -1, {0, 1000}).isEmpty());
}

TEST(TimelinePanel, SearchCriticalPathAndCursorByKeys) {
  Selection selection;
  TimelinePanel panel(&selection);
  panel.resize(1200, 700);
  const auto model = shared_model(make_result(4, 500));
  selection.reset(model->whole());
  panel.set(model);
  panel.show();
  const QImage plain = panel.timeline()->grab().toImage();
  QTest::keyClick(panel.timeline(), Qt::Key_C);
  EXPECT_NE(panel.timeline()->grab().toImage(), plain);
  QTest::keyClick(panel.timeline(), Qt::Key_C);
  EXPECT_EQ(panel.timeline()->grab().toImage(), plain);
  panel.find("norm");
  EXPECT_TRUE(panel.searchText().endsWith("found")) << panel.searchText().toStdString();
  QTest::keyClick(panel.timeline(), Qt::Key_N);
  EXPECT_TRUE(panel.searchText().startsWith("1 of ")) << panel.searchText().toStdString();
  ASSERT_TRUE(selection.cursor());
  QTest::keyClick(panel.timeline(), Qt::Key_N, Qt::ShiftModifier);
  EXPECT_TRUE(panel.searchText().split(" of ").value(0) ==
              panel.searchText().split(" of ").value(1));
  QTest::keyClick(panel.timeline(), Qt::Key_Escape);
  EXPECT_FALSE(selection.cursor());
}

TEST(TimelinePanel, TwoTimelinesHaveOneRange) {
  Selection selection;
  TimelinePanel panel(&selection);
  const auto model = shared_model(make_result(2, 50)), longer = shared_model(make_result(1, 400));
  selection.reset(model->whole());
  panel.set(model);
  ASSERT_GT(longer->whole().end, model->whole().end);
  panel.setBeside("recorded", longer);
  EXPECT_EQ(selection.whole(), longer->whole());
  EXPECT_EQ(selection.range(), longer->whole());
  EXPECT_EQ(panel.tables().size(), 3);
  selection.mark(1000);
  panel.alignBeside();
  EXPECT_EQ(panel.beside()->model()->time({0, 0}).begin, longer->time({0, 0}).begin + 1000);
  panel.setBeside({}, nullptr);
  EXPECT_EQ(selection.whole(), model->whole());
  EXPECT_FALSE(panel.hasBeside());
}

TEST(RecordedTrace, GivesItsDeviceEventsFromTheFirst) {
  QTemporaryDir folder;
  QFile file(folder.filePath("rank0.json"));
  ASSERT_TRUE(file.open(QIODevice::WriteOnly));
  file.write(R"({"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "NVIDIA H800"}],
 "distributedInfo": {"rank": 3, "world_size": 8}, "traceEvents": [
 {"ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 7, "ts": 1000, "dur": 20,
  "args": {"device": 0, "stream": 7}},
 {"ph": "X", "cat": "kernel", "name": "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", "pid": 0,
  "tid": 20, "ts": 1010, "dur": 40, "args": {"device": 0, "stream": 20}}]})");
  file.close();
  Diagnostics diagnostics;
  const auto model = read_recorded(file.fileName(), diagnostics);
  ASSERT_NE(model, nullptr) << to_lines(diagnostics).join('\n').toStdString();
  ASSERT_EQ(model->laneCount(), 2);
  EXPECT_EQ(model->whole(), (TimeRange{0, 50000}));
  EXPECT_EQ(model->span(0, 0).name, "gemm");
  EXPECT_EQ(model->span(1, 0).kind, SpanKind::communication);
  EXPECT_TRUE(model->ranks()[0].name.startsWith("rank 3")) << model->ranks()[0].name.toStdString();
  EXPECT_EQ(read_recorded(folder.filePath("no.json"), diagnostics), nullptr);
  EXPECT_TRUE(diagnostics.has_errors());
}

}  // namespace
}  // namespace aisle::gui
