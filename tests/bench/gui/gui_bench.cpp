// SPDX-License-Identifier: Apache-2.0
// The targets of docs/guide/explorer.md: start, large results, painting, large sweeps, and the way
// from the first page to a report. Offscreen; pictures of that way go to $AISLE_PICTURES.
#include "gui/app/main_window.hpp"
#include "gui/views/style.hpp"
#include "gui/views/sweep_view.hpp"
#include "gui/views/timeline_panel.hpp"
#include "gui/views/timeline_view.hpp"
#include "tests/gui/fixture.hpp"

#include <QApplication>
#include <QElapsedTimer>
#include <QFile>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QStandardPaths>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>
#include <benchmark/benchmark.h>

#include <algorithm>
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

/// Milliseconds of the processor: other work may share the machine.
template <typename Work>
double processor_ms(const Work& work) {
  const std::clock_t from = std::clock();
  work();
  return static_cast<double>(std::clock() - from) / CLOCKS_PER_SEC * 1e3;
}

void BM_StartToPaintedWindow(benchmark::State& state) {
  for (auto _ : state) {
    MainWindow window;
    window.resize(1400, 900);
    window.show();
    window.grab();
  }
}

BENCHMARK(BM_StartToPaintedWindow)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Opens a result of so many spans; then each paint after a step of zooming and moving.
void BM_OpenAndMove(benchmark::State& state) {
  QTemporaryDir folder;
  write_result_file(make_result(16, static_cast<int>(state.range(0)) / 80), folder.path());
  std::vector<double> paints;
  for (auto _ : state) {
    MainWindow window;
    window.resize(1400, 900);
    window.show();
    window.open(folder.path());
    while (window.result().isEmpty()) QCoreApplication::processEvents(QEventLoop::AllEvents, 5);
    QApplication::processEvents();
    state.PauseTiming();
    auto* panel = qobject_cast<TimelinePanel*>(window.view("timeline"));
    panel->setCritical(state.range(1) != 0);
    for (int i = 0; i < 120; ++i) {
      constexpr int kKeys[] = {Qt::Key_Plus, Qt::Key_Right, Qt::Key_Plus, Qt::Key_Left};
      const int key = i < 60 || i % 2 != 0 ? kKeys[i % 4] : Qt::Key_Minus;
      QTest::keyClick(panel->timeline(), static_cast<Qt::Key>(key));
      paints.push_back(processor_ms([&] { panel->timeline()->grab(); }));
    }
    state.ResumeTiming();
  }
  state.counters["paint_p95_ms"] = percentile95(paints);
  state.counters["peak_GB"] = peak_memory();
}

BENCHMARK(BM_OpenAndMove)
    ->Args({1'000'000, 0})
    ->Args({1'000'000, 1})
    ->Args({10'000'000, 0})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void BM_SweepOf100000Points(benchmark::State& state) {
  QTemporaryDir folder;
  Diagnostics diagnostics;
  const auto data = read_sweep(write_sweep(folder.filePath("p.db"), 100000), diagnostics);
  SweepModel model;
  SweepView view(&model);
  view.resize(1280, 800);
  view.show();
  model.set(data);
  auto* table = view.findChild<QTableView*>();
  auto* bar = table->verticalScrollBar();
  std::vector<double> pages, filters, sorts;
  for (auto _ : state) {
    for (int i = 0; i < 40; ++i) {
      bar->setValue(bar->maximum() * i / 40);
      pages.push_back(processor_ms([&] { table->viewport()->grab(); }));
    }
    filters.push_back(processor_ms(
        [&] { view.findChild<QLineEdit*>()->setText("step_time_s < 4; tensor = 2"); }));
    sorts.push_back(processor_ms([&] { model.sort(7, Qt::DescendingOrder); }));
    view.findChild<QLineEdit*>()->clear();
  }
  state.counters["page_p95_ms"] = percentile95(pages);
  state.counters["filter_ms"] = percentile95(filters);
  state.counters["sort_ms"] = percentile95(sorts);
}

BENCHMARK(BM_SweepOf100000Points)->Iterations(3)->Unit(benchmark::kMillisecond)->UseRealTime();

/// From the first page to dense against sparse on H100 and H800 and its report, with the program.
void BM_FirstPageToReport(benchmark::State& state) {
  const QString pictures = qEnvironmentVariable("AISLE_PICTURES", QDir::tempPath());
  for (auto _ : state) {
    MainWindow window;
    window.resize(1280, 800);
    window.show();
    window.grab().save(pictures + "/journey-1-start.png");
    QTest::mouseClick(window.findChild<QPushButton*>("ask dense or sparse"), Qt::LeftButton);
    QApplication::processEvents();
    window.grab().save(pictures + "/journey-2-running.png");
    const auto wait = [](const auto& done) {
      QElapsedTimer clock;
      clock.start();
      while (!done() && clock.elapsed() < 300000)
        QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
      return done();
    };
    if (!wait([&] { return window.pins().rowCount() == 4; })) state.SkipWithError("no results");
    QApplication::processEvents();
    window.grab().save(pictures + "/journey-3-compared.png");
    const int id =
        window.runs().add(report_request(window.pins().paths(), pictures + "/journey.pdf"));
    wait([&] { return !window.runs().isBusy(); });
    if (window.runs().state(id) != RunQueue::State::done) state.SkipWithError("no report");
    QApplication::processEvents();
    window.grab().save(pictures + "/journey-4-report.png");
  }
}

BENCHMARK(BM_FirstPageToReport)->Iterations(1)->Unit(benchmark::kSecond)->UseRealTime();

}  // namespace
}  // namespace aisle::gui

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  const QTemporaryDir home;
  qputenv("HOME", home.path().toUtf8());
  QApplication application(argc, argv);
  QStandardPaths::setTestModeEnabled(true);
  aisle::gui::apply_style(application);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
