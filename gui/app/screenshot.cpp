// SPDX-License-Identifier: Apache-2.0
#include "gui/app/screenshot.hpp"

#include "gui/app/main_window.hpp"

#include <QApplication>
#include <QEventLoop>
#include <QPixmap>
#include <QTemporaryDir>

#include <memory>

namespace aisle::gui {

namespace {

/// Runs the study that the window shows into `output` and waits for the end; true after success.
bool run_to_end(MainWindow& window, const QString& output) {
  QEventLoop loop;
  Job& job = window.job();
  QObject::connect(&job, &Job::stateChanged, &loop, [&](Job::State state) {
    if (state != Job::State::running) loop.quit();
  });
  window.runStudy(output);
  if (job.isRunning()) loop.exec();
  return job.state() == Job::State::done;
}

}  // namespace

int take_screenshot(MainWindow& window, const CommandLine& line, QString* error) {
  const QTemporaryDir output;
  if (!line.inputs.isEmpty() && window.result().isEmpty()) {
    if (!run_to_end(window, output.path())) {
      const QStringList errors = window.job().errors();
      *error = errors.isEmpty() ? window.job().sentence() : errors.join('\n');
      return window.job().exitCode();
    }
    Diagnostics diagnostics;
    const auto opened = read_result(window.job().resultPath(), diagnostics);
    if (!opened) return *error = to_lines(diagnostics).join('\n'), 1;
    window.showResult(*opened);
  }
  window.resize(line.size);
  window.show();
  QWidget* shown = window.view(line.screenshot);
  const std::unique_ptr<QWidget> alone(shown == &window ? nullptr : shown);
  if (shown != &window) {
    // Alone and at the size asked for, which the frame of a dock would reduce.
    shown->setParent(nullptr);
    shown->resize(line.size);
    shown->show();
  } else {
    window.showView(line.screenshot);
  }
  QApplication::processEvents();
  if (!shown->grab().save(line.output)) {
    *error = line.output + ": error: the picture could not be written";
    return 1;
  }
  return 0;
}

}  // namespace aisle::gui
