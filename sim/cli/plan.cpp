// SPDX-License-Identifier: Apache-2.0
#include "sim/study/plan.hpp"

#include "sim/cli/commands.hpp"
#include "sim/cli/progress.hpp"
#include "sim/report/plan.hpp"
#include "sim/report/report.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <unistd.h>

namespace aisle::cli {

namespace {

/// What keeps operating points, beside the forms of a plan itself.
bool is_kept(const std::string& output, const char* suffix) {
  return std::filesystem::path(output).extension() == suffix;
}

bool is_report(const std::string& output) {
  const auto form = sim::report_form(output);
  return form && *form != sim::ReportForm::csv;
}

}  // namespace

int plan(const PlanArguments& arguments) {
  Diagnostics diagnostics;
  sim::PlanOptions options;
  for (const std::string& output : arguments.outputs) {
    if (is_kept(output, ".db")) {
      options.database = output;
    } else if (!is_kept(output, ".textproto") && !is_report(output)) {
      diagnostics.error({output, 0, 0}, {}, "has a suffix that says nothing of what to write",
                        ".db: operating points, kept for the next plan; .textproto: the same as a "
                        "plan's points file; .html, .pdf, .md, .svg, .json: the plan");
    }
  }
  if (diagnostics.has_errors()) return bad_input(diagnostics);
  const auto study =
      open_study(arguments.study, arguments.assignments, arguments.from_stdin, diagnostics);
  if (!study) return bad_input(diagnostics);
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  options.jobs = arguments.jobs;
  options.sensitivity = !arguments.no_sensitivity;
  options.stop = Interruptible::asked();
  ProgressLine line;
  if (arguments.progress || (!arguments.quiet && isatty(STDERR_FILENO) != 0)) {
    options.progress = [&line](const sim::PlanProgress& progress) {
      line.show(progress.stage, progress.done, progress.all);
    };
  }
  const Interruptible interruptible;
  const auto outcome = sim::plan(*study, *catalogue, options, diagnostics);
  line.end();
  if (!outcome) return bad_input(diagnostics);
  print(diagnostics);
  fmt::print("{}", arguments.json ? plan_json(*outcome) : plan_text(*outcome));
  for (const std::string& output : arguments.outputs) {
    if (is_report(output)) {
      sim::write_file(output, *sim::plan_report(*outcome, *sim::report_form(output)));
    } else if (is_kept(output, ".textproto")) {
      sim::write_file(output, plan_points_text(*outcome));
    }
    if (!arguments.quiet) say("wrote " + output);
  }
  return kDone;
}

}  // namespace aisle::cli
