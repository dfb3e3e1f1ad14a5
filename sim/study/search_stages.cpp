// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search_stages.hpp"

#include <algorithm>
#include <utility>

namespace aisle::sim {

namespace parallel = workloads::parallel;
using parallel::Job;
using Kind = parallel::Action::Kind;

bool gathers_each_pass(const Job& job) {
  return job.layout.zero >= 3 && job.schedule != parallel::Schedule::breadth_first;
}

bool gathers_once(const Job& job) {
  const int zero = job.layout.zero;
  return (zero == 1 || zero == 2) && job.sharding.gather_ahead;
}

bool reduces_behind(const Job& job) {
  return !gathers_each_pass(job) && (job.sharding.reduce_behind || job.layout.zero >= 3);
}

/// With ZeRO-3 a layer's weights are gathered before each pass, the next layer's meanwhile, and
/// gradients reduced after; one queue, as in DataParallel.
void StageTable::time_zero3(const Job& job, StageTimes& stage,
                            const std::vector<ReplicaTimes>& exchanges) {
  const PassTimes& own = *stage.passes;
  if (own.layers.empty()) return;
  double queue = 0, end = 0, before = 0;  // `before`: end of the layer before the last
  const auto pass = [&](const RunTimes& run, double seconds, double slower, double reduce) {
    const double gather = exchanges[static_cast<std::size_t>(run.layer)].gather;
    for (int i = 0; i < run.count; ++i) {
      queue = std::max(queue, before) + gather;
      before = end;
      end = std::max(end, queue) + seconds;
      // The gather of a layer like this one runs beside it.
      end += std::min(gather, seconds * slower) * (1 - 1 / slower);
      if (reduce > 0) queue = std::max(queue, end) + reduce;
    }
  };
  const auto exchange = [&](const RunTimes& run) -> const ReplicaTimes& {
    return exchanges[static_cast<std::size_t>(run.layer)];
  };
  for (const RunTimes& run : own.layers) {
    pass(run, run.each->forward, run.each->slower_forward(exchange(run).cores), 0);
  }
  stage.gathering_forward = end;
  stage.last_forward = end - queue;
  stage.first_gather_forward = exchange(own.layers.front()).gather;
  stage.first_gather_backward = exchange(own.layers.back()).gather;
  const bool each_pass = gathers_each_pass(job);
  const auto back = [&](bool with_weights, bool reduces) {
    queue = end = before = 0;
    for (auto run = own.layers.rbegin(); run != own.layers.rend(); ++run) {
      // Where a reduction stands between two gathers in the queue, nothing runs beside the pass.
      const double slower = reduces ? 1 : run->each->slower_backward(exchange(*run).cores);
      pass(*run, run->each->backward - (with_weights ? 0 : run->each->weight), slower,
           reduces ? exchange(*run).reduce : 0);
    }
    return end;
  };
  stage.gathering_backward = back(true, each_pass);
  stage.last_backward = end - queue;
  if (!each_pass) return;
  stage.left_reduces = std::max(0.0, queue - end);
  stage.of(Kind::forward) = stage.gathering_forward;
  stage.of(Kind::backward) = stage.gathering_backward;
  stage.of(Kind::backward_input) = back(false, false);
}

/// The last computation of a pass waits for copies to or from host memory, which start when its
/// input is there. It is about half of its layer. Where inputs are early, copies run beside the
/// passes before, and bind when they take longer than both ways of a micro-batch.
void StageTable::wait_for_copies(const Job& job, StageTimes& stage) {
  const PassTimes& own = *stage.passes;
  double away = 0;
  for (const RunTimes& run : own.layers) {
    away += run.count * load(job)[static_cast<std::size_t>(run.layer)].away;
  }
  const double copies = job.offload.copy(away * units::B).si();
  double ahead = copies + own.layers.back().each->forward / 2;
  double back = copies + own.layers.front().each->backward / 2;
  if (job.asynchronous_messages()) {
    const double longer = 2 * copies / (own.forward + own.backward);
    ahead = longer * own.forward;
    back = longer * own.backward;
  }
  for (const auto& [kind, least] :
       {std::pair{Kind::forward, ahead}, std::pair{Kind::backward, back},
        std::pair{Kind::backward_input, back}}) {
    stage.of(kind) = std::max(stage.of(kind), least);
  }
}

void StageTable::time_stages(const Job& job) {
  const auto count = static_cast<std::size_t>(job.stages());
  stages.assign(count, {});
  by_action.assign(count * parallel::OrderedStep::kKinds, 0);
  const std::vector<ReplicaTimes>& exchanges = replica(job);
  for (std::size_t s = 0; s < count; ++s) {
    StageTimes& stage = stages[s];
    stage.passes = &passes.of(job, static_cast<int>(s));
    stage.seconds = &by_action[s * parallel::OrderedStep::kKinds];
    const PassTimes& own = *stage.passes;
    stage.of(Kind::forward) = own.forward;
    stage.of(Kind::backward) = own.backward;
    stage.of(Kind::weight) = own.weight;
    stage.of(Kind::backward_input) = own.backward - own.weight;
    if (job.schedule == parallel::Schedule::dual_pipe) {
      stage.of(Kind::pair) = passes.pair(job, static_cast<int>(s));
    } else if (job.pairs()) {
      stage.of(Kind::pair) = own.forward + own.backward;  // what they hide is left to the engine
    }
    if (job.offload.activations > 0 && !own.layers.empty()) wait_for_copies(job, stage);
    for (const RunTimes& run : own.layers) {
      const ReplicaTimes& one = exchanges[static_cast<std::size_t>(run.layer)];
      stage.gathers += run.count * one.gather;
      stage.reduces += run.count * one.reduce;
    }
    stage.exchanges = stage.reduces > 0;
    if (job.layout.zero >= 3) time_zero3(job, stage, exchanges);
  }
  // Gathers queue at each rank in the order of stages.
  if (!gathers_once(job)) return;
  replica_free.assign(static_cast<std::size_t>(job.layout.pipeline), 0);
  for (std::size_t s = 0; s < count; ++s) {
    const auto rank =
        static_cast<std::size_t>(parallel::rank_of_stage(job, static_cast<int>(s), 0));
    const auto mirror = static_cast<std::size_t>(parallel::mirror_of(job, static_cast<int>(rank)));
    const double from = std::max(replica_free[rank], replica_free[mirror]);
    stages[s].gathers_before = from;
    replica_free[rank] = replica_free[mirror] = from + stages[s].gathers;
  }
}

/// End of a stage's first forward pass, whose layers wait for their weights.
double StageTable::first_forward(const StageTimes& stage,
                                 const std::vector<ReplicaTimes>& exchanges, double start) {
  double gathered = stage.gathers_before, end = start;
  for (const RunTimes& run : stage.passes->layers) {
    const ReplicaTimes& one = exchanges[static_cast<std::size_t>(run.layer)];
    for (int i = 0; i < run.count; ++i) {
      gathered += one.gather;
      end = std::max(end, gathered) + run.each->forward;
    }
  }
  return end;
}

/// End of a stage's last backward pass, in which its gradients leave layer by layer; `exchanging`
/// is until when the rank's exchanges go on.
double StageTable::last_backward(const StageTimes& stage,
                                 const std::vector<ReplicaTimes>& exchanges, double start,
                                 double duration, double& exchanging) {
  const PassTimes& pass = *stage.passes;
  const double scale = pass.backward > 0 ? duration / pass.backward : 0;
  double end = start;
  for (auto run = pass.layers.rbegin(); run != pass.layers.rend(); ++run) {
    const ReplicaTimes& one = exchanges[static_cast<std::size_t>(run->layer)];
    const double slower = run->each->slower_backward(one.cores);
    const double work = run->each->backward * scale;
    for (int i = 0; i < run->count; ++i) {
      const double beside = std::max(0.0, std::min(exchanging - end, work * slower));
      end += beside + work - beside / slower;
      exchanging = std::max(exchanging, end) + one.reduce;
    }
  }
  return end;
}

}  // namespace aisle::sim
