// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search_estimate.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/study/search_tables.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

namespace aisle::sim {

namespace {

namespace parallel = workloads::parallel;
using parallel::Job;
using Kind = parallel::Action::Kind;

/// Micro-batches from which on a step grows by the same time for each further round of them, and a
/// round.
struct Rounds {
  int steady = 1, round = 1;
};

Rounds rounds_of(const Job& job) {
  const int pipeline = job.layout.pipeline;
  switch (job.schedule) {
    case parallel::Schedule::interleaved:
      return {2 * pipeline, pipeline};
    case parallel::Schedule::dual_pipe:
      return {2 * pipeline + 2, 2};
    case parallel::Schedule::zb_h1:
    case parallel::Schedule::zb_v:
      return {2 * pipeline, 1};
    default:
      return {pipeline + 1, 1};
  }
}

/// ZeRO-3 gathers weights for every pass; breadth first once through a chunk and once back.
bool gathers_each_pass(const Job& job) {
  return job.layout.zero >= 3 && job.schedule != parallel::Schedule::breadth_first;
}

/// Weights of all layers are gathered in a row, ahead of the first pass through each.
bool gathers_once(const Job& job) {
  return job.layout.zero >= 1 && job.sharding.gather_ahead && !gathers_each_pass(job);
}

/// What one stage's ranks do, in seconds.
struct StageTimes {
  const PassTimes* passes = nullptr;
  double forward = 0, backward = 0, backward_input = 0, weight = 0;
  double pair = 0;                         ///< this stage forward beside the mirrored one backward
  double gathers_before = 0, gathers = 0;  ///< ZeRO-1, 2: of weights at the start of the step
  double reduces = 0;
  double first_gather_forward = 0, first_gather_backward = 0;  ///< ZeRO-3: of a pass
  double last_forward = 0;                                     ///< ZeRO-3: after the last gather
  double left_reduces = 0;  ///< ZeRO-3: what is on its way when a backward pass ends
  bool exchanges = false;
};

}  // namespace

struct Estimator::Tables : SearchTables {
  using SearchTables::SearchTables;

  // Of the layout in hand.
  std::vector<StageTimes> stages;
  std::vector<parallel::StageLoad> rank_loads;
  std::vector<double> arrival, free, send_free, receive_free, replica_free, exchange_end;

  void time_stages(const Job& job);
  void time_zero3(StageTimes& stage, const std::vector<ReplicaTimes>& exchanges);
  double first_forward(const StageTimes& stage, const std::vector<ReplicaTimes>& exchanges,
                       double start);
  double last_backward(const StageTimes& stage, const std::vector<ReplicaTimes>& exchanges,
                       double start, double duration, double& exchanging);
  double pipeline(const Job& job, int micro_batches);
  double duration(const parallel::OrderedStep& action) const;
};

/// With ZeRO-3 a layer's weights are gathered before each pass, the next layer's meanwhile, and
/// gradients reduced after; one queue, as in DataParallel.
void Estimator::Tables::time_zero3(StageTimes& stage, const std::vector<ReplicaTimes>& exchanges) {
  const PassTimes& own = *stage.passes;
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
  for (const RunTimes& run : own.layers) {
    const int cores = exchanges[static_cast<std::size_t>(run.layer)].cores;
    pass(run, run.each->forward, run.each->slower_forward(cores), 0);
  }
  stage.forward = end;
  if (!own.layers.empty()) {
    const auto gather = [&](const RunTimes& run) {
      return exchanges[static_cast<std::size_t>(run.layer)].gather;
    };
    stage.first_gather_forward = gather(own.layers.front());
    stage.first_gather_backward = gather(own.layers.back());
    stage.last_forward = end - queue;
  }
  queue = end = before = 0;
  for (auto run = own.layers.rbegin(); run != own.layers.rend(); ++run) {
    const ReplicaTimes& one = exchanges[static_cast<std::size_t>(run->layer)];
    // Here the reduction stands between two gathers in the queue: nothing runs beside the pass.
    pass(*run, run->each->backward, 1, one.reduce);
  }
  stage.backward = end;
  stage.left_reduces = std::max(0.0, queue - end);
  queue = end = before = 0;
  for (auto run = own.layers.rbegin(); run != own.layers.rend(); ++run) {
    const int cores = exchanges[static_cast<std::size_t>(run->layer)].cores;
    pass(*run, run->each->backward - run->each->weight, run->each->slower_backward(cores), 0);
  }
  stage.backward_input = end;
}

void Estimator::Tables::time_stages(const Job& job) {
  const auto count = static_cast<std::size_t>(job.stages());
  stages.assign(count, {});
  const std::vector<ReplicaTimes>& exchanges = replica(job);
  for (std::size_t s = 0; s < count; ++s) {
    StageTimes& stage = stages[s];
    stage.passes = &passes.of(job, static_cast<int>(s));
    stage.forward = stage.passes->forward;
    stage.backward = stage.passes->backward;
    stage.weight = stage.passes->weight;
    stage.backward_input = stage.backward - stage.weight;
    if (job.schedule == parallel::Schedule::dual_pipe) {
      stage.pair = passes.pair(job, static_cast<int>(s));
    } else if (job.pairs()) {
      stage.pair = stage.forward + stage.backward;  // what they hide is left to the engine
    }
    for (const RunTimes& run : stage.passes->layers) {
      const ReplicaTimes& one = exchanges[static_cast<std::size_t>(run.layer)];
      stage.gathers += run.count * one.gather;
      stage.reduces += run.count * one.reduce;
    }
    stage.exchanges = stage.reduces > 0;
    if (gathers_each_pass(job)) time_zero3(stage, exchanges);
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

double Estimator::Tables::duration(const parallel::OrderedStep& action) const {
  switch (action.kind) {
    case Kind::forward:
      return stages[static_cast<std::size_t>(action.forward_stage)].forward;
    case Kind::backward:
      return stages[static_cast<std::size_t>(action.backward_stage)].backward;
    case Kind::backward_input:
      return stages[static_cast<std::size_t>(action.backward_stage)].backward_input;
    case Kind::weight:
      return stages[static_cast<std::size_t>(action.backward_stage)].weight;
    case Kind::pair:
      return stages[static_cast<std::size_t>(action.forward_stage)].pair;
  }
  return 0;
}

/// End of a stage's first forward pass, whose layers wait for their weights.
double Estimator::Tables::first_forward(const StageTimes& stage,
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
double Estimator::Tables::last_backward(const StageTimes& stage,
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

/// Seconds until the last rank has its gradients.
double Estimator::Tables::pipeline(const Job& job, int micro_batches) {
  const parallel::PipelineOrder& schedule = order(job, micro_batches);
  const std::vector<ReplicaTimes>& exchanges = replica(job);
  const auto ranks = static_cast<std::size_t>(job.layout.pipeline);
  const std::vector<double>& message_times = messages(job);
  const bool waits = !job.asynchronous_messages();
  const bool each_pass = gathers_each_pass(job);
  const bool layered = job.sharding.reduce_behind && !each_pass;
  const bool gathers = gathers_once(job);
  arrival.assign(static_cast<std::size_t>(schedule.slots), 0);
  free.assign(ranks, 0);
  send_free.assign(ranks, 0);
  receive_free.assign(ranks, 0);
  if (!gathers) replica_free.assign(ranks, 0);
  exchange_end = replica_free;
  const auto input = [this](std::int32_t slot) {
    return slot < 0 ? 0.0 : arrival[static_cast<std::size_t>(slot)];
  };
  for (const parallel::OrderedStep& step : schedule.steps) {
    const auto rank = static_cast<std::size_t>(step.rank);
    if (step.is_message) {
      const auto to = static_cast<std::size_t>(step.to);
      double& at = arrival[static_cast<std::size_t>(step.forward_in)];
      const std::size_t low = std::min(rank, to), high = std::max(rank, to);
      at = std::max({waits ? free[rank] : at, send_free[rank], receive_free[to]}) +
           message_times[high - low == 1 ? low : high];
      send_free[rank] = receive_free[to] = at;
      continue;
    }
    double start = std::max({free[rank], input(step.forward_in), input(step.backward_in)});
    if (waits) start = std::max(start, send_free[rank]);
    double end = start + duration(step);
    if (each_pass && step.kind == Kind::weight) {
      exchange_end[rank] = std::max(exchange_end[rank], end) +
                           stages[static_cast<std::size_t>(step.backward_stage)].reduces;
    } else if (each_pass) {
      // The first gather asks for the pass's input alone, and may run beside what is before it.
      const bool ahead = step.forward_stage >= 0;
      const StageTimes& stage =
          stages[static_cast<std::size_t>(ahead ? step.forward_stage : step.backward_stage)];
      const double gather = ahead ? stage.first_gather_forward : stage.first_gather_backward;
      const double gathered =
          std::max({exchange_end[rank], input(step.forward_in), input(step.backward_in)}) + gather;
      end = std::max(start, gathered) + duration(step) - gather;
      exchange_end[rank] = ahead ? end - stage.last_forward : end + stage.left_reduces;
    }
    if (gathers && step.first_forward && exchange_end[rank] > start) {
      const StageTimes& stage = stages[static_cast<std::size_t>(step.forward_stage)];
      end = std::max(end, first_forward(stage, exchanges, start));
    }
    if (step.last_backward && layered) {
      const StageTimes& stage = stages[static_cast<std::size_t>(step.backward_stage)];
      if (stage.exchanges && step.kind == Kind::weight) {
        // All layers' gradients are there at once.
        exchange_end[rank] = std::max(exchange_end[rank], end) + stage.reduces;
      } else if (stage.exchanges) {
        end = last_backward(stage, exchanges, start, end - start, exchange_end[rank]);
      }
    }
    free[rank] = end;
    if (step.forward_out >= 0) arrival[static_cast<std::size_t>(step.forward_out)] = end;
    if (step.backward_out >= 0) arrival[static_cast<std::size_t>(step.backward_out)] = end;
  }
  double last = 0;
  for (std::size_t r = 0; r < ranks; ++r) last = std::max({last, free[r], exchange_end[r]});
  return last;
}

Estimator::Estimator(const workloads::ModelGraph& model, const topology::Cluster& cluster,
                     const KernelModel& kernels)
    : tables_(std::make_unique<Tables>(model, cluster, kernels)) {}

Estimator::~Estimator() = default;

double Estimator::memory(const Job& job) {
  const auto& classes = tables_->load(job);
  // Where some layers of a stage are recomputed and others not, its load is no sum over classes.
  const bool by_class = job.recompute_layers < 0;
  double most = 0;
  int rank = 0;
  for (const parallel::Backlog& backlog : tables_->backlog(job)) {
    auto& loads = tables_->rank_loads;
    loads.clear();
    for (const int stage : backlog.stages) {
      parallel::StageLoad load;
      if (!by_class) load = parallel::load_of(job, parallel::layers_of_stage(job, stage));
      for (const StageRun& run : tables_->passes.shape(job, stage).runs) {
        if (by_class) load.add(classes[static_cast<std::size_t>(run.layer)], run.count);
      }
      loads.push_back(load);
    }
    most = std::max(most, parallel::rank_bytes(job, rank++, loads, backlog).total());
  }
  return most;
}

double Estimator::step(const Job& job) {
  tables_->time_stages(job);
  const Rounds rounds = rounds_of(job);
  const int all = job.layout.micro_batches, more = rounds.steady + rounds.round;
  double seconds = 0;
  if (all <= more + rounds.round) {
    seconds = tables_->pipeline(job, all);
  } else {
    // Every round adds the same once the pipeline is full; take a number that leaves whole rounds.
    const int short_of = rounds.steady + (all - rounds.steady) % rounds.round;
    const double few = tables_->pipeline(job, short_of);
    const double round = tables_->pipeline(job, short_of + rounds.round) - few;
    const int further = (all - short_of) / rounds.round;
    seconds = few + round * further;
  }
  double reduces = 0, gathers = 0;  // of the stage with most of them
  for (const StageTimes& stage : tables_->stages) {
    reduces = std::max(reduces, stage.reduces);
    gathers = std::max(gathers, stage.gathers);
  }
  const bool once = job.layout.zero >= 1 && !gathers_each_pass(job);
  if (!job.sharding.reduce_behind && !gathers_each_pass(job)) {
    seconds += job.layout.virtual_stages * reduces;
  }
  if (once && !job.sharding.gather_ahead) seconds += job.layout.virtual_stages * gathers;
  return seconds + tables_->norm(job) + tables_->optimizer(job);
}

double Estimator::bound(const Job& job) {
  // What pairs and put-off weight gradients hide is left out.
  const bool hides = job.pairs() || job.puts_off_weights();
  double most = 0;
  for (const parallel::Backlog& rank : tables_->backlog(job)) {
    double busy = 0;
    for (const int stage : rank.stages) {
      const PassTimes& pass = tables_->passes.of(job, stage);
      busy += hides ? pass.computing : pass.forward + pass.backward;
    }
    most = std::max(most, busy);
  }
  // Mirrored stages get half of the micro-batches each.
  const bool mirrored = parallel::mirror_of(job, 0) != 0;
  return most * job.layout.micro_batches / (mirrored ? 2 : 1);
}

}  // namespace aisle::sim
