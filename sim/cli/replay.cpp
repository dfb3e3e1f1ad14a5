// SPDX-License-Identifier: Apache-2.0
#include "sim/cli/commands.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <fmt/core.h>

namespace aisle::cli {

namespace {

/// The scenario that the flags stand for.
std::vector<sim::FlagAssignment> fields_of(const ReplayArguments& a,
                                           const topology::Catalogue& catalogue) {
  std::vector<sim::FlagAssignment> fields;
  const auto add = [&](const std::string& path, const std::string& value, const std::string& flag) {
    if (!value.empty()) fields.push_back({path + "=" + value, flag + " " + value});
  };
  for (std::size_t i = 0; i < a.traces.size(); ++i) {
    add(fmt::format("workload.replay.trace[{}]", i), a.traces[i], "TRACE");
  }
  const std::string accelerator = sim::accelerator_of(catalogue, a.onto);
  if (accelerator.empty()) {
    add("cluster.accelerator", a.onto, "--onto");  // an accelerator, or unknown
  } else {
    fields.push_back({"cluster.accelerator=" + accelerator, "--onto " + a.onto});
    add("cluster.system", a.onto, "--onto");
  }
  if (a.ranks) add("workload.replay.ranks", fmt::format("{}", *a.ranks), "--ranks");
  add("workload.replay.from", a.from, "--from");
  add("workload.replay.model", a.model, "--model");
  for (std::size_t i = 0; i < a.grow.size(); ++i) {
    add(fmt::format("workload.replay.grow[{}]", i), a.grow[i], "--grow");
  }
  for (std::size_t i = 0; i < a.groups.size(); ++i) {
    const std::size_t equals = a.groups[i].rfind('=');
    const std::string path = fmt::format("workload.replay.group[{}]", i);
    const std::string name = a.groups[i].substr(0, equals);
    const std::string size = equals == std::string::npos ? "" : a.groups[i].substr(equals + 1);
    fields.push_back(
        {fmt::format("{}=name: \"{}\" size: {}", path, name, size.empty() ? "0" : size),
         "--group " + a.groups[i]});
  }
  if (!a.engine.empty()) fields.push_back({"engine=" + a.engine, "--engine " + a.engine});
  for (const std::string& assignment : a.assignments) fields.push_back({assignment, ""});
  return fields;
}

}  // namespace

int replay(const ReplayArguments& a) {
  Diagnostics diagnostics;
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  const std::string name =
      a.traces.size() == 1 ? a.traces.front()
                           : fmt::format("{} and {} more", a.traces.front(), a.traces.size() - 1);
  const auto study = sim::assemble(name, fields_of(a, *catalogue), diagnostics);
  if (!study) return bad_input(diagnostics);
  sim::RunOptions options;
  options.both_engines = a.both_engines;
  if (!a.quiet) options.progress = [](const std::string& text) { say(text); };
  const auto result = sim::run(*study, *catalogue, options, diagnostics);
  if (!result) return bad_input(diagnostics);
  print(diagnostics);
  if (!a.output.empty()) sim::write_result(*result, a.output);
  fmt::print("{}", a.json ? sim::result_json(*result) : sim::summary(*result));
  if (!a.output.empty() && !a.quiet) {
    say(fmt::format("results in {}: report.html, trace.perfetto.json.gz, result.json, result.csv",
                    a.output));
  }
  return kDone;
}

}  // namespace aisle::cli
