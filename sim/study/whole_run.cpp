// SPDX-License-Identifier: Apache-2.0
#include "sim/study/whole_run.hpp"

#include "sim/study/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aisle::sim {

namespace {

const pb::Training& training_of(const RunGround& ground) {
  return ground.scenario.workload().training();
}

double sequences_of(const RunGround& ground, const workloads::TrainingPlan& training) {
  return training.tokens / training_of(ground).sequence();
}

Bytes fullest(const workloads::TrainingPlan& training) {
  Bytes most;
  for (const workloads::RankMemory& rank : training.memory) most = std::max(most, rank.total());
  return most;
}

/// On one pool, the memory of an accelerator holds both.
std::string teacher_misfit(const RunGround& ground, const TeacherPass& teacher,
                           const workloads::TrainingPlan& training) {
  if (!teacher.pass.misfit.empty()) return "The teacher: " + teacher.pass.misfit;
  const Bytes capacity = ground.cluster.accelerator().hbm_capacity.value;
  const Bytes student = fullest(training);
  const bool together = training_of(ground).campaign().distillation().pool() == pb::same_pool;
  if (!together || student + teacher.pass.memory <= capacity) return {};
  return fmt::format(
      "The student's {:.1f} GB and the teacher's {:.1f} GB exceed the {:.1f} GB of an accelerator; "
      "cut one of them further, or give the teacher a pool of its own.",
      student.in(units::GB), teacher.pass.memory.in(units::GB), capacity.in(units::GB));
}

}  // namespace

std::optional<Around> around(const RunGround& ground, const CampaignTerms& terms,
                             const workloads::TrainingPlan& training, const SourceMap& places,
                             Diagnostics& diagnostics) {
  const pb::Training& asked = training_of(ground);
  const std::string field = "workload.training.campaign";
  if (ground.tokens <= 0) {
    diagnostics.error(places.find(field), field, "nothing says how many tokens the run has",
                      "workload.training.tokens: 15e12");
    return std::nullopt;
  }
  Around result;
  result.terms = terms;
  if (terms.evaluation.every_steps > 0) {
    const std::string path = field + ".evaluation";
    // As many sequences at a time as a step takes.
    const int batches =
        static_cast<int>(std::ceil(terms.evaluation.sequences / sequences_of(ground, training)));
    result.evaluation = forward_pass(
        ground.model, asked, (terms.evaluation.sequences + batches - 1) / batches, ground.cluster,
        ground.catalogue, ground.loads, ground.power, places.find(path), path, diagnostics);
    if (!result.evaluation) return std::nullopt;
    result.evaluation->time *= batches;
    result.evaluation->sequences *= batches;
  }
  if (asked.campaign().has_distillation()) {
    result.teacher = teacher_pass(
        asked, static_cast<int>(std::lround(sequences_of(ground, training))), ground.cluster,
        ground.scenario.cluster(), ground.catalogue, ground.power, places, diagnostics);
    if (!result.teacher) return std::nullopt;
    result.misfit = teacher_misfit(ground, *result.teacher, training);
  }
  return result;
}

double WholeRun::stretch() const {
  const double stretch = campaign.whole() / campaign.training;
  return std::isfinite(stretch) ? stretch : 1;
}

WholeRun whole_run(const RunGround& ground, const Around& around,
                   const workloads::TrainingPlan& training, Seconds step) {
  WholeRun whole;
  CampaignRun& run = whole.run;
  run.steps = ground.tokens / training.tokens;
  run.samples = sequences_of(ground, training);
  run.step = step;
  if (around.evaluation) run.evaluation = around.evaluation->time;
  run.trained = training.trained_parameters;
  run.state_bytes = training.state_bytes;
  run.accelerators = ground.cluster.count();
  if (around.teacher) {
    whole.teacher = teacher_of(training_of(ground).campaign().distillation(), *around.teacher,
                               {step, run.steps, run.samples, training.tokens});
    run.teacher = whole.teacher.each_step;
    run.teacher_before = whole.teacher.before;
    run.predictions = whole.teacher.read;
  }
  whole.campaign = campaign_of(around.terms, run);
  whole.draws = drawn_runs(around.terms, run, ground.scenario.seed());
  return whole;
}

void add_whole_run(const RunGround& ground, const Around& around, const WholeRun& whole,
                   pb::Result& result) {
  add_campaign(around.terms, whole.run, whole.campaign, result);
  add_drawn_runs(around.terms, whole.draws, result);
  const Basis basis = Basis::assumed;
  if (around.evaluation) {
    add_metric(result, "evaluation_s", around.evaluation->time.si(), basis);
    if (around.evaluation->sequences > around.terms.evaluation.sequences) {
      result.add_caveat(fmt::format(
          "Evaluations take {} sequences in place of {}, to fill a micro-batch of every replica.",
          around.evaluation->sequences, around.terms.evaluation.sequences));
    }
  }
  if (!around.teacher) return;
  const pb::Distillation& asked = training_of(ground).campaign().distillation();
  add_metric(result, "teacher_forward_s", whole.teacher.forward.si(), basis);
  if (asked.pool() == pb::cached) {
    add_metric(result, "predictions_bytes", whole.teacher.kept.in(units::B), basis);
  }
  if (asked.pool() != pb::other_pool) return;
  add_metric(result, "teacher_gpu_hours",
             whole.campaign.whole().in(units::hour)*around.teacher->accelerators, basis);
  result.add_caveat(
      "Costs and energy of the run are those of the student's pool; the teacher's is idle while it "
      "waits for the student.");
}

}  // namespace aisle::sim
