// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/app/command_line.hpp"

namespace aisle::gui {

class MainWindow;

/// Writes the picture that `line` asks for of what `window` shows; a study that has no result yet
/// is run first. Returns the exit code of the program; what went wrong is put into `error`.
int take_screenshot(MainWindow& window, const CommandLine& line, QString* error);

}  // namespace aisle::gui
