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

/// The form of an output by its suffix; empty for a suffix that is none.
std::string form_of(const std::string& path) {
  std::string suffix = std::filesystem::path(path).extension().string();
  for (const char* known : {".html", ".pdf", ".md", ".json", ".db", ".textproto"}) {
    if (suffix == known) return suffix;
  }
  return {};
}

std::string content_of(const std::string& form, const sim::PlanOutcome& outcome) {
  if (form == ".html") return plan_html(outcome);
  if (form == ".pdf") return plan_pdf(outcome);
  if (form == ".md") return plan_markdown(outcome);
  if (form == ".json") return plan_json(outcome);
  return plan_points_text(outcome);
}

}  // namespace

int plan(const PlanArguments& arguments) {
  Diagnostics diagnostics;
  sim::PlanOptions options;
  for (const std::string& output : arguments.outputs) {
    const std::string form = form_of(output);
    if (form.empty()) {
      diagnostics.error({output, 0, 0}, {}, "has a suffix that says nothing of what to write",
                        ".db: operating points, kept for the next plan; .textproto: the same as a "
                        "plan's points file; .html, .pdf, .md, .json: the plan");
    } else if (form == ".db") {
      options.database = output;
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
    const std::string form = form_of(output);
    if (form != ".db") sim::write_file(output, content_of(form, *outcome));
    if (!arguments.quiet) say("wrote " + output);
  }
  return kDone;
}

}  // namespace aisle::cli
