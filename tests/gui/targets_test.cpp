// SPDX-License-Identifier: Apache-2.0
// The targets of docs/guide/explorer.md. Their sizes take seconds and memory, so they run on
// request: gui_explorer --gtest_also_run_disabled_tests --gtest_filter='Targets*'.
#include "gui/app/main_window.hpp"
#include "tests/gui/fixture.hpp"

#include <QApplication>
#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QPushButton>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

namespace aisle::gui {
namespace {

/// Peak memory of the process so far, in GB.
double peak_memory() {
  QFile status("/proc/self/status");
  if (!status.open(QIODevice::ReadOnly)) return 0;
  for (const auto& line : status.readAll().split('\n'))
    if (line.startsWith("VmHWM:")) return line.simplified().split(' ')[1].toDouble() / 1e6;
  return 0;
}

double percentile95(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() * 95 / 100];
}

/// Opens a result of `spans` spans in all, then zooms and moves; prints what each took.
void open_and_pan(int spans, double most_seconds) {
  QTemporaryDir folder;
  write_result_file(make_result(16, spans / 80), folder.path());
  MainWindow window;
  window.resize(1400, 900);
  window.show();
  QElapsedTimer clock;
  clock.start();
  const std::clock_t began = std::clock();
  window.open(folder.path());
  while (window.result().isEmpty()) QCoreApplication::processEvents(QEventLoop::AllEvents, 5);
  QApplication::processEvents();
  const double opened = static_cast<double>(clock.elapsed()) / 1000;
  const double opened_cpu = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  QWidget* timeline = window.view("timeline");
  std::vector<double> paints, paints_cpu;
  const auto paint = [&] {
    const std::clock_t from = std::clock();
    clock.restart();
    timeline->grab();
    paints.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
    paints_cpu.push_back(static_cast<double>(std::clock() - from) / CLOCKS_PER_SEC * 1e3);
  };
  for (int i = 0; i < 60; ++i) {
    QTest::keyClick(timeline, i < 30 ? Qt::Key_Plus : Qt::Key_Minus);
    paint();
    QTest::keyClick(timeline, i % 2 == 0 ? Qt::Key_Right : Qt::Key_Left);
    paint();
  }
  std::printf(
      "%d spans: open %.2f s (processor %.2f s), paint p95 %.1f ms (processor %.1f ms), peak "
      "memory %.2f GB\n",
      spans, opened, opened_cpu, percentile95(paints), percentile95(paints_cpu), peak_memory());
  // Of the processor: other work may share the machine.
  EXPECT_LT(opened_cpu, most_seconds);
  EXPECT_LT(percentile95(paints_cpu), 16);
  EXPECT_LT(peak_memory(), 1.5);
}

TEST(Targets, DISABLED_AMillionSpans) {
  open_and_pan(1'000'000, 1);
}

TEST(Targets, DISABLED_TenMillionSpans) {
  open_and_pan(10'000'000, 5);
}

/// From the first page to the comparison of dense and sparse models on H100 and H800 and its
/// report, with the real program; pictures of each step go to $AISLE_PICTURES.
TEST(Journey, DISABLED_FromTheFirstPageToTheReportOfAComparison) {
  const QString pictures = qEnvironmentVariable("AISLE_PICTURES", QDir::tempPath());
  MainWindow window;
  window.resize(1280, 800);
  window.show();
  QElapsedTimer clock;
  clock.start();
  window.grab().save(pictures + "/journey-1-start.png");
  QTest::mouseClick(window.findChild<QPushButton*>("ask dense or sparse"), Qt::LeftButton);
  QApplication::processEvents();
  window.grab().save(pictures + "/journey-2-running.png");
  while (window.pins().rowCount() < 4 && clock.elapsed() < 300000)
    QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
  ASSERT_EQ(window.pins().rowCount(), 4);
  QApplication::processEvents();
  window.grab().save(pictures + "/journey-3-compared.png");
  const QString report = pictures + "/journey.pdf";
  const int id = window.runs().add(report_request(window.pins().paths(), report));
  while (window.runs().isBusy() && clock.elapsed() < 300000)
    QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
  EXPECT_EQ(window.runs().state(id), RunQueue::State::done)
      << window.runs().sentence(id).toStdString();
  QApplication::processEvents();
  window.grab().save(pictures + "/journey-4-report.png");
  std::printf("from the first page to the report: %.1f s\n",
              static_cast<double>(clock.elapsed()) / 1000);
  EXPECT_LT(clock.elapsed(), 300000);
}

TEST(Targets, DISABLED_StartToWindow) {
  QElapsedTimer clock;
  clock.start();
  MainWindow window;
  window.resize(1400, 900);
  window.show();
  window.grab();
  std::printf("start to painted window: %lld ms\n", static_cast<long long>(clock.elapsed()));
  EXPECT_LT(clock.elapsed(), 1000);
}

}  // namespace
}  // namespace aisle::gui
