// SPDX-License-Identifier: Apache-2.0
#include "gui/app/screenshot.hpp"

#include "gui/app/export.hpp"
#include "gui/app/main_window.hpp"
#include "gui/views/scenario/scenario_view.hpp"

#include <QApplication>
#include <QEventLoop>
#include <QTemporaryDir>

#include <memory>

namespace aisle::gui {

namespace {

constexpr int kDense = 2560;  ///< pixels of width from which a screen is a dense one

/// Runs the study that the window shows into `output`, waits for the end and shows the result;
/// the exit code.
int run_to_end(MainWindow& window, const QString& output, QString* error) {
  RunQueue& runs = window.runs();
  const int id = window.runStudy(output);
  QEventLoop loop;
  QObject::connect(&runs, &RunQueue::ended, &loop, [&](int ended) {
    if (ended == id) loop.quit();
  });
  if (runs.isBusy()) loop.exec();
  if (runs.state(id) != RunQueue::State::done) {
    const QStringList errors = runs.errors(id);
    *error = errors.isEmpty() ? runs.sentence(id) : errors.join('\n');
    return runs.exitCode(id);
  }
  Diagnostics diagnostics;
  if (is_plan(runs.output(id))) return window.open(runs.output(id)), 0;
  const auto opened = read_result(runs.output(id), diagnostics);
  if (!opened) return *error = to_lines(diagnostics).join('\n'), 1;
  window.showResult(*opened);
  return 0;
}

bool needs_result(const QString& view) {
  return view != "start" && view != "scenario" && view != "sweep" && view != "runs";
}

/// A scenario is shown with what its check says.
void wait_for_check(MainWindow& window) {
  QEventLoop loop;
  const auto* view = qobject_cast<ScenarioView*>(window.view("scenario"));
  QObject::connect(&view->checker(), &ScenarioChecker::finished, &loop, &QEventLoop::quit);
  loop.exec();
}

}  // namespace

int take_screenshot(MainWindow& window, const CommandLine& line, QString* error) {
  const QTemporaryDir output;
  const bool study = !window.document().path().isEmpty() && window.result().isEmpty();
  if (study && needs_result(line.screenshot)) {
    const int code = run_to_end(window, output.path(), error);
    if (code != 0) return code;
  }
  // Large pictures are of a dense screen, where everything keeps its size for the eye.
  const double ratio = line.size.width() >= kDense ? 2 : 1;
  const QSize size = line.size / ratio;
  window.resize(size);
  window.show();
  if (study && line.screenshot == "scenario") wait_for_check(window);
  QWidget* shown = window.view(line.screenshot);
  const std::unique_ptr<QWidget> alone(shown == &window ? nullptr : shown);
  if (shown != &window) {
    // Alone and at the size asked for, which the frame of a dock would reduce.
    shown->setParent(nullptr);
    shown->resize(size);
    shown->show();
  }
  QApplication::processEvents();
  return write_picture(*shown, line.output, error, ratio) ? 0 : 1;
}

}  // namespace aisle::gui
