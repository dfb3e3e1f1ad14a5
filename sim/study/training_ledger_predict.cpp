// SPDX-License-Identifier: Apache-2.0
// Answers of the simulator to rows of a ledger of training steps, in the rows' own metrics.
#include "sim/base/proto_text.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"
#include "sim/study/training_ledger.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace aisle::sim {

namespace {

std::string first_error(const Diagnostics& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == Severity::error) return diagnostic.sentence;
  }
  AISLE_ASSERT(false, "what fails says why");
}

using Outcome = std::variant<pb::Result, std::string>;

Outcome simulate(const pb::Scenario& scenario, const topology::Catalogue& catalogue) {
  Study study;
  study.scenario = std::make_unique<pb::Scenario>(scenario);
  Diagnostics diagnostics;
  auto result = run(study, catalogue, RunOptions{}, diagnostics);
  if (!result) return first_error(diagnostics);
  return std::move(*result);
}

double value_of(const pb::Result& result, std::string_view name) {
  const auto value = metric_of(result, name);
  AISLE_ASSERT(value.has_value(), "every training result has the metric");
  return *value;
}

/// Model FLOPs of one token, as the row counts them.
Flops flops_per_token(const TrainingQuestion& question) {
  const pb::Training& training = question.scenario.workload().training();
  const int sequence = training.sequence();
  if (question.convention == FlopConvention::causal) {
    return workloads::training_flops_per_token(question.model, sequence, true);
  }
  Flops sum = workloads::training_flops_per_token(question.model, sequence, true, false);
  if (question.convention == FlopConvention::recompute && training.recompute() == pb::full) {
    for (const workloads::Layer& layer : question.model.layers) {
      if (layer.kind == workloads::LayerKind::head) continue;
      sum += workloads::forward_flops(question.model, layer, 1, sequence, false);
    }
  }
  return sum;
}

double activations_of_first_stage(const pb::Result& result) {
  for (const pb::MemoryItem& item : result.memory(0).item()) {
    if (item.use() == "activations") return item.bytes();
  }
  return 0;
}

/// The row's metric, from the time of a step.
std::variant<double, std::string> figure_of(const TrainingRow& row,
                                            const TrainingQuestion& question,
                                            const pb::Result& result) {
  const pb::Training& training = question.scenario.workload().training();
  const double chips = question.scenario.cluster().count();
  const double seconds = value_of(result, "step_time_s") * question.beside_training;
  const double sequences = training.global_batch();
  const double tokens = sequences * training.sequence();
  const double chip_hours_per_token = chips * seconds / 3600 / tokens;
  const double flops = flops_per_token(question).in(units::FLOP)*tokens / seconds / chips;
  if (row.metric == "step_time") return seconds;
  if (row.metric == "tokens_per_s_per_chip") return tokens / seconds / chips;
  if (row.metric == "samples_per_s") return sequences / seconds;
  if (row.metric == "tflops_per_chip") return flops / 1e12;
  if (row.metric == "mfu") {
    const double peak = value_of(result, "tflops_per_chip") / value_of(result, "mfu");
    return flops / 1e12 / peak;
  }
  if (row.metric == "gpu_hours_per_Ttok") return chip_hours_per_token * 1e12;
  if (row.metric == "gpu_hours" && question.run_tokens > 0) {
    return chip_hours_per_token * question.run_tokens;
  }
  if (row.metric == "gpu_hours") return "the tokens of the run are not given";
  return fmt::format("the metric '{}' is not known", row.metric);
}

/// A way to recompute more than nothing.
struct Recomputation {
  pb::Recompute kind = pb::none;
  int layers = 0;  ///< of each stage, where not all
  std::string said;
};

/// From the cheapest on: the selective kind, then whole layers, a quarter of each stage more at a
/// time.
std::vector<Recomputation> recomputations(const TrainingQuestion& question) {
  if (!question.may_recompute) return {};
  const pb::Training& training = question.scenario.workload().training();
  const long stages =
      static_cast<long>(training.parallel().pipeline()) * training.parallel().virtual_stages();
  const int layers = static_cast<int>((training.what_if().layers() + stages - 1) / stages);
  std::vector<Recomputation> out = {{pb::selective, 0, "selective"}};
  constexpr int kSteps = 4;
  int before = 0;
  for (int step = 1; step < kSteps; ++step) {
    const int some = layers * step / kSteps;
    if (some > before) {
      out.push_back({pb::full, some, fmt::format("{} of {} layers whole", some, layers)});
    }
    before = some;
  }
  out.push_back({pb::full, layers, "full"});
  return out;
}

/// The question on chips with memory enough for whatever is asked.
Outcome simulate_without_limit(pb::Scenario scenario, const topology::Catalogue& catalogue) {
  pb::Figure& capacity = *scenario.mutable_cluster()->mutable_what_if()->mutable_hbm_capacity();
  capacity.set_value("100 TB");
  return simulate(scenario, catalogue);
}

/// The row's scenario, with more recomputation where its row leaves that open and it does not fit
/// otherwise.
Outcome simulate_row(TrainingQuestion& question, const topology::Catalogue& catalogue) {
  pb::Training& training = *question.scenario.mutable_workload()->mutable_training();
  const pb::Training stated = training;
  Outcome outcome = simulate(question.scenario, catalogue);
  std::string chosen;
  for (const Recomputation& more : recomputations(question)) {
    const auto* result = std::get_if<pb::Result>(&outcome);
    if (result == nullptr || result->feasible()) break;
    training.set_recompute(more.kind);
    if (more.layers > 0) training.set_recompute_layers(more.layers);
    outcome = simulate(question.scenario, catalogue);
    chosen = more.said;
  }
  const auto* result = std::get_if<pb::Result>(&outcome);
  if (result != nullptr && !result->feasible()) training = stated;
  if (result != nullptr && result->feasible() && !chosen.empty()) {
    question.assumed.push_back(chosen + " recomputation, since it does not fit with less");
  }
  return outcome;
}

}  // namespace

std::variant<TrainingAnswer, std::string> predict(const TrainingRow& row, TrainingQuestion question,
                                                  const topology::Catalogue& catalogue) {
  Outcome outcome = simulate_row(question, catalogue);
  TrainingAnswer answer;
  if (const auto* refused = std::get_if<pb::Result>(&outcome);
      refused != nullptr && !refused->feasible()) {
    answer.misfit = refused->reason();
    outcome = simulate_without_limit(question.scenario, catalogue);
  }
  if (auto* reason = std::get_if<std::string>(&outcome)) return std::move(*reason);
  const auto& result = std::get<pb::Result>(outcome);
  answer.scenario = write_text(question.scenario);
  answer.assumed = fmt::format("{}", fmt::join(question.assumed, "; "));
  if (row.metric == "activation_mem_per_chip") {
    constexpr double kGib = 1024.0 * 1024 * 1024;
    answer.figure = activations_of_first_stage(result) / kGib;
    return answer;
  }
  if (!result.feasible()) return result.reason();
  const auto figure = figure_of(row, question, result);
  if (const auto* reason = std::get_if<std::string>(&figure)) return *reason;
  answer.figure = std::get<double>(figure);
  return answer;
}

}  // namespace aisle::sim
