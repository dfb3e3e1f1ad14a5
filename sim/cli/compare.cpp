// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <span>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace aisle::cli {

namespace {

namespace fs = std::filesystem;

bool is_result(const std::string& input) {
  std::error_code failure;
  return fs::path(input).extension() == ".pb" || fs::exists(fs::path(input) / "result.pb", failure);
}

std::string read_all(int descriptor) {
  std::string bytes;
  char buffer[65536];
  for (ssize_t got = 0; (got = read(descriptor, buffer, sizeof buffer)) > 0;) {
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
  return bytes;
}

/// Runs a study in a child process, since the event engine runs once per process. Bad input is
/// printed by the child.
std::optional<pb::Result> run_in_child(const sim::Study& study,
                                       const topology::Catalogue& catalogue, int& exit_code) {
  int ends[2];
  if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    close(ends[0]);
    Diagnostics diagnostics;
    const auto result = sim::run(study, catalogue, {}, diagnostics);
    print(diagnostics);
    const bool sent = result && result->SerializeToFileDescriptor(ends[1]);
    _exit(sent ? kDone : result ? kMachineFailure : kBadInput);
  }
  close(ends[1]);
  const std::string bytes = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : kMachineFailure;
  pb::Result result;
  if (exit_code != kDone || !result.ParseFromString(bytes)) return std::nullopt;
  return result;
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
      int exit_code = kDone;
      results[i] = run_in_child(*studies[i], *catalogue, exit_code);
      if (!results[i]) return exit_code;
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
