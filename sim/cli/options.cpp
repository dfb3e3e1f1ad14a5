// SPDX-License-Identifier: Apache-2.0
// Options of sweeps and reports, and what several commands have.
#include "sim/cli/options.hpp"

#include <CLI/CLI.hpp>

namespace aisle::cli {

std::string example(const std::string& line) {
  return "\nExample:\n  " + line + "\n";
}

void add_set(CLI::App& command, std::vector<std::string>& assignments, const char* text) {
  command.add_option("--set", assignments, text)->take_all()->type_name("PATH=VALUE");
}

void add_sweep(CLI::App& app, SweepArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "sweep", "Run every point of a study's axes into one database; interrupted sweeps resume");
  command->add_option("STUDY", a.study,
                      "Scenario file, folder with study.textproto, or name of a shipped study");
  command->add_option("-o,--output", a.output, "SQLite database, a row for each point")
      ->required()
      ->type_name("FILE");
  command->add_flag("--resume", a.resume, "Go on with a database that is there");
  command
      ->add_option("--jobs", a.jobs, "Processes at once; as many as the machine has where absent")
      ->check(CLI::PositiveNumber);
  command->add_option("--engine", a.engine, "Engine of all points: event or analytic")
      ->check(CLI::IsMember({"event", "analytic"}));
  add_set(*command, a.assignments);
  command->add_option("--shard", a.shard, "Every N-th point from the I-th: 3/8")->type_name("I/N");
  command
      ->add_option("--merge", a.merge,
                   "Put the points of these databases, parts of one sweep, into one; no STUDY")
      ->type_name("FILE...");
  command->add_flag("--no-blobs", a.no_blobs, "Keep metrics alone, not whole results");
  command->add_flag("--stdin", a.from_stdin, kStdin);
  command->add_flag("--progress", a.progress, kProgress);
  CLI::Option* slurm =
      command->add_flag("--slurm", a.slurm, "Run as a job array of Slurm, collect and merge")
          ->excludes("--shard")
          ->excludes("--merge")
          ->excludes("--stdin");
  command->add_flag("--dry-run", a.dry_run, "Print the batch script, submit nothing")->needs(slurm);
  command->add_option("--tasks", a.tasks, "Tasks of the array")
      ->needs(slurm)
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--partition", a.partition, "Partition, as sbatch takes it")->needs(slurm);
  command->add_option("--time", a.time, "Time limit of a task, as sbatch takes it")->needs(slurm);
  command->add_option("--mem", a.memory, "Memory of a task, as sbatch takes it")->needs(slurm);
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->add_flag("-q,--quiet", a.quiet, "No talk on stderr except errors");
  command->footer(example("aisle sweep study.textproto -o points.db --engine analytic"));
  command->callback([&] { code = sweep(a); });
}

void add_report(CLI::App& app, ReportArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "report", "Write a report for people who decide, from results, a sweep or studies");
  command
      ->add_option("RESULT", a.inputs,
                   "Result files or folders, folders of results, studies to run; or a database "
                   "that `aisle sweep` wrote")
      ->required();
  command
      ->add_option("-o,--output", a.output,
                   "File to write: .html (a page), .pdf, .md, .csv or .json")
      ->required()
      ->type_name("FILE");
  command->add_option("--metric", a.metric, "Of a sweep: metric that ranks its points");
  command->add_option("--engine", a.engine, "Engine for the studies that are run")
      ->check(CLI::IsMember({"event", "analytic"}));
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->footer(example("aisle report results/half -o half.pdf"));
  command->callback([&] { code = report(a); });
}

}  // namespace aisle::cli
