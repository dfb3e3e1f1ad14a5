// SPDX-License-Identifier: Apache-2.0
#include "sim/report/search.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/cli/commands.hpp"
#include "sim/cli/progress.hpp"
#include "sim/report/report.hpp"
#include "sim/study/scenario.pb.h"

#include <fmt/core.h>

#include <unistd.h>

namespace aisle::cli {

namespace {

/// What is printed, and the winner.
struct Answer {
  std::string text;
  std::optional<pb::Scenario> winner;
  std::string layout;
};

std::optional<Answer> training(const sim::Study& study, const topology::Catalogue& catalogue,
                               sim::SearchOptions& options, bool json, Diagnostics& diagnostics) {
  if (options.objective.empty()) options.objective = "step_time_s";
  const auto outcome = sim::search(study, catalogue, options, diagnostics);
  if (!outcome) return std::nullopt;
  Answer answer{json ? search_json(*outcome, options) : search_text(*outcome, options), {}, {}};
  if (outcome->best.empty()) return answer;
  const sim::Mapping& winner = outcome->best.front().mapping;
  answer.winner = with_layout(*study.scenario, winner);
  answer.layout = describe(winner);
  return answer;
}

std::optional<Answer> serving(const sim::Study& study, const topology::Catalogue& catalogue,
                              sim::SearchOptions& options, bool json, Diagnostics& diagnostics) {
  if (options.objective.empty()) options.objective = usual_serving_objective(study);
  const auto outcome = search_serving(study, catalogue, options, diagnostics);
  if (!outcome) return std::nullopt;
  Answer answer{json ? serving_search_json(*outcome, options.objective)
                     : serving_search_text(*outcome, options.objective),
                {},
                {}};
  if (outcome->best.empty()) return answer;
  const sim::FoundServing& winner = outcome->best.front();
  answer.winner = with_layout(*study.scenario, winner.parts);
  answer.layout = describe(winner.parts);
  return answer;
}

void save_winner(const sim::Study& study, const Answer& answer, const std::string& objective,
                 const std::string& path) {
  sim::write_file(path,
                  fmt::format("# proto-file: sim/study/scenario.proto\n# proto-message: "
                              "aisle.pb.Scenario\n# {}: the best layout by {} that `aisle "
                              "search` found for {}\n{}",
                              answer.layout, objective, study.name, write_text(*answer.winner)));
}

}  // namespace

int search(const SearchArguments& arguments) {
  Diagnostics diagnostics;
  const auto study =
      open_study(arguments.study, arguments.assignments, arguments.from_stdin, diagnostics);
  if (!study) return bad_input(diagnostics);
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  sim::SearchOptions options;
  options.objective = arguments.objective;
  options.limit = arguments.limit;
  const bool serves = study->scenario->workload().has_serving();
  constexpr int kPlayed = 16;
  if (serves) options.rerank = kPlayed;
  if (arguments.rerank > 0) options.rerank = arguments.rerank;
  options.over = arguments.over;
  options.fixed = arguments.fixed;
  for (const std::string& name : arguments.accelerators) {
    const pb::Accelerator* known = catalogue->accelerator(name);
    if (known == nullptr || !serves) {
      diagnostics.error({"--accelerators", 0, 0}, {},
                        serves ? fmt::format("the catalogue has no accelerator '{}'", name)
                               : "kinds are searched for serving with pools",
                        serves ? "aisle list accelerators" : "--set cluster.accelerator=...");
      return bad_input(diagnostics);
    }
    options.accelerators.push_back(known->name());
  }
  options.threads = arguments.jobs;
  options.stop = Interruptible::asked();
  ProgressLine line;
  if (arguments.progress || (!arguments.quiet && isatty(STDERR_FILENO) != 0)) {
    options.progress = [&line](const sim::SearchProgress& progress) {
      line.show(progress.stage, progress.done, progress.all);
    };
  }
  const Interruptible interruptible;
  const auto answer =
      (serves ? serving : training)(*study, *catalogue, options, arguments.json, diagnostics);
  line.end();
  if (!answer) return bad_input(diagnostics);
  print(diagnostics);
  fmt::print("{}", answer->text);
  if (!arguments.output.empty() && answer->winner) {
    save_winner(*study, *answer, options.objective, arguments.output);
    if (!arguments.quiet) say("wrote the winner to " + arguments.output);
  }
  return kDone;
}

}  // namespace aisle::cli
