// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/place.hpp"

#include "sim/study/scenario.pb.h"
#include "workloads/parallel/assemble.hpp"
#include "workloads/parallel/check.hpp"
#include "workloads/parallel/layers.hpp"
#include "workloads/parallel/memory.hpp"
#include "workloads/parallel/routing_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace aisle::workloads {

namespace {

using parallel::Job;

double trained_parameters(const Job& job) {
  if (job.frozen()) {
    double sum = 0;
    for (const Layer& layer : job.model->layers) {
      sum += parallel::trained_parameters(job, layer).shared * job.layout.tensor;
    }
    return sum;
  }
  const ModelCount count = count_parameters(*job.model);
  return static_cast<double>(count.total + count.mtp);
}

void add_caveats(const Job& job, bool individual, std::vector<std::string>& caveats) {
  if (job.chunk) {
    caveats.emplace_back(
        "A chunk in place of a step: memory, FLOPs, energy and cost are those of its layers, one "
        "micro-batch forward and another backward.");
  }
  parallel::add_expert_caveats(job, caveats);
  if (job.model->is_moe() && !individual && !job.uneven) {
    caveats.push_back(fmt::format(
        "Experts: the most loaded of {} expert-parallel ranks is taken to work {:.0f} % longer "
        "than "
        "the mean one where its exchange is exposed, less where it is hidden (expert_load_spread "
        "{:g}).",
        job.layout.expert, 100 * (parallel::exposed(job).expert_load - 1), job.expert_load_spread));
  }
  if (job.layout.zero >= 1 && job.layout.zero <= 2 && job.sharding.gather_ahead &&
      job.layout.data > 1) {
    caveats.emplace_back(
        "Updated weights are gathered at the start of the next step; a step here starts with the "
        "gather of the one before.");
  }
  if (job.layout.zero == 2 && !job.sharding.every_pass) {
    caveats.emplace_back(
        "ZeRO-2 reduces a stage's gradients once per step, after its last backward pass.");
  }
}

}  // namespace

std::optional<std::variant<TrainingPlan, Infeasible>> place(
    const ModelGraph& model, const pb::Training& training, const topology::Cluster& cluster,
    Folding folding, const SourceMap& places, Diagnostics& diagnostics, const ExpertLoads* loads) {
  const std::optional<Job> job =
      parallel::check(model, training, cluster, folding, places, diagnostics, loads);
  if (!job) return std::nullopt;
  std::vector<RankMemory> memory = parallel::memory_of(*job);
  const Bytes capacity = cluster.accelerator().hbm_capacity.value;
  const bool misfit = std::any_of(memory.begin(), memory.end(),
                                  [&](const RankMemory& rank) { return rank.total() > capacity; });
  if (misfit) {
    std::string reason = parallel::explain_misfit(*job, memory);
    return Infeasible{std::move(reason), std::move(memory)};
  }
  TrainingPlan result;
  result.layout = job->layout;
  result.memory = std::move(memory);
  add_caveats(*job, training.ranks() != pb::alike, result.caveats);
  result.plan = parallel::assemble(*job, result.caveats);
  result.rows = parallel::recorded_rows(*job);
  if (training.has_routing()) {
    result.experts = job->uneven ? job->uneven->summary() : UnevenExperts::Summary{};
    result.experts->dropped = parallel::dropped_share(*job);
  }
  result.tokens = static_cast<double>(job->global_batch) * job->sequence;
  result.trained_parameters = trained_parameters(*job);
  const parallel::StateSizes& size = job->states;
  result.state_bytes = size.weights + size.master_weights + 2 * size.moments;
  // Of forward, input-gradient and weight-gradient products of equal size, those that are run.
  const double products = job->forward_only ? 1 : job->frozen() ? 2 : 3;
  result.model_flops =
      products / 3 * training_flops_per_token(model, job->sequence, false) * result.tokens;
  return result;
}

}  // namespace aisle::workloads
