// SPDX-License-Identifier: Apache-2.0
#include "gui/app/main_window.hpp"
#include "gui/models/comparison.hpp"
#include "gui/models/runs/pins.hpp"
#include "gui/models/runs/run_queue.hpp"
#include "gui/views/compare_view.hpp"
#include "tests/gui/fixture.hpp"

#include <QDir>
#include <QFile>
#include <QPushButton>
#include <QTemporaryDir>
#include <QTest>

namespace aisle::gui {
namespace {

/// Copies ready/result.pb to wherever the last argument says.
constexpr auto kCopies =
    "echo working 3/4, 7 s to go >&2\nfor last; do :; done\n"
    "mkdir -p \"$last\" && cp \"$(dirname \"$0\")/ready/result.pb\" \"$last\"\n";

class QueueTest : public ModelRules {
 protected:
  void SetUp() override {
    ModelRules::SetUp();
    write_result_file(make_result(2, 20), folder_.filePath("ready"));
  }

  void TearDown() override {
    qunsetenv("AISLE_BIN");
    ModelRules::TearDown();
  }

  void program(const QString& body) {
    qputenv("AISLE_BIN", write_script(folder_.path(), body).toLocal8Bit());
  }

  JobRequest request(const QString& name) {
    return run_request({name, "study", {}, {}, {}}, folder_.filePath(name));
  }

  QTemporaryDir folder_;
};

TEST_F(QueueTest, RunsSeveralAndKeepsALogOfEach) {
  program(kCopies);
  RunQueue runs;
  QAbstractItemModelTester tester(&runs, Mode::Warning);
  QList<int> ids;
  for (const auto* name : {"a", "b", "c"}) ids << runs.add(request(name));
  EXPECT_EQ(runs.state(ids[2]), RunQueue::State::waiting) << "two at once";
  ASSERT_TRUE(wait_until([&] { return !runs.isBusy(); }));
  for (const int id : ids) {
    EXPECT_EQ(runs.state(id), RunQueue::State::done) << runs.sentence(id).toStdString();
    EXPECT_TRUE(QFile::exists(runs.output(id)));
    EXPECT_EQ(runs.log(id).size(), 2U);
  }
  EXPECT_EQ(runs.index(0, 0).data().toString(), "c") << "newest first";
  runs.clearEnded();
  EXPECT_EQ(runs.rowCount(), 0);
}

TEST_F(QueueTest, CancelsWhatRunsAndWhatWaits) {
  program("echo 1/4, 9 s to go >&2\nexec sleep 60\n");
  RunQueue runs;
  QAbstractItemModelTester tester(&runs, Mode::Warning);
  runs.setAtOnce(1);
  const int first = runs.add(request("a")), second = runs.add(request("b"));
  ASSERT_TRUE(wait_until([&] { return runs.index(1, 0).data(RunQueue::kPercent).toInt() == 25; }));
  EXPECT_EQ(runs.index(1, RunQueue::kProgress).data().toString(), "25 %, 9 s to go");
  runs.cancel(second);
  EXPECT_EQ(runs.state(second), RunQueue::State::cancelled);
  runs.cancelAll();
  ASSERT_TRUE(wait_until([&] { return !runs.isBusy(); }));
  EXPECT_EQ(runs.state(first), RunQueue::State::cancelled);
}

TEST_F(QueueTest, FailuresOfEveryKindAreASentence) {
  RunQueue runs;
  for (const QString body :
       {"kill -9 $$\n", "echo 'aisle: error: disk full' >&2\nexit 1\n", "exit 0\n"}) {
    program(body);
    const int id = runs.add(request("x"));
    ASSERT_TRUE(wait_until([&] { return !runs.isBusy(); }));
    EXPECT_EQ(runs.state(id), RunQueue::State::failed);
    EXPECT_FALSE(runs.sentence(id).isEmpty());
  }
  qputenv("AISLE_BIN", "/nowhere/aisle");
  const int id = runs.add(request("x"));
  ASSERT_TRUE(wait_until([&] { return !runs.isBusy(); }));
  EXPECT_TRUE(runs.sentence(id).contains("/nowhere/aisle"));
}

TEST_F(QueueTest, FindsRunsOfEarlierDays) {
  write_result_file(make_result(1, 5), folder_.filePath("old/study-20250102-030405-006"));
  RunQueue runs;
  QAbstractItemModelTester tester(&runs, Mode::Warning);
  runs.addFinished(folder_.filePath("old"), 10);
  ASSERT_EQ(runs.rowCount(), 1);
  EXPECT_EQ(runs.index(0, RunQueue::kTitle).data().toString(), "study");
  EXPECT_TRUE(QFile::exists(runs.output(runs.idAt(0))));
}

TEST_F(QueueTest, ArgumentsOfSweepsAndUnsavedText) {
  const JobRequest sweep =
      sweep_request({"s", "s.textproto", "seed: 1", {}, "analytic"}, folder_.filePath("p.db"));
  EXPECT_EQ(sweep.arguments.join(' '), "sweep s.textproto --engine analytic --stdin -o " +
                                           folder_.filePath("p.db") + " --progress");
  EXPECT_EQ(sweep.input, "seed: 1");
  QFile there(folder_.filePath("p.db"));
  ASSERT_TRUE(there.open(QIODevice::WriteOnly));
  EXPECT_TRUE(
      sweep_request({"s", "s", {}, {}, {}}, there.fileName()).arguments.contains("--resume"));
}

OpenedResult opened(const QString& path, pb::Result result) {
  const auto shared = std::make_shared<pb::Result>(std::move(result));
  return {path, shared, std::make_shared<const TimelineModel>(shared)};
}

TEST_F(ModelRules, PinsObeyThem) {
  Pins pins;
  QAbstractItemModelTester tester(&pins, Mode::Warning);
  pins.pin(opened("a", make_result(1, 5)));
  pins.pin(opened("b", make_result(1, 5)));
  pins.pin(opened("a", make_result(1, 5)));
  EXPECT_EQ(pins.rowCount(), 2);
  EXPECT_TRUE(pins.index(0).data().toString().contains("deepseek-v3 on h800-sxm"));
  pins.unpin(0);
  EXPECT_EQ(pins.paths(), QStringList{"b"});
  pins.clear();
  EXPECT_EQ(pins.rowCount(), 0);
}

TEST(Comparison, SetsResultsSideBySideAndExplains) {
  pb::Result slow = make_result(1, 5);
  for (auto& metric : *slow.mutable_metric()) {
    if (metric.name() == "step_time_s")
      metric.set_value(24.31);
    else if (metric.name() == "tokens_per_s")
      metric.set_value(metric.value() * 20.31 / 24.31);
  }
  slow.mutable_resource(2)->set_seconds(6.5);
  slow.mutable_scenario()->set_title("Half the network");
  const Comparison comparison = compare({std::make_shared<const pb::Result>(make_result(1, 5)),
                                         std::make_shared<const pb::Result>(slow)});
  ASSERT_EQ(comparison.names.size(), 2);
  EXPECT_EQ(comparison.names[1], "B  Half the network");
  bool found = false;
  for (const auto& row : comparison.metrics.rows) {
    if (row[0].tip != "step_time_s") continue;
    found = true;
    EXPECT_DOUBLE_EQ(row[2].number.toDouble(), 24.31);
    EXPECT_EQ(row[3].text, "+19.7 %");
  }
  EXPECT_TRUE(found);
  ASSERT_EQ(comparison.explanations.size(), 1);
  EXPECT_TRUE(comparison.explanations[0].contains("EP"))
      << comparison.explanations[0].toStdString();
  // The bars of a result add up to its time.
  ASSERT_TRUE(comparison.resources.isBars());
  double first = 0, second = 0;
  for (const auto& series : comparison.resources.series) {
    first += series.y[0];
    second += series.y[1];
  }
  EXPECT_NEAR(second / first, 24.31 / 20.31, 1e-3);
}

TEST_F(QueueTest, TheFirstPageLeadsToTheComparisonOfFourRuns) {
  program(kCopies);
  MainWindow window;
  window.resize(1280, 800);
  window.show();
  auto* ask = window.findChild<QPushButton*>("ask dense or sparse");
  ASSERT_NE(ask, nullptr);
  QTest::mouseClick(ask, Qt::LeftButton);
  ASSERT_TRUE(wait_until([&] { return window.pins().rowCount() == 4; }));
  EXPECT_EQ(window.places().current(), "compare");
  const auto* view = qobject_cast<CompareView*>(window.view("compare"));
  EXPECT_EQ(view->comparison().names.size(), 4);
  EXPECT_EQ(view->tables().size(), 2);
}

}  // namespace
}  // namespace aisle::gui
