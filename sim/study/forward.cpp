// SPDX-License-Identifier: Apache-2.0
#include "sim/study/forward.hpp"

#include "sim/engine/engine.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/draw.hpp"
#include "sim/study/model_of.hpp"
#include "sim/study/training.hpp"
#include "workloads/parallel/place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

namespace aisle::sim {

namespace {

constexpr const char* kDistillation = "workload.training.campaign.distillation";

/// Bytes of the predictions kept of one token: the largest with their numbers, or all.
double prediction_bytes(const pb::Distillation& distillation,
                        const workloads::ModelGraph& teacher) {
  constexpr double kValue = 2, kNumber = 4;
  return distillation.logits() > 0 ? distillation.logits() * (kValue + kNumber)
                                   : teacher.vocabulary * kValue;
}

/// The teacher's passes, as a training of its own would state them.
pb::Training teaching(const pb::Training& student) {
  const pb::Distillation& asked = student.campaign().distillation();
  pb::Training training;
  training.set_model(asked.teacher());
  training.set_sequence(student.sequence());
  training.set_micro_batch(asked.micro_batch());
  training.set_precision(asked.precision());
  training.set_operators(student.operators());
  *training.mutable_parallel() = asked.parallel();
  return training;
}

bool check(const pb::Campaign& campaign, const SourceMap& places, Diagnostics& diagnostics) {
  const pb::Distillation& asked = campaign.distillation();
  const auto error = [&](const char* field, const char* sentence, const char* hint) {
    const std::string path = fmt::format("{}.{}", kDistillation, field);
    diagnostics.error(places.find(path), path, sentence, hint);
  };
  const int before = diagnostics.error_count();
  if (asked.pool() == pb::other_pool && asked.accelerators() < 1) {
    error("accelerators", "the other pool has none", "how many the teacher runs on");
  }
  if (asked.pool() != pb::other_pool && asked.has_accelerators()) {
    error("accelerators", "the teacher runs on the student's", "pool: other_pool");
  }
  if (asked.logits() < 0) error("logits", "must not be negative", "0: the whole vocabulary");
  if (!(asked.epochs() > 0)) error("epochs", "must be above 0", "1: each prediction is used once");
  const bool read = campaign.data().has_bandwidth() || campaign.data().has_bandwidth_per_node();
  if (asked.pool() == pb::cached && !read) {
    error("pool", "nothing says how fast cached predictions are read",
          "campaign.data.bandwidth or bandwidth_per_node");
  }
  return diagnostics.error_count() == before;
}

}  // namespace

std::optional<ForwardPass> forward_pass(const workloads::ModelGraph& model,
                                        const pb::Training& training, int sequences,
                                        const topology::Cluster& cluster,
                                        const topology::Catalogue& catalogue,
                                        const workloads::ExpertLoads* loads, const RankPower& power,
                                        const Place& place, const std::string& field,
                                        Diagnostics& diagnostics) {
  pb::Training forward = training;
  forward.clear_campaign();
  forward.set_passes(pb::forward_only);
  forward.set_ranks(pb::alike);
  const pb::Parallel& parallel = forward.parallel();
  const auto cut = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(parallel.tensor()) * parallel.context() * parallel.pipeline());
  // Whole micro-batches on every replica; the interleaved schedule wants a group for each stage.
  std::int64_t at_once =
      std::max<std::int64_t>(1, cluster.count() / cut) * std::max(1, forward.micro_batch());
  if (parallel.schedule() == pb::interleaved) at_once *= std::max(1, parallel.pipeline());
  ForwardPass pass;
  pass.sequences = static_cast<int>((sequences + at_once - 1) / at_once * at_once);
  forward.set_global_batch(pass.sequences);
  Diagnostics own;
  const SourceMap nowhere;
  auto placed =
      workloads::place(model, forward, cluster, workloads::Folding::folded, nowhere, own, loads);
  for (const Diagnostic& each : own.all()) {
    if (each.severity != Severity::error) continue;
    diagnostics.error(place, field, fmt::format("{}: {}", each.field, each.sentence), each.hint);
  }
  if (!placed || own.has_errors()) return std::nullopt;
  const auto* misfit = std::get_if<workloads::Infeasible>(&*placed);
  const auto& memory =
      misfit != nullptr ? misfit->memory : std::get<workloads::TrainingPlan>(*placed).memory;
  for (const workloads::RankMemory& rank : memory)
    pass.memory = std::max(pass.memory, rank.total());
  if (misfit != nullptr) {
    pass.misfit = misfit->reason;
    return pass;
  }
  const FoldedPlan folded = fold(std::get<workloads::TrainingPlan>(*placed).plan);
  const KernelModel kernels = training_kernels(cluster, forward, catalogue);
  TimedPlan timed = lower(folded.plan, cluster, kernels);
  std::vector<RankPower> powers{power};
  powers.front().coolant.reset();
  hold_power(timed, powers);
  const Execution execution = execute_analytic(timed);
  pass.time = execution.makespan;
  pass.power = mean_of(folded.plan, draws_of(timed, execution, powers));
  return pass;
}

std::optional<TeacherPass> teacher_pass(const pb::Training& training, int sequences,
                                        const topology::Cluster& cluster,
                                        const pb::Cluster& description,
                                        const topology::Catalogue& catalogue,
                                        const RankPower& power, const SourceMap& places,
                                        Diagnostics& diagnostics) {
  const pb::Distillation& asked = training.campaign().distillation();
  if (!check(training.campaign(), places, diagnostics)) return std::nullopt;
  const std::string field = std::string(kDistillation) + ".teacher";
  const auto model = model_of(asked.teacher(), catalogue, places.find(field), field, diagnostics);
  if (!model) return std::nullopt;
  std::optional<topology::Cluster> other;
  if (asked.pool() == pb::other_pool) {
    pb::Cluster own = description;
    own.set_count(asked.accelerators());
    own.clear_fault();
    other = topology::build_cluster(own, places, catalogue, diagnostics);
    if (!other) return std::nullopt;
  }
  const auto pass =
      forward_pass(*model, teaching(training), sequences, other ? *other : cluster, catalogue,
                   nullptr, power, places.find(kDistillation), kDistillation, diagnostics);
  if (!pass) return std::nullopt;
  return TeacherPass{*pass, other ? other->count() : 0, prediction_bytes(asked, *model)};
}

Teacher teacher_of(const pb::Distillation& asked, const TeacherPass& pass, const Student& student) {
  Teacher teacher;
  teacher.forward = pass.pass.time * (student.sequences / pass.pass.sequences);
  switch (asked.pool()) {
    case pb::same_pool:
      teacher.each_step = teacher.forward;
      break;
    case pb::other_pool:
      teacher.each_step = std::max(Seconds{}, teacher.forward - student.step);
      break;
    case pb::cached:
      teacher.before = student.steps / asked.epochs() * teacher.forward;
      teacher.read = student.tokens * pass.prediction_bytes * units::B;
      teacher.kept = student.steps / asked.epochs() * teacher.read;
      break;
  }
  return teacher;
}

}  // namespace aisle::sim
