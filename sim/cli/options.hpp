// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/cli/commands.hpp"

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's
class App;
}

namespace aisle::cli {

inline constexpr const char* kProgress =
    "Say line by line how far it is, where stderr is no terminal";
inline constexpr const char* kStdin =
    "Take the study's text from standard input, as an editor has it; STUDY names places in it and "
    "what is relative to it";

/// The option --set.
void add_set(CLI::App& command, std::vector<std::string>& assignments,
             const char* text = "Change a field of the scenario: PATH=VALUE (repeatable)");

/// The end of a command's help.
std::string example(const std::string& line);

void add_sweep(CLI::App& app, SweepArguments& a, int& code);
void add_report(CLI::App& app, ReportArguments& a, int& code);

}  // namespace aisle::cli
