// SPDX-License-Identifier: Apache-2.0
#include "sim/study/validate.hpp"

#include "sim/cli/commands.hpp"
#include "sim/report/report.hpp"
#include "sim/report/validation.hpp"
#include "sim/study/like_rows.hpp"
#include "sim/study/study.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace aisle::cli {

namespace {

/// Says how the errors stand to the bound, and which groups are beyond it.
int judge(const sim::Validation& validation, double bound) {
  const sim::ErrorGroup& all = validation.all;
  if (all.rows == 0) {
    say("no row could be expressed, so none is within the bound");
    return kOutOfTolerance;
  }
  if (all.median <= bound) return kDone;
  say(fmt::format("median |error| {:.1f} % of {} rows is beyond the bound of {:.1f} %",
                  100 * all.median, all.rows, 100 * bound));
  for (const sim::ErrorGroup& group : validation.groups) {
    if (group.by != "reach and size" || group.median <= bound) continue;
    say(fmt::format("  {}: {:.1f} % of {} rows", group.name, 100 * group.median, group.rows));
  }
  return kOutOfTolerance;
}

/// Every row that has one, as `aisle run` reads it.
void write_scenarios(const sim::Validation& validation, const std::string& folder) {
  sim::make_folder(folder);
  int written = 0;
  for (const sim::ValidationRow& row : validation.rows) {
    if (row.scenario.empty()) continue;
    std::string name = row.id;
    std::replace(name.begin(), name.end(), '/', '_');
    sim::write_file(fmt::format("{}/{}.textproto", folder, name), row.scenario);
    ++written;
  }
  say(fmt::format("wrote {} scenarios to {}", written, folder));
}

}  // namespace

int validate(const ValidateArguments& arguments) {
  const auto started = std::chrono::steady_clock::now();
  Diagnostics diagnostics;
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  if (arguments.bound && !(*arguments.bound > 0 && std::isfinite(*arguments.bound))) {
    diagnostics.error({"--bound", 0, 0}, {}, "a bound is above zero", "0.2 means 20 %");
    return bad_input(diagnostics);
  }
  if (arguments.ledgers.empty() && sim::shipped_ledgers().empty()) {
    diagnostics.error({sim::scenarios_root() + "/validation", 0, 0}, {},
                      "no ledger is shipped here", "name one with --ledger");
    return bad_input(diagnostics);
  }
  const sim::ValidateOptions options{arguments.ledgers, arguments.kind, arguments.half,
                                     arguments.engine != "analytic"};
  const auto validation = sim::validate(options, *catalogue, diagnostics);
  if (!validation) return bad_input(diagnostics);
  const Seconds wall_time =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count() * units::s;
  if (!arguments.plot.empty()) {
    const std::string svg = arguments.plot_by.empty()
                                ? sim::validation_svg(*validation)
                                : sim::error_strips_svg(*validation, arguments.plot_by);
    if (svg.empty()) {
      say("no row could be expressed: no plot is written");
    } else {
      sim::write_file(arguments.plot, svg);
      say("wrote " + arguments.plot);
    }
  }
  if (!arguments.like_rows.empty()) {
    const pb::LikeRowsTable table = sim::like_rows_of(*validation, *catalogue);
    sim::write_file(arguments.like_rows, sim::like_rows_text(table));
    say(fmt::format("wrote {} groups of rows to {}", table.like_rows_size(), arguments.like_rows));
  }
  if (!arguments.scenarios.empty()) write_scenarios(*validation, arguments.scenarios);
  fmt::print("{}", arguments.json ? sim::validation_json(*validation, wall_time)
                                  : sim::validation_text(*validation));
  return arguments.bound ? judge(*validation, *arguments.bound) : kDone;
}

}  // namespace aisle::cli
