// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/cli/commands.hpp"
#include "sim/study/sweep.hpp"

#include <variant>

namespace aisle::cli {

/// Submits the sweep as a job array of Slurm, shows its queue until it is empty, and merges what
/// the tasks wrote; with --dry-run prints the script alone. The exit code where there is no
/// outcome.
std::variant<sim::SweepOutcome, int> sweep_by_slurm(const SweepArguments& arguments,
                                                    const sim::Study& study,
                                                    const topology::Catalogue& catalogue,
                                                    const sim::SweepOptions& options);

}  // namespace aisle::cli
