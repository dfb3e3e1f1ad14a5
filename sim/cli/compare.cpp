// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/run_apart.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

namespace aisle::cli {

namespace {

namespace fs = std::filesystem;

bool is_result(const std::string& input) {
  std::error_code failure;
  return fs::path(input).extension() == ".pb" || fs::exists(fs::path(input) / "result.pb", failure);
}

using Writer = std::string (*)(std::span<const pb::Result>);

/// How a comparison is written to a file of that name; null, with an error, for a name of no form.
Writer form_of(const std::string& output, Diagnostics& diagnostics) {
  const std::string suffix = fs::path(output).extension().string();
  if (suffix == ".html") return sim::comparison_html;
  if (suffix == ".csv") return sim::comparison_csv;
  if (suffix == ".md") return sim::comparison_markdown;
  if (suffix == ".svg") return sim::comparison_svg;
  if (!output.empty()) {
    diagnostics.error({"-o", 0, 0}, {},
                      fmt::format("'{}' has no form that a comparison can take", output),
                      "end the name in .html, .csv, .md or .svg");
  }
  return nullptr;
}

}  // namespace

int compare(const std::vector<std::string>& inputs, const std::string& engine,
            const std::string& output, bool json) {
  Diagnostics diagnostics;
  const auto form = form_of(output, diagnostics);
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  std::vector<std::string> assignments;
  if (!engine.empty()) assignments.push_back("engine=" + engine);
  std::vector<std::optional<sim::Study>> studies;
  std::vector<std::optional<pb::Result>> results;
  for (const std::string& input : inputs) {
    studies.push_back(is_result(input) ? std::nullopt : sim::load(input, assignments, diagnostics));
    results.push_back(is_result(input) ? sim::read_result(input, diagnostics) : std::nullopt);
  }
  if (diagnostics.has_errors()) return bad_input(diagnostics);
  std::vector<pb::Result> finished;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!results[i]) {
      say("running " + inputs[i]);
      sim::ApartRun apart = sim::run_apart(*studies[i], *catalogue, print);
      if (!apart.result) return apart.bad_input ? kBadInput : kMachineFailure;
      results[i] = std::move(apart.result);
    }
    finished.push_back(std::move(*results[i]));
  }
  if (form != nullptr) sim::write_file(output, form(finished));
  fmt::print("{}", json ? sim::comparison_json(finished) : sim::comparison_table(finished));
  if (form != nullptr) say("wrote " + output);
  return kDone;
}

int report(const std::vector<std::string>& inputs, const std::string& output, bool json) {
  Diagnostics diagnostics;
  const auto result = sim::read_result(inputs.front(), diagnostics);
  if (!result) return bad_input(diagnostics);
  const std::string form = fs::path(output).extension().string();
  if (form == ".html") {
    sim::write_file(output, sim::html_page(*result));
  } else if (form == ".csv") {
    sim::write_file(output, sim::result_csv(*result));
  } else if (form == ".json") {
    sim::write_file(output, sim::result_json(*result));
  } else {
    diagnostics.error({"-o", 0, 0}, {},
                      fmt::format("'{}' has no form that a report can take", output),
                      "end the name in .html, .csv or .json");
    return bad_input(diagnostics);
  }
  if (json) {
    JsonWriter writer;
    writer.begin_object().key("report").value(output).end_object();
    fmt::print("{}", writer.take());
  } else {
    say("wrote " + output);
  }
  return kDone;
}

}  // namespace aisle::cli
