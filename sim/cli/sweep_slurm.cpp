// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_slurm.hpp"

#include "sim/cli/commands.hpp"
#include "sim/cli/progress.hpp"
#include "sim/cli/sweep_slurm.hpp"
#include "sim/report/report.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/sweep.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

namespace aisle::cli {

namespace {

namespace fs = std::filesystem;

/// The array as its nodes see it: paths are whole.
sim::SlurmArray array_of(const SweepArguments& arguments, std::size_t points) {
  sim::SlurmArray array;
  array.program = fs::read_symlink("/proc/self/exe").string();
  std::error_code failure;
  array.study = fs::exists(arguments.study, failure) ? fs::absolute(arguments.study).string()
                                                     : arguments.study;
  for (const std::string& assignment : arguments.assignments) {
    array.arguments.insert(array.arguments.end(), {"--set", assignment});
  }
  if (!arguments.engine.empty()) {
    array.arguments.insert(array.arguments.end(), {"--engine", arguments.engine});
  }
  if (arguments.no_blobs) array.arguments.emplace_back("--no-blobs");
  array.database = fs::absolute(arguments.output).lexically_normal().string();
  array.tasks = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(arguments.tasks),
                                                       std::max<std::size_t>(1, points)));
  array.processors = std::max(1, arguments.jobs);
  array.partition = arguments.partition;
  array.time = arguments.time;
  array.memory = arguments.memory;
  return array;
}

/// Follows the queue until no task is left in it; false: told to stop watching.
bool watch(const std::string& job, const sim::SlurmArray& array, bool quiet) {
  const Interruptible interruptible;
  std::string last;
  while (true) {
    std::string line;
    int left = 0;
    for (const auto& [state, count] : sim::slurm_queue(job)) {
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", count, state);
      left += count;
    }
    if (left == 0) return true;
    if (line != last && !quiet) {
      say(fmt::format("job {}: {} of {} tasks left: {}", job, left, array.tasks, line));
    }
    last = line;
    for (int i = 0; i < 20; ++i) {
      if (*Interruptible::asked()) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

/// Merges what the tasks wrote; refines where the study asks for it. Nothing, with an error, where
/// points are missing.
std::optional<sim::SweepOutcome> collect(const sim::SlurmArray& array, const sim::Study& study,
                                         const topology::Catalogue& catalogue, std::size_t points,
                                         const sim::SweepOptions& options,
                                         Diagnostics& diagnostics) {
  std::vector<std::string> parts;
  std::error_code failure;
  for (int task = 1; task <= array.tasks; ++task) {
    const std::string part = sim::part_of(array, task);
    if (fs::exists(part, failure)) parts.push_back(part);
  }
  const std::string hint = fmt::format("see {}/task-*.log; --slurm --resume runs what is missing",
                                       sim::folder_of(array));
  if (parts.empty()) {
    diagnostics.error({array.database, 0, 0}, {}, "no task wrote a point", hint);
    return std::nullopt;
  }
  // Written anew each time: what was there is contained in the parts.
  const std::string whole = sim::folder_of(array) + "/whole.db";
  for (const char* end : {"", "-wal", "-shm"}) fs::remove(whole + end, failure);
  auto outcome = sim::merge_sweeps(parts, whole, diagnostics);
  if (!outcome) return std::nullopt;
  if (outcome->points < static_cast<std::int64_t>(points)) {
    diagnostics.error({array.database, 0, 0}, {},
                      fmt::format("the tasks ended with {} of {} points", outcome->points, points),
                      hint);
    return std::nullopt;
  }
  fs::rename(whole, array.database);
  if (!study.scenario->sweep().has_refine()) return outcome;
  sim::SweepOptions refine = options;
  refine.resume = true;
  return sim::sweep(study, catalogue, array.database, refine, diagnostics);
}

}  // namespace

std::variant<sim::SweepOutcome, int> sweep_by_slurm(const SweepArguments& arguments,
                                                    const sim::Study& study,
                                                    const topology::Catalogue& catalogue,
                                                    const sim::SweepOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  Diagnostics diagnostics;
  const auto points = sim::sweep_points(study, catalogue, diagnostics);
  if (!points) return bad_input(diagnostics);
  const sim::SlurmArray array = array_of(arguments, points->size());
  const std::string script = sim::slurm_script(array);
  if (arguments.dry_run) {
    fmt::print("{}", script);
    return kDone;
  }
  std::error_code failure;
  const std::string folder = sim::folder_of(array);
  for (const std::string& there : {array.database, folder}) {
    if (arguments.resume || !fs::exists(there, failure)) continue;
    diagnostics.error({there, 0, 0}, {}, "is there already",
                      "go on with it by --resume, or name another file");
    return bad_input(diagnostics);
  }
  sim::make_folder(folder);
  sim::write_file(folder + "/sweep.sh", script);
  const std::string job = sim::slurm_submit(folder + "/sweep.sh");
  if (!arguments.quiet) {
    say(fmt::format("job {}: {} points in {} tasks; Ctrl-C leaves it running", job, points->size(),
                    array.tasks));
  }
  if (!watch(job, array, arguments.quiet)) {
    say(fmt::format("job {} goes on. When it has ended: aisle sweep --merge {}/part-*.db -o {}",
                    job, folder, array.database));
    return kDone;
  }
  auto outcome = collect(array, study, catalogue, points->size(), options, diagnostics);
  if (!outcome) {
    print(diagnostics);
    return kMachineFailure;
  }
  outcome->wall_time_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return *outcome;
}

}  // namespace aisle::cli
