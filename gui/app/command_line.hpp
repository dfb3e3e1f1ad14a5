// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QSize>
#include <QString>
#include <QStringList>

#include <optional>

namespace aisle::gui {

/// `aisle-explorer [STUDY|RESULT...] [--view VIEW] [--screenshot VIEW -o FILE [--size WxH]]`
struct CommandLine {
  QStringList inputs;
  QString view;        ///< to show alone; empty: all
  QString screenshot;  ///< view to take a picture of; empty: none
  QString output;
  QString theme;  ///< "light", "dark"; empty: as remembered
  QSize size{1400, 900};
  bool sized = true;  ///< asked for, in place of what is remembered
};

/// Views that --view and --screenshot take; the first is the whole window.
QStringList view_names();

/// What parse() found: arguments to run with, or what to print and the exit code.
struct Parsed {
  std::optional<CommandLine> arguments;
  QString text;
  int exit_code = 0;
};

/// Needs no application object, so that --help works without a display.
Parsed parse(const QStringList& arguments);

}  // namespace aisle::gui
