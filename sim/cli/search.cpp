// SPDX-License-Identifier: Apache-2.0
#include "sim/report/search.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/cli/commands.hpp"
#include "sim/report/report.hpp"
#include "sim/study/scenario.pb.h"

#include <fmt/core.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace aisle::cli {

namespace {

std::atomic<bool> stopped{false};

void stop(int /*signal*/) {
  stopped = true;
  std::signal(SIGINT, SIG_DFL);  // a second one ends the program
}

/// One line on a terminal, with the time that the stage still takes.
class ProgressLine {
 public:
  void show(const sim::SearchProgress& progress) {
    using Clock = std::chrono::steady_clock;
    const auto now = Clock::now();
    if (progress.stage != stage_) {
      stage_ = progress.stage;
      began_ = now;
      shown_ = {};
    }
    const bool last = progress.done == progress.all;
    if (!last && now - shown_ < std::chrono::milliseconds(200)) return;
    shown_ = now;
    const double passed = std::chrono::duration<double>(now - began_).count();
    const double left = passed * static_cast<double>(progress.all - progress.done) /
                        static_cast<double>(std::max<std::int64_t>(1, progress.done));
    fmt::print(stderr, "\r\033[Kaisle: {} {}/{}, {:.0f} s to go", stage_, progress.done,
               progress.all, left);
    std::fflush(stderr);
    any_ = true;
  }

  void end() const {
    if (any_) fmt::print(stderr, "\r\033[K");
  }

 private:
  std::string stage_;
  std::chrono::steady_clock::time_point began_, shown_;
  bool any_ = false;
};

void save_winner(const sim::Study& study, const sim::FoundLayout& winner,
                 const std::string& objective, const std::string& path) {
  const pb::Scenario scenario = sim::with_layout(*study.scenario, winner.mapping);
  sim::write_file(path, fmt::format("# proto-file: sim/study/scenario.proto\n# proto-message: "
                                    "aisle.pb.Scenario\n# {}: the best layout by {} that `aisle "
                                    "search` found for {}\n{}",
                                    sim::describe(winner.mapping), objective, study.name,
                                    write_text(scenario)));
}

}  // namespace

int search(const SearchArguments& arguments) {
  Diagnostics diagnostics;
  const auto study = sim::load(arguments.study, arguments.assignments, diagnostics);
  if (!study) return bad_input(diagnostics);
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  sim::SearchOptions options;
  options.objective = arguments.objective;
  options.limit = arguments.limit;
  options.rerank = arguments.rerank;
  options.over = arguments.over;
  options.fixed = arguments.fixed;
  options.threads = arguments.jobs;
  options.stop = &stopped;
  ProgressLine line;
  if (!arguments.quiet && isatty(STDERR_FILENO) != 0) {
    options.progress = [&line](const sim::SearchProgress& progress) { line.show(progress); };
  }
  const auto before = std::signal(SIGINT, stop);
  const auto outcome = sim::search(*study, *catalogue, options, diagnostics);
  std::signal(SIGINT, before);
  line.end();
  if (!outcome) return bad_input(diagnostics);
  print(diagnostics);
  fmt::print("{}", arguments.json ? sim::search_json(*outcome, options)
                                  : sim::search_text(*outcome, options));
  if (!arguments.output.empty() && !outcome->best.empty()) {
    save_winner(*study, outcome->best.front(), options.objective, arguments.output);
    if (!arguments.quiet) say("wrote the winner to " + arguments.output);
  }
  return kDone;
}

}  // namespace aisle::cli
