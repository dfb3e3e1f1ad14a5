// SPDX-License-Identifier: Apache-2.0
#include "gui/models/result_model.hpp"
#include "gui/models/result_table.hpp"
#include "gui/models/result_text.hpp"
#include "gui/models/runs/job.hpp"
#include "gui/models/study_list_model.hpp"
#include "tests/gui/fixture.hpp"

#include <QAbstractItemModelTester>
#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <gtest/gtest.h>

namespace aisle::gui {
namespace {

TEST_F(ModelRules, TablesObeyThemThroughEveryChange) {
  const pb::Result full = make_result();
  for (const auto build :
       {metrics_table, comparison_table, breakdown_table, family_table, memory_table}) {
    ResultTable model;
    QAbstractItemModelTester tester(&model, Mode::Warning);
    model.set(build(full));
    EXPECT_GT(model.rowCount(), 0);
    EXPECT_EQ(model.rowCount(model.index(0, 0)), 0);
    model.set(build(pb::Result()));
    EXPECT_EQ(model.rowCount(), 0);
    model.set(build(full));
  }
}

TEST_F(ModelRules, StudyListObeysThem) {
  QTemporaryDir folder;
  write_study(folder.filePath("good"), "Good one");
  QFile bad(write_study(folder.filePath("bad"), ""));
  ASSERT_TRUE(bad.open(QIODevice::WriteOnly));
  bad.write("titel: \"misspelt\"\n");
  bad.close();
  StudyListModel model(
      {folder.filePath("bad").toStdString(), folder.filePath("good").toStdString()});
  QAbstractItemModelTester tester(&model, Mode::Warning);
  ASSERT_EQ(model.rowCount(), 2);
  EXPECT_EQ(model.index(1).data().toString(), "Good one");
  EXPECT_EQ(model.index(1).data(StudyListModel::kQuestion).toString(), "Why?");
  EXPECT_TRUE(model.index(1).data(StudyListModel::kPath).toString().endsWith("study.textproto"));
  const QString error = model.index(0).data(StudyListModel::kError).toString();
  EXPECT_TRUE(error.contains("study.textproto:1:")) << error.toStdString();
}

TEST(ResultTable, BreakdownSumsToTheStep) {
  const Table table = breakdown_table(make_result());
  double sum = 0;
  for (qsizetype i = 0; i + 1 < table.rows.size(); ++i) sum += table.rows[i][1].number.toDouble();
  EXPECT_DOUBLE_EQ(sum, table.rows.last()[1].number.toDouble());
  EXPECT_NEAR(sum, 20.31, 1e-12);
  // The order, words and colours are those of the report.
  QStringList names;
  for (const auto& row : table.rows) names << row[0].text;
  EXPECT_EQ(names,
            (QStringList{"forward", "backward", "optimizer", "exposed all-to-all",
                         "exposed pipeline messages", "pipeline bubble and waiting", "step"}));
  for (qsizetype i = 0; i + 1 < table.rows.size(); ++i)
    EXPECT_TRUE(QRegularExpression("^#[0-9a-f]{6}$").match(table.rows[i][0].colour).hasMatch());
}

TEST(ResultTable, MetricsShowUnitAndBasis) {
  const Table table = metrics_table(make_result());
  EXPECT_EQ(table.rows[0][2].text, "s");
  EXPECT_EQ(table.rows[0][3].text, "extrapolated");
  EXPECT_DOUBLE_EQ(table.rows[0][1].number.toDouble(), 20.31);
}

TEST(ResultTable, MemoryHasAColumnPerUseThenSumAndCapacity) {
  const Table table = memory_table(make_result(4, 10));
  ASSERT_EQ(table.rows.size(), 4);
  EXPECT_EQ(table.header.size(), 9);
  EXPECT_DOUBLE_EQ(table.rows[2][7].number.toDouble(), 58.2e9);
  EXPECT_DOUBLE_EQ(table.rows[2][8].number.toDouble(), 80e9);
}

TEST(ResultTable, CsvQuotesWhatNeedsItAndKeepsFullNumbers) {
  const QString csv = to_csv(comparison_table(make_result()));
  EXPECT_TRUE(csv.contains("\"ISCA 2025, table 4, \"\"measured\"\"\"")) << csv.toStdString();
  EXPECT_TRUE(csv.contains("19.926"));
}

TEST(ResultText, SaysWhatTheRunWas) {
  const RunFacts facts = run_facts(make_result());
  EXPECT_EQ(facts.engine, "event");
  EXPECT_EQ(facts.basis, "extrapolated");
  EXPECT_TRUE(facts.feasible);
  const auto first = headlines(make_result(), 4);
  ASSERT_EQ(first.size(), 4);
  EXPECT_TRUE(first[0].against.contains("+1.9 %")) << first[0].against.toStdString();
}

/// The one line that reading `path` complains with.
std::string complaint(const QString& path) {
  Diagnostics diagnostics;
  EXPECT_FALSE(read_result(path, diagnostics).has_value());
  return to_lines(diagnostics).join('\n').toStdString();
}

TEST(ReadResult, BadFilesAreNamedWithWhatIsWrong) {
  QTemporaryDir folder;
  EXPECT_NE(complaint("/nowhere/result.pb").find("/nowhere/result.pb: error: no such file"),
            std::string::npos);
  EXPECT_NE(complaint(folder.path()).find("holds no result.pb"), std::string::npos);

  pb::Result unequal = make_result(1, 10);
  unequal.mutable_timeline()->mutable_rank(0)->mutable_stream(2)->add_start_ns(1);
  const auto text = complaint(write_result_file(unequal, folder.filePath("unequal")));
  EXPECT_NE(text.find("timeline.rank[0].stream[2]: columns of unequal length"), std::string::npos)
      << text;

  const QString path = write_result_file(make_result(1, 1000), folder.filePath("cut"));
  QFile file(path);
  ASSERT_TRUE(file.resize(file.size() / 2));
  EXPECT_NE(complaint(path).find("truncated"), std::string::npos);
}

TEST(ResultModel, ReadsInTheBackgroundAndReportsFailure) {
  QTemporaryDir folder;
  const QString path = write_result_file(make_result(), folder.path());
  ResultModel model;
  QSignalSpy changed(&model, &ResultModel::changed), failed(&model, &ResultModel::failed);
  model.open(folder.path());
  EXPECT_TRUE(wait_until([&] { return changed.count() == 1; }));
  EXPECT_EQ(model.opened().timeline->laneCount(), 40);
  EXPECT_EQ(model.opened().path, path);
  model.open("/nowhere");
  EXPECT_TRUE(wait_until([&] { return failed.count() == 1; }));
  EXPECT_FALSE(model.isEmpty()) << "what was shown stays";
}

TEST(ResultModel, MayGoWhileAFileIsBeingRead) {
  QTemporaryDir folder;
  write_result_file(make_result(), folder.path());
  { ResultModel().open(folder.path()); }
  ResultModel other;
  QSignalSpy changed(&other, &ResultModel::changed);
  other.open(folder.path());
  EXPECT_TRUE(wait_until([&] { return changed.count() == 1; }));
}

class JobTest : public testing::Test {
 protected:
  JobRequest request() const {
    return run_request({"study", "study", {}, {"cluster.count=64"}, "analytic"}, output());
  }

  QString output() const { return folder_.filePath("out"); }

  bool runToEnd(const QString& script) {
    job_.start(write_script(folder_.path(), script), request());
    return wait_until([&] { return !job_.isRunning(); });
  }

  QTemporaryDir folder_;
  Job job_;
};

TEST_F(JobTest, SuccessGivesTheResultAndPassesEveryArgument) {
  write_result_file(make_result(1, 10), folder_.filePath("ready"));
  QSignalSpy line(&job_, &Job::line);
  ASSERT_TRUE(
      runToEnd("echo \"$@\"\n"
               "echo 'running: 40 %' >&2\n"
               "mkdir -p \"$8\" && cp \"$(dirname \"$0\")/ready/result.pb\" \"$8\"\n"));
  EXPECT_EQ(job_.state(), Job::State::done) << job_.sentence().toStdString();
  EXPECT_EQ(job_.resultPath(), output() + "/result.pb");
  EXPECT_EQ(job_.progress(), "running: 40 %");
  EXPECT_EQ(job_.percent(), 40);
  const QString expected = "run study --set cluster.count=64 --engine analytic -o " + output();
  const bool told = std::any_of(line.begin(), line.end(), [&](const auto& arguments) {
    return arguments[0].toString() == expected;
  });
  EXPECT_TRUE(told);
}

TEST_F(JobTest, BadInputShowsEveryErrorWithItsPlace) {
  ASSERT_TRUE(
      runToEnd("echo 'study.textproto:7:34: error: fabric.bandwith: unknown field' >&2\n"
               "echo 'study.textproto:9:1: error: cluster.count: is negative' >&2\n"
               "exit 2\n"));
  EXPECT_EQ(job_.state(), Job::State::failed);
  EXPECT_EQ(job_.exitCode(), 2);
  ASSERT_EQ(job_.errors().size(), 2);
  EXPECT_TRUE(job_.sentence().startsWith("study.textproto:7:34: error: "));
  EXPECT_TRUE(job_.sentence().contains("1 more"));
}

TEST_F(JobTest, SuccessWithoutAResultIsAFailure) {
  ASSERT_TRUE(runToEnd("exit 0\n"));
  EXPECT_EQ(job_.state(), Job::State::failed);
  EXPECT_TRUE(job_.sentence().contains("wrote nothing"));
}

TEST_F(JobTest, AKilledChildIsOneSentence) {
  ASSERT_TRUE(runToEnd("kill -9 $$\n"));
  EXPECT_EQ(job_.state(), Job::State::failed);
  EXPECT_EQ(job_.exitCode(), 1);
  EXPECT_FALSE(job_.sentence().isEmpty());
}

TEST_F(JobTest, CancelStopsTheChildAndLeavesTheJobReadyForAnother) {
  job_.start(write_script(folder_.path(), "echo started >&2\nexec sleep 60\n"), request());
  ASSERT_TRUE(wait_until([&] { return job_.progress() == "started"; }));
  job_.cancel();
  ASSERT_TRUE(wait_until([&] { return !job_.isRunning(); }));
  EXPECT_EQ(job_.state(), Job::State::cancelled);
  ASSERT_TRUE(runToEnd("exit 2\n"));
  EXPECT_EQ(job_.state(), Job::State::failed);
}

TEST_F(JobTest, AMissingProgramIsOneSentence) {
  job_.start({}, request());
  EXPECT_EQ(job_.state(), Job::State::failed);
  EXPECT_TRUE(job_.sentence().contains("AISLE_BIN"));
  job_.start("/nowhere/aisle", request());
  ASSERT_TRUE(wait_until([&] { return !job_.isRunning(); }));
  EXPECT_TRUE(job_.sentence().contains("/nowhere/aisle")) << job_.sentence().toStdString();
}

}  // namespace
}  // namespace aisle::gui
