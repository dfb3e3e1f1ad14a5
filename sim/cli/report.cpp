// SPDX-License-Identifier: Apache-2.0
#include "sim/report/report.hpp"

#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/run_apart.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

namespace aisle::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostResults = 256;

/// By content, since any name will do.
bool is_database(const std::string& path) {
  constexpr std::string_view kMagic = "SQLite format 3";
  std::ifstream file(path, std::ios::binary);
  std::string head(kMagic.size(), '\0');
  return file.read(head.data(), static_cast<std::streamsize>(head.size())) && head == kMagic;
}

/// A folder without a result or a study of its own stands for the results below it.
std::vector<std::string> expanded(const std::vector<std::string>& inputs) {
  std::vector<std::string> out;
  for (const std::string& input : inputs) {
    std::error_code failure;
    std::vector<std::string> below;
    if (fs::is_directory(input, failure) && !is_result(input) &&
        !fs::exists(fs::path(input) / "study.textproto", failure)) {
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(
               input, fs::directory_options::skip_permission_denied, failure)) {
        if (entry.path().filename() == "result.pb") below.push_back(entry.path().string());
      }
    }
    std::sort(below.begin(), below.end());
    if (below.empty()) below.push_back(input);
    out.insert(out.end(), below.begin(), below.end());
  }
  return out;
}

int write(const ReportArguments& arguments, const std::string& content) {
  sim::write_file(arguments.output, content);
  if (arguments.json) {
    JsonWriter writer;
    writer.begin_object().key("report").value(arguments.output).end_object();
    fmt::print("{}", writer.take());
  } else {
    say("wrote " + arguments.output);
  }
  return kDone;
}

}  // namespace

bool is_result(const std::string& input) {
  std::error_code failure;
  return fs::path(input).extension() == ".pb" || fs::exists(fs::path(input) / "result.pb", failure);
}

std::variant<std::vector<pb::Result>, int> results_of(const std::vector<std::string>& inputs,
                                                      const std::string& engine) {
  Diagnostics diagnostics;
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
  return finished;
}

int report(const ReportArguments& arguments) {
  Diagnostics diagnostics;
  const auto form = sim::report_form(arguments.output);
  if (!form) {
    diagnostics.error({"-o", 0, 0}, {},
                      fmt::format("'{}' has no form that a report can take", arguments.output),
                      "end the name in .html, .pdf, .md, .svg, .csv or .json");
  }
  const auto database = std::find_if(arguments.inputs.begin(), arguments.inputs.end(), is_database);
  const bool of_sweep = database != arguments.inputs.end();
  if (of_sweep && arguments.inputs.size() > 1) {
    diagnostics.error({*database, 0, 0}, {}, "a report of a sweep is of one database alone",
                      "merge databases of one sweep with `aisle sweep --merge`");
  }
  if (!of_sweep && !arguments.metric.empty()) {
    diagnostics.error({"--metric", 0, 0}, {}, "ranks the points of a sweep",
                      "name a database that `aisle sweep` wrote");
  }
  const std::vector<std::string> inputs = expanded(arguments.inputs);
  if (inputs.size() > kMostResults) {
    diagnostics.error({inputs.front(), 0, 0}, {},
                      fmt::format("{} results are more than a report compares", inputs.size()),
                      fmt::format("name at most {}, or sweep them into a database", kMostResults));
  }
  if (diagnostics.has_errors()) return bad_input(diagnostics);
  if (of_sweep) {
    const auto content = sim::sweep_report(*database, arguments.metric, *form, diagnostics);
    return content ? write(arguments, *content) : bad_input(diagnostics);
  }
  const auto results = results_of(inputs, arguments.engine);
  if (const int* code = std::get_if<int>(&results)) return *code;
  return write(arguments, sim::report_of(std::get<0>(results), *form));
}

}  // namespace aisle::cli
