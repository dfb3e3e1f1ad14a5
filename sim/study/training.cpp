// SPDX-License-Identifier: Apache-2.0
#include "sim/study/training.hpp"

#include "power/power.hpp"
#include "sim/engine/engine.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/model_of.hpp"
#include "sim/study/pace.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/whole_run.hpp"
#include "sim/study/workload_runs.hpp"
#include "topology/catalogue/figures.hpp"
#include "workloads/models/model.hpp"
#include "workloads/models/model.pb.h"
#include "workloads/parallel/individual.hpp"
#include "workloads/parallel/place.hpp"

#include <fmt/core.h>

#include <cmath>
#include <filesystem>
#include <utility>
#include <variant>

namespace aisle::sim {

namespace {

std::optional<pb::Model> asked_model(const pb::Training& training, const SourceMap& places,
                                     const topology::Catalogue& catalogue,
                                     Diagnostics& diagnostics) {
  const std::string field = "workload.training.model";
  if (training.model().empty()) {
    // A model of one's own is described whole.
    if (training.what_if().has_layers()) return training.what_if();
    diagnostics.error(places.find(field), field, "no model is named",
                      "`aisle list models` names those of the catalogue; one of your own goes "
                      "whole into what_if");
    return std::nullopt;
  }
  auto model = describe_model(training.model(), catalogue, places.find(field), field, diagnostics);
  if (model) model->MergeFrom(training.what_if());
  return model;
}

std::optional<topology::Precision> training_precision(const pb::Training& training,
                                                      const SourceMap& places,
                                                      Diagnostics& diagnostics) {
  const std::optional<topology::Precision> precision =
      topology::parse_precision(training.precision());
  if (!precision) {
    const std::string field = "workload.training.precision";
    diagnostics.error(places.find(field), field,
                      fmt::format("unknown number format '{}'", training.precision()),
                      "write bf16, fp16 or fp8");
  }
  return precision;
}

bool is_individual(const pb::Training& training) {
  return training.ranks() == pb::individual;
}

/// The table of expert loads that the study names, if it names one; false: it is of no use.
bool read_loads(const Study& study, std::optional<workloads::ExpertLoads>& loads,
                Diagnostics& diagnostics) {
  const pb::MoeRouting& routing = study.scenario->workload().training().routing();
  if (!routing.has_loads()) return true;
  const auto folder = std::filesystem::path(study.path).parent_path();
  loads = workloads::read_expert_loads(
      (study.path.empty() ? std::filesystem::path(routing.loads()) : folder / routing.loads())
          .string(),
      {{routing.where().begin(), routing.where().end()}, routing.step()}, diagnostics);
  return loads.has_value();
}

/// Leaves of the model the layers of the chunk alone.
void cut_to_chunk(const pb::Training& training, const SourceMap& places,
                  workloads::ModelGraph& model, Diagnostics& diagnostics) {
  const int layers = model.transformer_layers(), count = training.chunk().layers();
  const auto error = [&](const char* field, const std::string& sentence) {
    const std::string path = std::string("workload.training.chunk.") + field;
    diagnostics.error(places.find(path), path, sentence,
                      fmt::format("{} has {} transformer layers", model.name, layers));
  };
  if (count < 1 || count > layers) {
    error("layers", fmt::format("a chunk of {} layers", count));
    return;
  }
  const int first =
      training.chunk().has_first_layer() ? training.chunk().first_layer() : layers - count;
  if (first < 0 || first > layers - count) {
    error("first_layer",
          fmt::format("layers {} to {} are not all there", first, first + count - 1));
    return;
  }
  std::erase_if(model.layers, [](const workloads::Layer& layer) {
    return layer.kind != workloads::LayerKind::dense && layer.kind != workloads::LayerKind::moe;
  });
  model.layers.erase(model.layers.begin() + first + count, model.layers.end());
  model.layers.erase(model.layers.begin(), model.layers.begin() + first);
}

/// Where each rank draws its speed, nobody goes at the expected pace of the slowest.
pb::Cluster cluster_spec(const pb::Scenario& scenario) {
  pb::Cluster spec = scenario.cluster();
  const bool valid = spec.speed_spread() >= 0 && spec.speed_spread() <= 0.2;
  if (valid && is_individual(scenario.workload().training())) spec.set_speed_spread(0);
  return spec;
}

}  // namespace

KernelModel training_kernels(const topology::Cluster& cluster, const pb::Training& training,
                             const topology::Catalogue& catalogue) {
  const bool flash_2 = training.attention() == pb::flash_2;
  return {cluster.accelerator(), catalogue, training_families(),
          flash_2 ? Setting::training_flash_2 : Setting::training};
}

std::optional<Prepared> prepare(const Study& study, const topology::Catalogue& catalogue,
                                Diagnostics& diagnostics) {
  const pb::Scenario& scenario = *study.scenario;
  const pb::Training& training = scenario.workload().training();
  auto cluster =
      topology::build_cluster(cluster_spec(scenario), study.places, catalogue, diagnostics);
  const auto description = asked_model(training, study.places, catalogue, diagnostics);
  const auto precision = training_precision(training, study.places, diagnostics);
  std::optional<workloads::ModelGraph> model;
  if (description) {
    model = workloads::build_model(*description, study.places, "workload.training.what_if",
                                   diagnostics);
  }
  std::optional<workloads::ExpertLoads> loads;
  const bool loaded = read_loads(study, loads, diagnostics);
  if (!cluster || !model || !precision || !loaded) return std::nullopt;
  auto campaign = read_campaign(training, cluster->count(), study.places, diagnostics);
  if (training.has_chunk()) cut_to_chunk(training, study.places, *model, diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  const power::PowerCurve curve = power::power_curve(
      cluster->accelerator(), catalogue.power(cluster->accelerator().name), diagnostics);
  const power::SiteGround ground{*cluster, curve, catalogue,
                                 std::filesystem::path(study.path).parent_path().string()};
  auto site = power::build_site(scenario.cluster().site(), ground, study.places, diagnostics);
  if (!site) return std::nullopt;
  const auto powers =
      read_rank_powers(scenario.cluster(), curve, *cluster, study.places, diagnostics);
  const auto telemetry = read_telemetry(scenario.cluster(), study.places, diagnostics);
  const auto smoothing = read_smoothing(scenario.cluster(), curve, study.places, diagnostics);
  if (!powers || !telemetry || !smoothing) return std::nullopt;
  return Prepared{
      std::move(*cluster), std::move(*model), *description,     *site,   curve, *powers, *telemetry,
      *smoothing,          *precision,        std::move(loads), campaign};
}

namespace {

using Placed = std::variant<workloads::TrainingPlan, workloads::Infeasible>;

void add_memory(const std::vector<workloads::RankMemory>& memory, const topology::Cluster& cluster,
                pb::Result& result) {
  for (const workloads::RankMemory& rank : memory) {
    pb::MemoryUse& use = *result.add_memory();
    use.set_pipeline_rank(rank.pipeline_rank);
    use.set_capacity_bytes(cluster.accelerator().hbm_capacity.value.in(units::B));
    for (const workloads::MemoryItem& item : rank.items) {
      pb::MemoryItem& entry = *use.add_item();
      entry.set_use(item.use);
      entry.set_bytes(item.bytes.in(units::B));
    }
  }
}

double run_tokens(const Prepared& prepared, const pb::Training& training, Basis& basis) {
  if (training.has_chunk()) return 0;
  if (training.has_tokens()) {
    basis = Basis::assumed;
    return training.tokens();
  }
  if (!prepared.description.has_training_tokens()) return 0;
  const pb::Figure& figure = prepared.description.training_tokens();
  basis = topology::basis_of(figure, prepared.description.basis());
  return topology::number_or(figure, 0);
}

void say(const RunOptions& options, const std::string& text) {
  if (options.progress) options.progress(text);
}

/// Gives ranks that differ their pace, speed and rows.
void individualise(const pb::Scenario& scenario, const Pace& pace,
                   workloads::TrainingPlan& training) {
  const pb::Training& asked = scenario.workload().training();
  training.caveats.insert(training.caveats.end(), pace.caveats.begin(), pace.caveats.end());
  if (asked.ranks() == pb::alike) {
    if (!pace.kinds.empty()) {
      workloads::split_replicas(training.plan, pace.kinds, pace.experts_meet);
    }
    if (!pace.ranks.empty() || !pace.rows.empty()) {
      workloads::draw_ranks(training.plan, {.pace = pace.ranks, .row = pace.rows});
    }
    return;
  }
  const bool each = is_individual(asked), recorded = training.rows != nullptr;
  const double speed = each ? scenario.cluster().speed_spread() : 0;
  const double rows = recorded ? 0 : asked.expert_load_spread();
  workloads::draw_ranks(training.plan, {speed, rows, training.layout.expert, scenario.seed(),
                                        asked.routing().capacity_factor(), !each, pace.ranks,
                                        pace.jitter, training.rows, pace.rows});
  if (recorded && !each) return;
  training.caveats.push_back(fmt::format(
      "Each of {} ranks draws its {}{}: one draw, of seed {}.", training.plan.ranks.size(),
      each ? fmt::format("speed (cluster.speed_spread {:g})", speed) : "",
      recorded
          ? ""
          : fmt::format("{}experts' rows (expert_load_spread {:g})", each ? " and its " : "", rows),
      scenario.seed()));
}

void add_expert_metrics(const workloads::TrainingPlan& training, bool recorded,
                        pb::Result& result) {
  if (!training.experts) return;
  const workloads::UnevenExperts::Summary& experts = *training.experts;
  const Basis basis = recorded ? Basis::extrapolated : Basis::assumed;
  add_metric(result, "tokens_dropped_share", experts.dropped, basis);
  if (!recorded) return;
  add_metric(result, "expert_rank_load_max_over_mean", experts.placed, basis);
  add_metric(result, "expert_rank_load_in_order_max_over_mean", experts.in_order, basis);
  add_metric(result, "expert_load_max_over_mean", experts.hottest_expert, basis);
}

RunGround ground_of(const Prepared& prepared, const pb::Scenario& scenario,
                    const topology::Catalogue& catalogue) {
  Basis basis = Basis::assumed;
  return {scenario,
          prepared.model,
          prepared.cluster,
          catalogue,
          prepared.loads ? &*prepared.loads : nullptr,
          run_tokens(prepared, scenario.workload().training(), basis),
          prepared.powers.front()};
}

void execute(const Prepared& prepared, const pb::Scenario& scenario,
             const workloads::TrainingPlan& training, const topology::Catalogue& catalogue,
             const std::optional<Around>& around, const RunOptions& options, pb::Result& result) {
  FoldedPlan folded;
  if (result.folded()) folded = fold(training.plan);
  const workloads::Plan& plan = result.folded() ? folded.plan : training.plan;
  const KernelModel kernels =
      training_kernels(prepared.cluster, scenario.workload().training(), catalogue);
  TimedPlan timed = lower(plan, prepared.cluster, kernels);
  std::vector<RankPower> powers = prepared.powers;
  for (RankPower& power : powers) {
    power.warm.floor = prepared.smoothing.floor;
    power.warm.fall = prepared.smoothing.fall;
  }
  hold_power(timed, powers);
  say(options,
      fmt::format("simulating {} operations on {} rank classes ({} engine)", plan.operations.size(),
                  plan.ranks.size(), pb::Engine_Name(scenario.engine())));
  const bool event = scenario.engine() == pb::event;
  if (options.both_engines) {
    const Execution other = event ? execute_analytic(timed) : execute_event(timed);
    result.set_other_engine_step_time_s(other.makespan.in(units::s));
  }
  const Execution execution = event ? execute_event(timed) : execute_analytic(timed);
  result.set_rank_classes(static_cast<std::int64_t>(plan.ranks.size()));
  result.set_operations(static_cast<std::int64_t>(plan.operations.size()));
  const pb::Training& asked = scenario.workload().training();
  Basis tokens_basis = Basis::assumed;
  const double tokens = run_tokens(prepared, asked, tokens_basis);
  // Counted for the passes and products that are run.
  const Flops full_attention =
      training.model_flops *
      (workloads::training_flops_per_token(prepared.model, asked.sequence(), false, false) /
       workloads::training_flops_per_token(prepared.model, asked.sequence(), false));
  const RunGround ground = ground_of(prepared, scenario, catalogue);
  std::optional<WholeRun> whole;
  if (around) whole = whole_run(ground, *around, training, execution.makespan);
  measure({training, timed, execution, prepared.cluster, powers, prepared.site, full_attention,
           tokens, tokens_basis, asked.has_chunk() ? asked.chunk().layers() : 0,
           asked.ranks() != pb::alike, whole ? whole->stretch() : 1, &prepared.telemetry,
           prepared.smoothing.storage, whole ? &*whole : nullptr, around ? &*around : nullptr},
          prepared.precision, result);
  add_expert_metrics(training, prepared.loads.has_value(), result);
  if (whole) add_whole_run(ground, *around, *whole, result);
  record_timeline(timed, execution, result);
  if (options.executed) options.executed(timed, execution);
  for (const std::string& caveat : training.caveats) result.add_caveat(caveat);
  for (const std::string& caveat : kernels.caveats()) result.add_caveat(caveat);
  for (const std::string& note : prepared.cluster.notes()) result.add_caveat(note);
}

}  // namespace

bool run_training(const Study& study, const topology::Catalogue& catalogue,
                  const RunOptions& options, pb::Result& result, Diagnostics& diagnostics) {
  const std::optional<Prepared> prepared = prepare(study, catalogue, diagnostics);
  if (!prepared || diagnostics.has_errors()) return false;
  const pb::Scenario& scenario = *study.scenario;
  std::optional<Placed> placed =
      workloads::place(prepared->model, scenario.workload().training(), prepared->cluster,
                       options.fold ? workloads::Folding::folded : workloads::Folding::unfolded,
                       study.places, diagnostics, prepared->loads ? &*prepared->loads : nullptr);
  if (!placed || diagnostics.has_errors()) return false;
  if (const auto* infeasible = std::get_if<workloads::Infeasible>(&*placed)) {
    result.set_feasible(false);
    result.set_reason(infeasible->reason);
    add_memory(infeasible->memory, prepared->cluster, result);
    return true;
  }
  auto& training = std::get<workloads::TrainingPlan>(*placed);
  std::optional<Around> around_steps;
  if (prepared->campaign) {
    around_steps = around(ground_of(*prepared, scenario, catalogue), *prepared->campaign, training,
                          study.places, diagnostics);
    if (!around_steps) return false;
    if (!around_steps->misfit.empty()) {
      result.set_feasible(false);
      result.set_reason(around_steps->misfit);
      add_memory(training.memory, prepared->cluster, result);
      return true;
    }
  }
  const bool alike = scenario.workload().training().ranks() == pb::alike;
  const std::optional<Pace> pace =
      pace_of(scenario, training, prepared->cluster.slowest_factor(), study.places, diagnostics);
  if (!pace) return false;
  individualise(scenario, *pace, training);
  if (!alike) result.set_folded(false);
  result.mutable_scenario()->mutable_workload()->mutable_training()->set_global_batch(
      static_cast<int>(std::lround(training.tokens / scenario.workload().training().sequence())));
  result.set_feasible(true);
  add_memory(training.memory, prepared->cluster, result);
  execute(*prepared, scenario, training, catalogue, around_steps, options, result);
  return true;
}

std::optional<std::vector<std::string>> check_training(const Study& study,
                                                       const topology::Catalogue& catalogue,
                                                       Diagnostics& diagnostics) {
  const std::optional<Prepared> prepared = prepare(study, catalogue, diagnostics);
  if (!prepared || diagnostics.has_errors()) return std::nullopt;
  const pb::Scenario& scenario = *study.scenario;
  const pb::Training& asked = scenario.workload().training();
  const std::optional<Placed> placed =
      workloads::place(prepared->model, asked, prepared->cluster, workloads::Folding::folded,
                       study.places, diagnostics, prepared->loads ? &*prepared->loads : nullptr);
  if (!placed || diagnostics.has_errors()) return std::nullopt;
  const workloads::ModelCount count = workloads::count_parameters(prepared->model);
  std::vector<std::string> lines = {
      describe(prepared->cluster),
      fmt::format("model     {}: {:.1f}B parameters, {:.1f}B active", prepared->model.name,
                  static_cast<double>(count.total) / 1e9, static_cast<double>(count.active) / 1e9)};
  if (const auto* infeasible = std::get_if<workloads::Infeasible>(&*placed)) {
    lines.push_back("does not fit: " + infeasible->reason);
    return lines;
  }
  const auto& training = std::get<workloads::TrainingPlan>(*placed);
  const workloads::Layout& layout = training.layout;
  lines.push_back(fmt::format(
      "layout    TP{} x CP{} x PP{} x DP{}, EP{}, ZeRO-{}, {} micro-batches per replica",
      layout.tensor, layout.context, layout.pipeline, layout.data, layout.expert, layout.zero,
      layout.micro_batches));
  if (prepared->loads) {
    const workloads::UnevenExperts::Summary& experts = *training.experts;
    lines.push_back(fmt::format(
        "experts   most loaded rank {:.2f} times the mean ({:.2f} in order), {:.2g} % dropped",
        experts.placed, experts.in_order, 100 * experts.dropped));
  }
  if (prepared->campaign) {
    const auto steps = around(ground_of(*prepared, scenario, catalogue), *prepared->campaign,
                              training, study.places, diagnostics);
    if (!steps) return std::nullopt;
    if (!steps->misfit.empty()) lines.push_back("does not fit: " + steps->misfit);
  }
  lines.push_back(fmt::format("plan      {} operations on {} representative ranks",
                              training.plan.operations.size(), training.plan.ranks.size()));
  return lines;
}

}  // namespace aisle::sim
