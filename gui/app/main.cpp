// SPDX-License-Identifier: Apache-2.0
#include "gui/app/command_line.hpp"
#include "gui/app/main_window.hpp"
#include "gui/app/screenshot.hpp"
#include "gui/models/figures/serving_front.hpp"
#include "gui/views/style.hpp"

#include <QApplication>

#include <cstdio>
#include <exception>
#include <utility>

namespace {

/// Passes on what Qt calls critical; its warnings about the platform are nothing to a user.
void filter_qt(QtMsgType type, const QMessageLogContext&, const QString& text) {
  if (type == QtCriticalMsg || type == QtFatalMsg)
    std::fprintf(stderr, "%s\n", text.toUtf8().constData());
}

void print(std::FILE* to, const QString& text) {
  std::fputs(text.toUtf8().constData(), to);
}

/// Shows `input` in the window, pins it where it is one of several; false, after saying what is
/// wrong, if it cannot be read.
bool show(aisle::gui::MainWindow& window, const QString& input, bool one_of_several) {
  using namespace aisle::gui;
  aisle::Diagnostics diagnostics;
  if (is_result(input)) {
    if (const auto result = read_result(input, diagnostics)) {
      window.showResult(*result);
      if (one_of_several) window.pin({result->path});
      return true;
    }
  } else if (is_sweep(input)) {
    if (auto sweep = read_sweep(input, diagnostics))
      return window.showSweep(std::move(sweep)), true;
  } else if (is_serving_search(input)) {
    return window.open(input), true;
  } else if (is_plan(input)) {
    if (const auto plan = read_plan(input, diagnostics)) return window.showPlan(*plan), true;
  } else if (const auto study = read_study(input, diagnostics)) {
    return window.showStudy(*study), true;
  }
  print(stderr, to_lines(diagnostics).join('\n') + '\n');
  return false;
}

int explore(int argc, char** argv, const aisle::gui::CommandLine& line) {
  QApplication application(argc, argv);
  QCoreApplication::setOrganizationName("Aisle");
  QCoreApplication::setApplicationName("aisle-explorer");
  aisle::gui::apply_style(application);
  aisle::gui::MainWindow window;
  window.resize(line.size);
  if (line.screenshot.isEmpty()) window.setRemembers(true);
  for (const auto& input : line.inputs)
    if (!show(window, input, line.inputs.size() > 1)) return 2;
  if (!line.theme.isEmpty()) window.setDark(line.theme == "dark");
  if (!line.screenshot.isEmpty()) {
    QString error;
    const int code = aisle::gui::take_screenshot(window, line, &error);
    if (code != 0) print(stderr, error + '\n');
    return code;
  }
  if (line.sized) window.resize(line.size);
  window.show();
  if (!line.view.isEmpty()) window.showView(line.view);
  return QApplication::exec();
}

}  // namespace

int main(int argc, char** argv) {
  qInstallMessageHandler(filter_qt);
  QStringList arguments;
  for (int i = 0; i < argc; ++i) arguments << QString::fromLocal8Bit(argv[i]);
  const auto parsed = aisle::gui::parse(arguments);
  if (!parsed.arguments) {
    print(parsed.exit_code == 0 ? stdout : stderr, parsed.text);
    return parsed.exit_code;
  }
  const bool has_display = qEnvironmentVariableIsSet("DISPLAY") ||
                           qEnvironmentVariableIsSet("WAYLAND_DISPLAY") ||
                           qEnvironmentVariableIsSet("QT_QPA_PLATFORM");
  if (!has_display) {
    if (parsed.arguments->screenshot.isEmpty()) {
      print(stderr, "aisle-explorer: error: no display; --screenshot works without one\n");
      return 1;
    }
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }
  try {
    return explore(argc, argv, *parsed.arguments);
  } catch (const std::exception& failure) {
    print(stderr, QString("aisle-explorer: error: %1\n").arg(failure.what()));
    return 1;
  }
}
