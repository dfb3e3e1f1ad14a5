// SPDX-License-Identifier: Apache-2.0
#include "gui/app/command_line.hpp"
#include "gui/app/main_window.hpp"
#include "gui/views/timeline_panel.hpp"
#include "gui/views/timeline_view.hpp"
#include "tests/gui/fixture.hpp"

#include <QApplication>
#include <QDockWidget>
#include <QFile>
#include <QImage>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProcess>
#include <QSet>
#include <QTemporaryDir>
#include <QTest>
#include <gtest/gtest.h>

namespace aisle::gui {
namespace {

struct Ended {
  int code = -1;
  QString out, err;
};

/// Runs the program as a user would.
Ended explorer(const QStringList& arguments, const QString& aisle = "/nowhere/aisle") {
  QProcess process;
  auto environment = QProcessEnvironment::systemEnvironment();
  environment.remove("DISPLAY");
  environment.remove("QT_QPA_PLATFORM");
  environment.insert("AISLE_BIN", aisle);
  process.setProcessEnvironment(environment);
  process.start(AISLE_EXPLORER, arguments);
  if (!process.waitForFinished(30000)) return {};
  return {process.exitCode(), process.readAllStandardOutput(), process.readAllStandardError()};
}

int colours_in(const QImage& image) {
  QSet<QRgb> colours;
  for (int y = 0; y < image.height(); y += 3)
    for (int x = 0; x < image.width(); x += 3) colours.insert(image.pixel(x, y));
  return static_cast<int>(colours.size());
}

TEST(Window, OpensEmptyAndSaysWhatToDo) {
  MainWindow window;
  window.resize(1400, 900);
  window.show();
  EXPECT_TRUE(QTest::qWaitForWindowExposed(&window));
  for (const auto& name : view_names()) EXPECT_NE(window.view(name), nullptr) << name.toStdString();
  EXPECT_EQ(window.view("nothing"), nullptr);
}

TEST(Window, OpensAResultAndEveryViewPaintsIt) {
  QTemporaryDir folder;
  write_result_file(make_result(), folder.path());
  MainWindow window;
  window.resize(1400, 900);
  window.show();
  window.open(folder.path());
  ASSERT_TRUE(wait_until([&] { return !window.result().isEmpty(); }));
  EXPECT_TRUE(window.windowTitle().contains("DeepSeek-V3"));
  for (const auto& name : view_names()) {
    window.showView(name);
    QApplication::processEvents();
    if (name == "log" || name == "serving" || name == "sweep" || name == "compare") continue;
    EXPECT_GT(colours_in(window.view(name)->grab().toImage()), 10) << name.toStdString();
  }
}

TEST(Window, ZoomingTheTimelineByKeysAndWheelKeepsItAlive) {
  QTemporaryDir folder;
  write_result_file(make_result(), folder.path());
  Diagnostics diagnostics;
  MainWindow window;
  window.resize(1200, 800);
  window.show();
  window.showResult(*read_result(folder.path(), diagnostics));
  auto* panel = qobject_cast<TimelinePanel*>(window.view("timeline"));
  ASSERT_NE(panel, nullptr);
  QWidget* timeline = panel->timeline();
  const QImage before = timeline->grab().toImage();
  for (int i = 0; i < 12; ++i) QTest::keyClick(timeline, Qt::Key_Plus);
  EXPECT_NE(timeline->grab().toImage(), before);
  QTest::keyClick(timeline, Qt::Key_Left);
  QTest::keyClick(timeline, Qt::Key_F);
  EXPECT_EQ(timeline->grab().toImage(), before);
}

TEST(Window, ABadFileIsShownInTheLogAndTheWindowLives) {
  QTemporaryDir folder;
  QFile file(folder.filePath("study.textproto"));
  ASSERT_TRUE(file.open(QIODevice::WriteOnly));
  file.write("title: \"x\"\ncluster { acelerator: \"h800\" }\n");
  file.close();
  MainWindow window;
  window.show();
  window.open(folder.path());
  auto* log = qobject_cast<QPlainTextEdit*>(window.view("log"));
  ASSERT_NE(log, nullptr);
  EXPECT_TRUE(log->toPlainText().contains("study.textproto:2:"))
      << log->toPlainText().toStdString();
}

TEST(Window, RunsAStudyInAChildAndShowsItsResult) {
  QTemporaryDir folder;
  write_result_file(make_result(2, 50), folder.filePath("ready"));
  qputenv("AISLE_BIN",
          write_script(folder.path(),
                       "for last; do :; done\n"
                       "mkdir -p \"$last\" && cp \"$(dirname \"$0\")/ready/result.pb\" \"$last\"\n")
              .toLocal8Bit());
  const QString study = write_study(folder.path(), "Fake");
  MainWindow window;
  window.show();
  window.open(study);
  EXPECT_TRUE(window.windowTitle().contains("Fake"));
  const int id = window.runStudy();
  EXPECT_TRUE(wait_until([&] { return !window.result().isEmpty(); }));
  EXPECT_EQ(window.runs().state(id), RunQueue::State::done);
  EXPECT_EQ(window.places().current(), "result");
  qunsetenv("AISLE_BIN");
}

class EditingWindow : public testing::Test {
 protected:
  void SetUp() override {
    write_result_file(make_result(2, 50), folder_.filePath("ready"));
    program(
        "for last; do :; done\nif [ \"$1\" = check ]; then cat >/dev/null; echo '{}'; exit 0; fi\n"
        "mkdir -p \"$last\" && cp \"$(dirname \"$0\")/ready/result.pb\" \"$last\"\n");
    window_.resize(1280, 800);
    window_.show();
    window_.open(write_study(folder_.path(), "Mine"));
  }

  void TearDown() override { qunsetenv("AISLE_BIN"); }

  void program(const QString& body) {
    qputenv("AISLE_BIN", write_script(folder_.path(), body).toLocal8Bit());
  }

  QString log() { return qobject_cast<QPlainTextEdit*>(window_.view("log"))->toPlainText(); }

  QTemporaryDir folder_;
  MainWindow window_;
};

TEST_F(EditingWindow, OpensAStudyInFormAndText) {
  EXPECT_EQ(window_.places().current(), "scenario");
  EXPECT_FALSE(window_.document().isModified());
  window_.document().setField("cluster.count", "64");
  EXPECT_TRUE(window_.document().isModified());
  window_.document().undo();
}

TEST_F(EditingWindow, RunsTwiceAndComparesAndOpensAgain) {
  for (int run = 1; run <= 2; ++run) {
    const int id = window_.runStudy();
    ASSERT_TRUE(wait_until([&] { return window_.runs().state(id) == RunQueue::State::done; }));
    // Its result is read by a worker, and shown then.
    ASSERT_TRUE(
        wait_until([&] { return window_.result().opened().path == window_.runs().output(id); }));
    window_.pin({window_.runs().output(id)});
  }
  EXPECT_EQ(window_.pins().rowCount(), 2);
  EXPECT_EQ(window_.places().current(), "compare");
  const QString path = window_.pins().paths().first();
  window_.open(path);
  ASSERT_TRUE(wait_until([&] { return window_.result().opened().path == path; }));
  EXPECT_EQ(window_.places().current(), "result");
}

TEST_F(EditingWindow, AKilledChildADeletedResultAndACorruptFileAreSentences) {
  program("kill -9 $$\n");
  int id = window_.runStudy();
  ASSERT_TRUE(wait_until([&] { return window_.runs().state(id) == RunQueue::State::failed; }));
  EXPECT_TRUE(log().contains("ended unexpectedly"));
  const QString gone = folder_.filePath("ready/result.pb");
  window_.open(gone);
  ASSERT_TRUE(wait_until([&] { return !window_.result().isEmpty(); }));
  QFile::remove(gone);
  window_.pin({gone});
  EXPECT_TRUE(log().contains("no such file"));
  EXPECT_FALSE(window_.view("timeline")->grab().isNull()) << "what is shown stays";
  QFile corrupt(folder_.filePath("bad.pb"));
  ASSERT_TRUE(corrupt.open(QIODevice::WriteOnly));
  corrupt.write("no result at all");
  corrupt.close();
  window_.open(corrupt.fileName());
  ASSERT_TRUE(wait_until([&] { return log().contains("bad.pb"); }));
  EXPECT_TRUE(window_.isVisible());
}

TEST_F(EditingWindow, CancelLeavesNothingBehind) {
  program("exec sleep 60\n");
  const int id = window_.runStudy(folder_.filePath("out"));
  ASSERT_TRUE(wait_until([&] { return window_.runs().state(id) == RunQueue::State::running; }));
  window_.runs().cancelAll();
  ASSERT_TRUE(wait_until([&] { return window_.runs().state(id) == RunQueue::State::cancelled; }));
  EXPECT_FALSE(QFile::exists(folder_.filePath("out/result.pb")));
}

TEST_F(EditingWindow, EveryPlaceShowsItsViewsAndKeepsItsLayout) {
  window_.resize(1280, 800);
  const QSize size = window_.size();
  for (const auto& place : Places::names()) {
    window_.places().show(place);
    QApplication::processEvents();
    EXPECT_EQ(window_.places().current(), place);
    EXPECT_EQ(window_.size(), size) << place.toStdString();
    EXPECT_FALSE(window_.grab().isNull());
  }
  window_.places().show("result");
  window_.places().dock("memory")->hide();
  window_.places().show("start");
  window_.places().show("result");
  EXPECT_FALSE(window_.places().dock("memory")->isVisible());
  window_.places().reset();
  EXPECT_TRUE(window_.places().dock("memory")->isVisible());
}

TEST_F(EditingWindow, DarkAndLightShowTheSameInOtherColours) {
  const QImage light = window_.grab().toImage();
  window_.setDark(true);
  QApplication::processEvents();
  const QImage dark = window_.grab().toImage();
  EXPECT_GT(qGray(light.pixel(640, 20)), 200);
  EXPECT_LT(qGray(dark.pixel(640, 20)), 80);
  window_.setDark(false);
}

TEST(Program, ScreenshotOfEachViewHasTheAskedSizeAndIsNotBlank) {
  QTemporaryDir folder;
  write_result_file(make_result(), folder.path());
  for (const auto& name : view_names()) {
    const QString picture = folder.filePath(name + ".png");
    const Ended ended =
        explorer({folder.path(), "--screenshot", name, "-o", picture, "--size", "1000x700"});
    EXPECT_EQ(ended.code, 0) << ended.err.toStdString();
    const QImage image(picture);
    EXPECT_EQ(image.size(), QSize(1000, 700)) << name.toStdString();
    if (name == "log" || name == "serving" || name == "sweep" || name == "compare") continue;
    EXPECT_GT(colours_in(image), 10) << name.toStdString();
  }
}

TEST(Program, HelpAndVersionNeedNoDisplay) {
  const Ended help = explorer({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_TRUE(help.out.contains("--screenshot"));
  EXPECT_EQ(explorer({"--version"}).code, 0);
}

TEST(Program, BadArgumentsEndWithTwoAndASentence) {
  QTemporaryDir folder;
  const QList<QStringList> wrong = {{"--nonsense"},
                                    {"--theme", "pink"},
                                    {"--screenshot", "sideways", "-o", "x.png"},
                                    {"--screenshot", "window"},
                                    {"-o", "x.png"},
                                    {"--size", "big"},
                                    {"--view", "sideways"}};
  for (const auto& arguments : wrong) {
    const Ended ended = explorer(arguments);
    EXPECT_EQ(ended.code, 2) << arguments.join(' ').toStdString();
    EXPECT_TRUE(ended.err.startsWith("aisle-explorer: error: ")) << ended.err.toStdString();
  }
  for (const QString path : {"/nowhere/result.pb", "/nowhere"}) {
    const Ended ended = explorer({path, "--screenshot", "window", "-o", folder.filePath("x.png")});
    EXPECT_EQ(ended.code, 2);
    EXPECT_TRUE(ended.err.startsWith(path + ": error: ")) << ended.err.toStdString();
  }
  EXPECT_FALSE(QFile::exists(folder.filePath("x.png")));
}

TEST(Program, ScreenshotOfAStudyRunsItAndPassesItsErrorsOn) {
  QTemporaryDir folder;
  const QString study = write_study(folder.path(), "Fake");
  const QString aisle =
      write_script(folder.path(), "echo 'study.textproto:1:1: error: no cluster' >&2\nexit 2\n");
  const Ended ended =
      explorer({study, "--screenshot", "window", "-o", folder.filePath("x.png")}, aisle);
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(ended.err, "study.textproto:1:1: error: no cluster\n");
}

}  // namespace
}  // namespace aisle::gui
