// SPDX-License-Identifier: Apache-2.0
#include "gui/app/command_line.hpp"
#include "gui/app/main_window.hpp"
#include "tests/gui/fixture.hpp"

#include <QApplication>
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
    if (name == "log") continue;
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
  QWidget* timeline = window.view("timeline");
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
  window.runStudy();
  EXPECT_TRUE(wait_until([&] { return !window.result().isEmpty(); }));
  EXPECT_EQ(window.job().state(), Job::State::done);
  qunsetenv("AISLE_BIN");
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
    if (name == "log") continue;
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
                                    {"a", "b"},
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
