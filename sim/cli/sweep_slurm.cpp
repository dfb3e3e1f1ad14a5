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

std::string whole_of(const sim::SlurmArray& array) {
  return sim::folder_of(array) + "/whole.db";
}

/// Merges what the tasks wrote. Nothing, with an error, where they wrote nothing.
std::optional<sim::SweepOutcome> merge(const sim::SlurmArray& array, Diagnostics& diagnostics) {
  std::vector<std::string> parts;
  std::error_code failure;
  for (int task = 1; task <= array.tasks; ++task) {
    const std::string part = sim::part_of(array, task);
    if (fs::exists(part, failure)) parts.push_back(part);
  }
  if (parts.empty()) {
    diagnostics.error({array.database, 0, 0}, {}, "no task wrote a point",
                      fmt::format("see {}/task-*.log", sim::folder_of(array)));
    return std::nullopt;
  }
  // Written anew each time: what was there is contained in the parts.
  for (const char* end : {"", "-wal", "-shm"}) fs::remove(whole_of(array) + end, failure);
  return sim::merge_sweeps(parts, whole_of(array), diagnostics);
}

/// Submits the array and follows it until all points are there. Tasks that ended without theirs
/// (a node that failed, a launch that Slurm gave up) are submitted again as long as points come of
/// it. An exit code where it is told to stop watching.
std::variant<sim::SweepOutcome, int> run_array(const sim::SlurmArray& array, std::int64_t points,
                                               bool quiet, Diagnostics& diagnostics) {
  const std::string folder = sim::folder_of(array);
  for (std::int64_t found = -1;;) {
    const std::string job = sim::slurm_submit(folder + "/sweep.sh");
    if (!quiet) {
      say(fmt::format("job {}: {} points in {} tasks; Ctrl-C leaves it running", job,
                      points - std::max<std::int64_t>(0, found), array.tasks));
    }
    if (!watch(job, array, quiet)) {
      say(fmt::format("job {} goes on. When it has ended: aisle sweep --merge {}/part-*.db -o {}",
                      job, folder, array.database));
      return kDone;
    }
    auto outcome = merge(array, diagnostics);
    if (!outcome) return kMachineFailure;
    if (outcome->points >= points) return *outcome;
    if (outcome->points <= found) {
      diagnostics.error(
          {array.database, 0, 0}, {},
          fmt::format("the tasks ended with {} of {} points", outcome->points, points),
          fmt::format("see {}/task-*.log; --slurm --resume runs what is missing", folder));
      return kMachineFailure;
    }
    found = outcome->points;
    say(fmt::format("the tasks ended with {} of {} points: submitted again", found, points));
  }
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
  const auto ran =
      run_array(array, static_cast<std::int64_t>(points->size()), arguments.quiet, diagnostics);
  if (const int* code = std::get_if<int>(&ran)) {
    print(diagnostics);
    return *code;
  }
  std::optional<sim::SweepOutcome> outcome = std::get<sim::SweepOutcome>(ran);
  fs::rename(whole_of(array), array.database);
  if (study.scenario->sweep().has_refine()) {
    sim::SweepOptions refine = options;
    refine.resume = true;
    outcome = sim::sweep(study, catalogue, array.database, refine, diagnostics);
    if (!outcome) return bad_input(diagnostics);
  }
  outcome->wall_time_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return *outcome;
}

}  // namespace aisle::cli
