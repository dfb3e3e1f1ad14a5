// SPDX-License-Identifier: Apache-2.0
#include "sim/cli/commands.hpp"
#include "sim/cli/options.hpp"
#include "sim/study/study.hpp"

#include <CLI/CLI.hpp>

#include <exception>

namespace {

using aisle::cli::RunArguments;

constexpr const char* kDescription =
    "Aisle simulates AI datacenters: how long a model takes to train on a cluster, and what that "
    "costs.\n"
    "Results go to stdout, talk to stderr. Exit codes: 0 done, 1 failure of the machine, 2 bad "
    "input,\n"
    "3 a comparison out of tolerance.";

using aisle::cli::add_set;
using aisle::cli::example;
using aisle::cli::kProgress;
using aisle::cli::kStdin;

void add_run(CLI::App& app, RunArguments& a, int& code) {
  CLI::App* command = app.add_subcommand("run", "Simulate one scenario and print what came out");
  command
      ->add_option("STUDY", a.study,
                   "Scenario file, folder with study.textproto, or name of a shipped study")
      ->required();
  add_set(*command, a.assignments);
  command->add_option("--engine", a.engine, "Engine to use in place of the scenario's")
      ->check(CLI::IsMember({"event", "analytic"}));
  command->add_flag("--both-engines", a.both_engines,
                    "Run the other engine too and say how far apart they are");
  command->add_flag("--no-fold", a.no_fold,
                    "Simulate every accelerator on its own (proof on small cases)");
  command->add_flag("--tornado", a.tornado,
                    "Also with one input at a time at each end of its interval: what the answer "
                    "hangs on");
  command->add_option("--seed", a.seed, "Seed of everything drawn at random");
  CLI::Option* output =
      command->add_option("-o,--output", a.output, "Folder to write the full results to")
          ->type_name("DIR");
  command
      ->add_option("--trace", a.trace,
                   "Also write the plan of a training step to that folder, for other simulators: "
                   "chakra (trace.N.et, one for each rank; every rank with --no-fold)")
      ->needs(output)
      ->check(CLI::IsMember({"chakra"}));
  command->add_flag("--stdin", a.from_stdin, kStdin);
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->add_flag("-q,--quiet", a.quiet, "No talk on stderr except errors");
  command->footer(
      example("aisle run deepseek-v3-h800 --set cluster.scale_out.nic='200 Gb/s' -o results/half"));
  command->callback([&] { code = aisle::cli::run(a); });
}

void add_search(CLI::App& app, aisle::cli::SearchArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "search", "Find the layouts of a training or serving study that are best by one metric");
  command
      ->add_option("STUDY", a.study,
                   "Scenario file, folder with study.textproto, or name of a shipped study")
      ->required();
  command
      ->add_option("--objective", a.objective,
                   "Metric to go for. Training: step_time_s (usual), mfu, cost_usd, energy_mwh, "
                   "hbm_headroom_bytes, ... Serving: slo_requests_per_s (usual), accelerators, "
                   "usd_per_million_tokens, e2e_p50_s, ...")
      ->type_name("METRIC");
  command
      ->add_option("--limit", a.limit,
                   "Layouts to show; of training, each of them run on the event engine")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--rerank", a.rerank,
                   "Best estimates that are run at most before that: by the analytic engine, 64 "
                   "where absent; of serving, with the study's requests, 16 where absent")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--over", a.over,
                   "Axes to search, the others stay as the study has them: tensor, context, "
                   "pipeline, expert, zero, schedule, virtual_stages, micro_batch, recompute; of "
                   "serving tensor, pipeline, data, expert, sequences, step_tokens; all but the "
                   "last two where absent")
      ->delimiter(',')
      ->type_name("AXIS,...");
  command
      ->add_option("--fix", a.fixed,
                   "Hold an axis at a value (repeatable): tensor=8; of one pool: decode.tensor=8")
      ->delimiter(',')
      ->type_name("AXIS=VALUE");
  command
      ->add_option("--accelerators", a.accelerators,
                   "Kinds that each pool of a serving study may be of; the study's where absent")
      ->delimiter(',')
      ->type_name("NAME,...");
  add_set(*command, a.assignments);
  command->add_option("--jobs", a.jobs, "Threads; all that the machine has where absent")
      ->check(CLI::PositiveNumber);
  command->add_option("-o,--output", a.output, "Write the winner as a scenario to this file")
      ->type_name("FILE");
  command->add_flag("--stdin", a.from_stdin, kStdin);
  command->add_flag("--progress", a.progress, kProgress);
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->add_flag("-q,--quiet", a.quiet, "No talk on stderr except errors");
  command->footer(
      example("aisle search deepseek-v3-h800 --objective mfu --fix zero=1 -o better.textproto"));
  command->callback([&] { code = aisle::cli::search(a); });
}

void add_plan(CLI::App& app, aisle::cli::PlanArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "plan", "Plan capacity: which chips, how many, where and when, for a demand within limits");
  command
      ->add_option("STUDY", a.study,
                   "Scenario file with plan { }, folder with study.textproto, or name of a shipped "
                   "study")
      ->required();
  add_set(*command, a.assignments);
  command
      ->add_option(
          "-o,--output", a.outputs,
          "File to write (repeatable): .html, .pdf, .md, .svg, .json the plan; .db the operating "
          "points, and those in it are taken; .textproto the same as a points file")
      ->take_all()
      ->type_name("FILE");
  command
      ->add_option("--jobs", a.jobs,
                   "Operating points simulated at once; as many as the machine has where absent")
      ->check(CLI::PositiveNumber);
  command->add_flag("--no-sensitivity", a.no_sensitivity,
                    "Leave out sensitivity and what would change the decision");
  command->add_flag("--stdin", a.from_stdin, kStdin);
  command->add_flag("--progress", a.progress, kProgress);
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->add_flag("-q,--quiet", a.quiet, "No talk on stderr except errors");
  command->footer(example("aisle plan scarcity -o points.db -o plan.html"));
  command->callback([&] { code = aisle::cli::plan(a); });
}

void add_collective(CLI::App& app, aisle::cli::CollectiveArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "collective", "Time one collective operation over a range of sizes, as nccl-tests prints it");
  command
      ->add_option("--system", a.system,
                   "System (node or rack) or accelerator; `aisle list systems` names them")
      ->required();
  command->add_option("--chips", a.chips, "Accelerators that take part")->required();
  command->add_option("--op", a.operation,
                      "all_reduce, all_gather, reduce_scatter, broadcast, reduce, all_to_all, "
                      "send_recv, barrier, dispatch, combine");
  command->add_option("-b,--begin", a.begin, "First size: 8, 64K, 1G (powers of 1024), '64 MiB'");
  command->add_option("-e,--end", a.end, "Last size");
  command->add_option("-f,--factor", a.factor, "Factor from one size to the next");
  command->add_option("--algo", a.algorithm,
                      "Algorithm to use, as NCCL_ALGO: ring, tree, nvls, ...");
  command->add_option("--proto", a.protocol, "Protocol to use, as NCCL_PROTO: ll, ll128, simple");
  command->add_option("--fabric", a.fabric, "Scale-out fabric; `aisle list fabrics` names them");
  command->add_option("--nic", a.nic, "Network bandwidth per accelerator, e.g. '400 Gb/s'");
  add_set(*command, a.assignments,
          "Change any other field of the scenario: PATH=VALUE (repeatable)");
  command->add_option("--engine", a.engine, "event (the default) or analytic")
      ->check(CLI::IsMember({"event", "analytic"}));
  command->add_flag("--no-fold", a.no_fold,
                    "Simulate every flow on its own (proof on small cases)");
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->footer(
      example("aisle collective --system dgx-h100 --chips 64 --op all_reduce -b 8 -e 8G -f 2"));
  command->callback([&] { code = aisle::cli::collective(a); });
}

void add_replay(CLI::App& app, aisle::cli::ReplayArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "replay", "Replay a recorded trace: as it was, on another machine, or with more ranks");
  command
      ->add_option(
          "TRACE", a.traces,
          "Traces of any supported format, or folders of them; several are ranks of one job")
      ->required();
  command->add_option("--onto", a.onto,
                      "System (node or rack) or accelerator; as recorded where absent");
  command->add_option("--ranks", a.ranks, "Accelerators of the job that the trace stands for")
      ->check(CLI::PositiveNumber);
  command->add_option("--from", a.from,
                      "Accelerator that the trace was recorded on, where it does not tell");
  command->add_option("--model", a.model,
                      "Model that ran, for shapes that the trace does not hold");
  command->add_option("--grow", a.grow,
                      "Kind of group that grows with --ranks (repeatable): tensor, pipeline, data, "
                      "expert; data and expert where absent");
  command->add_option("--group", a.groups, "Size of a group by name or kind (repeatable)")
      ->type_name("NAME=SIZE");
  add_set(*command, a.assignments,
          "Change any other field of the scenario: PATH=VALUE (repeatable)");
  command->add_option("--engine", a.engine, "event (the default) or analytic")
      ->check(CLI::IsMember({"event", "analytic"}));
  command->add_flag("--both-engines", a.both_engines,
                    "Run the other engine too and say how far apart they are");
  command->add_option("-o,--output", a.output, "Folder to write the full results to")
      ->type_name("DIR");
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->add_flag("-q,--quiet", a.quiet, "No talk on stderr except errors");
  command->footer(
      example("aisle replay rank0.json.gz --onto gb200-nvl72 --ranks 1152 -o results/nvl72"));
  command->callback([&] { code = aisle::cli::replay(a); });
}

struct Inputs {
  std::vector<std::string> names;
  std::vector<std::string> assignments;
  std::string kind, path, output, engine;
  int chips = 0;
  bool from_stdin = false;
  bool json = false;
};

void add_json(CLI::App* command, Inputs& in) {
  command->add_flag("--json", in.json, "Print one JSON document on stdout");
}

void add_catalogue_commands(CLI::App& app, Inputs& in, int& code) {
  CLI::App* list = app.add_subcommand("list", "List what the catalogue holds");
  list->add_option("KIND", in.kind, "What to list")
      ->required()
      ->check(CLI::IsMember({"accelerators", "systems", "fabrics", "models", "calibrations",
                             "supplies", "export-rules", "studies"}));
  add_json(list, in);
  list->footer(example("aisle list accelerators"));
  list->callback([&] { code = aisle::cli::list(in.kind, in.json); });

  CLI::App* show =
      app.add_subcommand("show", "Show one catalogue entry, each figure with basis and source");
  show->add_option(
          "NAME", in.path,
          "Name or alias of an accelerator, system, fabric, model, supply or set of export rules, "
          "or a model file")
      ->required();
  show->add_option("--chips", in.chips,
                   "Systems and fabrics: accelerators to count switches, cables and optics for")
      ->check(CLI::PositiveNumber);
  add_json(show, in);
  show->footer(example("aisle show rail-optimised-2-tier --chips 2048"));
  show->callback([&] { code = aisle::cli::show(in.path, in.chips, in.json); });

  CLI::App* explain =
      app.add_subcommand("explain", "Say what a scenario field means: type, unit, default, effect");
  explain->add_option("PATH", in.path, "Field path; empty for the top of the scenario");
  add_json(explain, in);
  explain->footer(example("aisle explain workload.training.parallel"));
  explain->callback([&] { code = aisle::cli::explain(in.path, in.json); });
}

void add_study_commands(CLI::App& app, Inputs& in, int& code) {
  CLI::App* check =
      app.add_subcommand("check", "Load and validate scenarios and say what would run");
  check->add_option("STUDY", in.names, "Scenario files, folders or names of shipped studies")
      ->required();
  add_set(*check, in.assignments, "Change a field of the scenarios: PATH=VALUE (repeatable)");
  check->add_flag("--stdin", in.from_stdin, kStdin);
  add_json(check, in);
  check->footer(example("aisle check my-study.textproto"));
  check->callback(
      [&] { code = aisle::cli::check(in.names, in.assignments, in.from_stdin, in.json); });

  CLI::App* compare = app.add_subcommand(
      "compare", "Set results or studies side by side, differences explained by resource");
  compare
      ->add_option("RESULT", in.names,
                   "Result files or folders, or studies to run; the first is the base")
      ->required()
      ->expected(1, 256);
  compare->add_option("--engine", in.engine, "Engine for the studies that are run")
      ->check(CLI::IsMember({"event", "analytic"}));
  compare
      ->add_option("-o,--output", in.output,
                   "File to write too: .html, .csv, .md or .svg (a figure)")
      ->type_name("FILE");
  add_json(compare, in);
  compare->footer(example("aisle compare deepseek-v3-h800 llama3-405b-h100"));
  compare->callback([&] { code = aisle::cli::compare(in.names, in.engine, in.output, in.json); });
}

void add_calibrate(CLI::App& app, aisle::cli::CalibrateArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "calibrate", "Fit kernel times of an accelerator to measurements and print the errors");
  command
      ->add_option("TABLE", a.inputs,
                   "Tables of measured kernels (CSV), or recorded traces; plain or gzip")
      ->required();
  command->add_option("--accelerator", a.accelerator, "Accelerator to calibrate")->required();
  command
      ->add_option("--usual", a.usual,
                   "Implementation whose dense products planners take (repeatable)")
      ->take_all()
      ->type_name("NAME");
  command->add_option("-o,--output", a.output, "Calibration file to write")->type_name("FILE");
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->footer(example("aisle calibrate gemm.csv.gz --accelerator h100-sxm -o h100.textproto"));
  command->callback([&] { code = aisle::cli::calibrate(a); });
}

void add_validate_command(CLI::App& app, aisle::cli::ValidateArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "validate", "Set predictions beside published measurements and say how far apart they are");
  command
      ->add_option("--ledger", a.ledgers,
                   "Table of measurements (repeatable); the rows shipped where absent")
      ->type_name("CSV");
  command->add_option("--kind", a.kind, "Only rows of this kind, e.g. all_reduce");
  command->add_option("--half", a.half, "Only the series of this half of the ledger")
      ->check(CLI::IsMember({"fitted", "held-out"}));
  command->add_option("--engine", a.engine, "Engine that predicts")
      ->check(CLI::IsMember({"event", "analytic"}))
      ->capture_default_str();
  command->add_option("--bound", a.bound,
                      "Largest median |ln(predicted/measured)| that is accepted: exit 3 beyond");
  command->add_option("--plot", a.plot, "Write predicted against measured as a figure to this file")
      ->type_name("FILE.svg");
  command->add_option("--plot-by", a.plot_by, "Draw errors by this, a mark for each row, instead")
      ->check(CLI::IsMember({"kind", "chip", "chips"}));
  command
      ->add_option("--scenarios", a.scenarios,
                   "Write the rows of training steps to this folder, as `aisle run` reads them")
      ->type_name("DIR");
  command
      ->add_option("--like-rows", a.like_rows,
                   "Write how far off held-out rows were, by what they are of, to this file: what "
                   "intervals of results are from")
      ->type_name("FILE");
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->footer(example("aisle validate --ledger collectives.csv --bound 0.2 --plot errors.svg"));
  command->callback([&] { code = aisle::cli::validate(a); });
}

struct ModelArguments {
  std::string path, output;
  int sequence = 4096;
  bool json = false;
};

void add_import_model(CLI::App& app, ModelArguments& a, int& code) {
  CLI::App* command = app.add_subcommand(
      "import-model", "Read a Hugging Face config.json, print its counts, write a model file");
  command->add_option("CONFIG", a.path, "Configuration (config.json)")->required();
  command->add_option("-o,--output", a.output, "Model file to write")->type_name("FILE.textproto");
  command->add_option("--sequence", a.sequence, "Tokens of a sequence, for FLOPs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--json", a.json, "Print one JSON document on stdout");
  command->footer(example("aisle import-model config.json -o my-model.textproto"));
  command->callback([&] { code = aisle::cli::import_model(a.path, a.output, a.sequence, a.json); });
}

struct TraceArguments {
  std::vector<std::string> traces;
  std::string output, model;
  int top = 15;
  bool json = false;
};

void add_trace_commands(CLI::App& app, TraceArguments& a, int& code) {
  constexpr const char* kTraces =
      "Recorded traces or folders of them; several files are ranks of one job";
  CLI::App* import = app.add_subcommand(
      "import", "Read recorded kernel traces of any supported format and write one");
  import->add_option("TRACE", a.traces, kTraces)->required();
  import
      ->add_option("-o,--output", a.output,
                   "File to write: .json or .json.gz for Perfetto, .et for Chakra (one per rank), "
                   "any other name for the normalised form")
      ->required()
      ->type_name("FILE");
  import->add_flag("--json", a.json, "Print one JSON document on stdout");
  import->footer(example("aisle import rank*.json.gz -o job.aisletrace"));
  import->callback([&] { code = aisle::cli::import_traces(a.traces, a.output, a.json);
});

CLI::App* inspect = app.add_subcommand(
    "inspect", "Say where the time of recorded kernel traces went, and what was not used");
inspect->add_option("TRACE", a.traces, kTraces)->required();
inspect->add_option(
    "--model", a.model,
    "Model that ran, for shapes: a name (`aisle list models`), a .textproto file or a config.json");
inspect->add_option("--top", a.top, "Lines of each list")
    ->check(CLI::NonNegativeNumber)
    ->capture_default_str();
inspect->add_flag("--json", a.json, "Print one JSON document on stdout");
inspect->footer(example("aisle inspect rank0.json.gz --top 30"));
inspect->callback([&] { code = aisle::cli::inspect_traces(a.traces, a.model, a.top, a.json); });
}  // namespace

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kDescription, "aisle");
  app.set_version_flag("--version", aisle::sim::versions,
                       "Versions of the program, its engines and its catalogue");
  app.require_subcommand(1);
  int code = aisle::cli::kDone;
  RunArguments run_arguments;
  aisle::cli::SearchArguments search_arguments;
  aisle::cli::SweepArguments sweep_arguments;
  aisle::cli::PlanArguments plan_arguments;
  aisle::cli::CollectiveArguments collective_arguments;
  aisle::cli::ValidateArguments validate_arguments;
  aisle::cli::ReplayArguments replay_arguments;
  TraceArguments trace_arguments;
  ModelArguments model_arguments;
  aisle::cli::CalibrateArguments calibrate_arguments;
  aisle::cli::ReportArguments report_arguments;
  Inputs inputs;
  add_run(app, run_arguments, code);
  add_search(app, search_arguments, code);
  aisle::cli::add_sweep(app, sweep_arguments, code);
  add_plan(app, plan_arguments, code);
  add_collective(app, collective_arguments, code);
  add_replay(app, replay_arguments, code);
  add_study_commands(app, inputs, code);
  aisle::cli::add_report(app, report_arguments, code);
  add_catalogue_commands(app, inputs, code);
  add_validate_command(app, validate_arguments, code);
  add_trace_commands(app, trace_arguments, code);
  add_import_model(app, model_arguments, code);
  add_calibrate(app, calibrate_arguments, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? aisle::cli::kDone : aisle::cli::kBadInput;
  } catch (const std::exception& error) {
    aisle::cli::say(std::string("error: ") + error.what());
    return aisle::cli::kMachineFailure;
  }
  return code;
}
