// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep.hpp"

#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/cli/progress.hpp"
#include "sim/cli/sweep_slurm.hpp"
#include "sim/study/study.hpp"

#include <fmt/core.h>

#include <cstdlib>
#include <unistd.h>

namespace aisle::cli {

namespace {

void print_outcome(const sim::SweepOutcome& outcome, const std::string& output, bool json) {
  if (json) {
    JsonWriter writer;
    writer.begin_object().key("database").value(output).key("points").value(outcome.points);
    writer.key("found").value(outcome.found).key("done").value(outcome.done);
    writer.key("infeasible").value(outcome.infeasible).key("failed").value(outcome.failed);
    writer.key("stopped").value(outcome.stopped);
    writer.key("wall_time_s").value(outcome.wall_time_s).end_object();
    fmt::print("{}", writer.take());
    return;
  }
  fmt::print("points     {}", outcome.points);
  if (outcome.found > 0) fmt::print(", {} of them finished before", outcome.found);
  fmt::print("\nin {}: {} done, {} do not fit, {} failed\ntime       {:.2f} s\n", output,
             outcome.done, outcome.infeasible, outcome.failed, outcome.wall_time_s);
  if (outcome.stopped) fmt::print("stopped    go on with --resume\n");
}

int merge(const SweepArguments& arguments) {
  Diagnostics diagnostics;
  const auto outcome = sim::merge_sweeps(arguments.merge, arguments.output, diagnostics);
  if (!outcome) return bad_input(diagnostics);
  print_outcome(*outcome, arguments.output, arguments.json);
  return kDone;
}

}  // namespace

int sweep(const SweepArguments& arguments) {
  if (!arguments.merge.empty()) return merge(arguments);
  Diagnostics diagnostics;
  if (arguments.study.empty()) {
    diagnostics.error({"sweep", 0, 0}, {}, "names no study", "aisle sweep STUDY -o FILE.db");
    return bad_input(diagnostics);
  }
  std::vector<std::string> assignments = arguments.assignments;
  if (!arguments.engine.empty()) assignments.push_back("engine=" + arguments.engine);
  const auto study = open_study(arguments.study, assignments, arguments.from_stdin, diagnostics);
  if (!study) return bad_input(diagnostics);
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  sim::SweepOptions options;
  options.jobs = arguments.jobs;
  options.resume = arguments.resume;
  options.blobs = !arguments.no_blobs;
  options.shard = arguments.shard;
  // Slurm starts a requeued task while the processes that it killed may still die.
  constexpr double kTaskPatience = 120;
  if (std::getenv("SLURM_ARRAY_TASK_ID") != nullptr) options.patience_s = kTaskPatience;
  options.stop = Interruptible::asked();
  ProgressLine line;
  if (arguments.progress || (!arguments.quiet && isatty(STDERR_FILENO) != 0)) {
    options.progress = [&line](const sim::SweepProgress& progress) {
      line.show(progress.stage, progress.done, progress.all,
                progress.failed > 0 ? fmt::format(", {} failed", progress.failed) : "");
    };
  }
  if (arguments.slurm) {
    const auto ended = sweep_by_slurm(arguments, *study, *catalogue, options);
    if (const int* code = std::get_if<int>(&ended)) return *code;
    print_outcome(std::get<0>(ended), arguments.output, arguments.json);
    return kDone;
  }
  const Interruptible interruptible;
  const auto outcome = sim::sweep(*study, *catalogue, arguments.output, options, diagnostics);
  line.end();
  if (!outcome) return bad_input(diagnostics);
  print(diagnostics);
  print_outcome(*outcome, arguments.output, arguments.json);
  return kDone;
}

}  // namespace aisle::cli
