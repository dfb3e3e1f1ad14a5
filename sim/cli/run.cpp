// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/cli/progress.hpp"
#include "sim/report/report.hpp"
#include "sim/study/plan_trace.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "sim/study/tornado.hpp"

#include <fmt/core.h>

#include <optional>

namespace aisle::cli {

namespace {

std::vector<std::string> all_assignments(const RunArguments& arguments) {
  std::vector<std::string> assignments = arguments.assignments;
  if (!arguments.engine.empty()) assignments.push_back("engine=" + arguments.engine);
  if (arguments.seed) assignments.push_back(fmt::format("seed={}", *arguments.seed));
  return assignments;
}

}  // namespace

int run(const RunArguments& arguments) {
  Diagnostics diagnostics;
  const auto study =
      open_study(arguments.study, all_assignments(arguments), arguments.from_stdin, diagnostics);
  if (!study) return bad_input(diagnostics);
  if (!arguments.trace.empty() && !study->scenario->workload().has_training()) {
    diagnostics.error({"--trace", 0, 0}, {}, "writes the plan of a training step",
                      "the study's workload has none");
    return bad_input(diagnostics);
  }
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  sim::RunOptions options;
  options.fold = !arguments.no_fold;
  options.both_engines = arguments.both_engines;
  if (!arguments.quiet) options.progress = [](const std::string& text) { say(text); };
  std::optional<Interruptible> interruptible;
  if (study->scenario->workload().has_serving()) {
    interruptible.emplace();
    options.stop = Interruptible::asked();
  }
  std::optional<workloads::traces::Trace> trace;
  if (!arguments.trace.empty()) {
    options.executed = [&](const sim::TimedPlan& timed, const sim::Execution& execution) {
      trace = sim::trace_of(timed, execution);
    };
  }
  auto result = sim::run(*study, *catalogue, options, diagnostics);
  interruptible.reset();
  if (!result) return bad_input(diagnostics);
  print(diagnostics);
  if (arguments.tornado && result->feasible()) {
    if (!arguments.quiet) say("input by input at the ends of their intervals");
    sim::add_sensitivity(*study, *catalogue, *result);
  }
  if (!arguments.output.empty()) sim::write_result(*result, arguments.output);
  if (trace) {
    Diagnostics failures;
    if (!write_chakra_ranks(*trace, arguments.output + "/trace.et", failures)) {
      print(failures);
      return kMachineFailure;
    }
  }
  fmt::print("{}", arguments.json ? sim::result_json(*result) : sim::summary(*result));
  if (!arguments.output.empty() && !arguments.quiet) {
    say(
        fmt::format("results in {0}: report.html for people, trace.perfetto.json.gz for Perfetto, "
                    "result.json and result.csv for programs, result.pb for aisle-explorer",
                    arguments.output));
  }
  return kDone;
}

int check(const std::vector<std::string>& studies, const std::vector<std::string>& assignments,
          bool from_stdin, bool json) {
  Diagnostics diagnostics;
  if (from_stdin && studies.size() > 1) {
    diagnostics.error({"--stdin", 0, 0}, {}, "is the text of one study", "name one study");
    return bad_input(diagnostics);
  }
  const auto catalogue = read_catalogue(diagnostics);
  std::vector<std::pair<std::string, std::vector<std::string>>> good;
  for (const std::string& name : studies) {
    if (!catalogue) break;
    Diagnostics own;
    const auto study = open_study(name, assignments, from_stdin, own);
    const auto lines = study ? sim::check(*study, *catalogue, own) : std::nullopt;
    if (lines) { good.emplace_back(name, *lines); }
    diagnostics.append(own);
  }
  print(diagnostics);
  if (json) {
    JsonWriter writer;
    writer.begin_object().key("good").value(!diagnostics.has_errors()).key("studies").begin_array();
    for (const auto& [name, lines] : good) {
      writer.begin_object().key("study").value(name).key("would_run").begin_array();
      for (const std::string& line : lines) writer.value(line);
      writer.end_array().end_object();
    }
    writer.end_array().key("errors").begin_array();
    for (const Diagnostic& d : diagnostics.all()) writer.value(to_string(d));
    writer.end_array().end_object();
    fmt::print("{}", writer.take());
  } else {
    for (const auto& [name, lines] : good) {
      fmt::print("{}: good\n", name);
      for (const std::string& line : lines) fmt::print("  {}\n", line);
    }
  }
  return diagnostics.has_errors() ? kBadInput : kDone;
}

}  // namespace aisle::cli
