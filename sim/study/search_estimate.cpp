// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search_estimate.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/study/search_stages.hpp"
#include "workloads/parallel/exposure.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <tuple>
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
      return {2 * pipeline + 4, 2};
    case parallel::Schedule::zb_h1:
    case parallel::Schedule::zb_v:
      return {2 * pipeline + 2, 1};
    default:
      return {pipeline + 1, 1};
  }
}

/// When the first, the last but one and the last of a row of passes have ended, or their outputs
/// are there.
struct Row {
  double first = 0, before = 0, last = 0;
};

/// A row of passes, each of which ends `each` after its input and `after` the one before it. Ends
/// are convex in the number of the pass if inputs are: of those in between none binds.
Row row_of(const Row& inputs, int count, double first, double after, double each) {
  if (count == 1) return {first, first, first};
  const double before =
      count == 2 ? first : std::max(first + (count - 2) * after, inputs.before + each);
  return {first, before, std::max(before + after, inputs.last + each)};
}

}  // namespace

struct Estimator::Tables : StageTable {
  using StageTable::StageTable;

  // Of layouts that differ in ZeRO stage and recomputation alone.
  std::array<int, 8> alike{};
  std::vector<int> alike_layers;
  std::map<std::tuple<int, int, const void*>, double> known_steps;
  std::map<std::pair<int, bool>, double> known_bounds;  // by recomputation, and with ZeRO-3

  // Of the layout in hand.
  std::vector<parallel::StageLoad> rank_loads;
  std::vector<double> arrival, free, send_free, receive_free, exchange_end;

  void meet(const Job& job);
  double busy(const Job& job, const parallel::Backlog& rank);
  double passes_and_exchanges(const Job& job);
  double pipeline(const Job& job, int micro_batches);
  double in_rows(const Job& job);
  Row row(const Job& job, int stage, bool ahead, const Row& inputs);
  Row gathering_row(const Job& job, const StageTimes& stage, bool ahead, const Row& inputs,
                    double start, double pause, double& exchanging) const;
  void begin_step(const Job& job);
  double last_end(const Job& job);
  template <bool gathering>
  void take_steps(const Job& job, const parallel::PipelineOrder& schedule);
  double gathering_end(const parallel::OrderedStep& action, double inputs, double start);
  double exchanging_end(const Job& job, const parallel::OrderedStep& action, double start,
                        double end);
};

void Estimator::Tables::begin_step(const Job& job) {
  const auto ranks = static_cast<std::size_t>(job.layout.pipeline);
  free.assign(ranks, 0);
  send_free.assign(ranks, 0);
  receive_free.assign(ranks, 0);
  if (!gathers_once(job)) replica_free.assign(ranks, 0);
  exchange_end = replica_free;
}

/// End of an action with ZeRO-3. The first gather asks for the pass's input alone, and may run
/// beside what is before it.
double Estimator::Tables::gathering_end(const parallel::OrderedStep& action, double inputs,
                                        double start) {
  const StageTimes& stage = stages[static_cast<std::size_t>(action.stage())];
  double& exchanging = exchange_end[static_cast<std::size_t>(action.rank)];
  const double own = stage.of(action.kind);
  if (action.kind == Kind::weight) {
    exchanging = std::max(exchanging, start + own) + stage.reduces;
    return start + own;
  }
  const bool ahead = action.forward_stage >= 0;
  const double gather = ahead ? stage.first_gather_forward : stage.first_gather_backward;
  const double end = std::max(start, std::max(exchanging, inputs) + gather) + own - gather;
  exchanging = ahead ? end - stage.last_forward : end + stage.left_reduces;
  return end;
}

/// End of a stage's first or last action, beside which weights or gradients are exchanged.
double Estimator::Tables::exchanging_end(const Job& job, const parallel::OrderedStep& action,
                                         double start, double end) {
  const StageTimes& stage = stages[static_cast<std::size_t>(action.stage())];
  double& exchanging = exchange_end[static_cast<std::size_t>(action.rank)];
  if (action.first_forward && gathers_once(job) && exchanging > start) {
    end = std::max(end, first_forward(stage, replica(job), start));
  }
  if (!action.last_backward || !reduces_behind(job)) return end;
  const StageTimes& last = stages[static_cast<std::size_t>(action.backward_stage)];
  if (!last.exchanges) return end;
  if (action.kind != Kind::weight) {
    return last_backward(last, replica(job), start, end - start, exchanging);
  }
  exchanging = std::max(exchanging, end) + last.reduces;  // all layers' gradients come at once
  return end;
}

/// Most of a search's time is spent here.
template <bool gathering>
void Estimator::Tables::take_steps(const Job& job, const parallel::PipelineOrder& schedule) {
  const double* const message_times = messages(job).data();
  const double* const durations = by_action.data();
  double *const at = arrival.data(), *const rank_free = free.data();
  double *const sent = send_free.data(), *const received = receive_free.data();
  // Ranks that wait for their messages go on when the last one has left.
  const bool waits = !job.asynchronous_messages();
  for (const parallel::OrderedStep& step : schedule.steps) {
    if (step.is_message) {
      double& there = at[step.forward_in];
      const double ready = waits ? rank_free[step.rank] : there;
      there =
          std::max(std::max(ready, sent[step.rank]), received[step.to]) + message_times[step.work];
      sent[step.rank] = received[step.to] = there;
      continue;
    }
    const double inputs = std::max(at[step.forward_in], at[step.backward_in]);
    double start = std::max(rank_free[step.rank], inputs);
    if (waits) start = std::max(start, sent[step.rank]);
    double end = start + durations[step.work];
    if constexpr (gathering) end = gathering_end(step, inputs, start);
    if (step.first_forward || step.last_backward) end = exchanging_end(job, step, start, end);
    rank_free[step.rank] = end;
    at[step.forward_out] = at[step.backward_out] = end;
  }
}

/// Seconds until the last rank has its gradients.
double Estimator::Tables::pipeline(const Job& job, int micro_batches) {
  const parallel::PipelineOrder& schedule = order(job, micro_batches);
  arrival.resize(std::max(arrival.size(), static_cast<std::size_t>(schedule.slots)));
  arrival[parallel::OrderedStep::kAtHand] = 0;
  begin_step(job);
  gathers_each_pass(job) ? take_steps<true>(job, schedule) : take_steps<false>(job, schedule);
  return last_end(job);
}

/// When the last rank has its gradients.
double Estimator::Tables::last_end(const Job& job) {
  const auto end_of = [this](int rank) {
    const auto r = static_cast<std::size_t>(rank);
    return std::max(free[r], exchange_end[r]);
  };
  double last = 0;
  for (int rank = 0; rank < job.layout.pipeline; ++rank) last = std::max(last, end_of(rank));
  const double first = end_of(0);
  const double other = end_of(parallel::rank_of_stage(job, job.stages() - 1, 0));
  return std::max(last, std::max(first, other) + tied(job));
}

/// The passes of a stage with ZeRO-3; `pause` follows each, while its message leaves.
Row Estimator::Tables::gathering_row(const Job& job, const StageTimes& stage, bool ahead,
                                     const Row& inputs, double start, double pause,
                                     double& exchanging) const {
  const double each = stage.of(ahead ? Kind::forward : Kind::backward);
  const double gather = ahead ? stage.first_gather_forward : stage.first_gather_backward;
  const double past_gather = ahead ? stage.last_forward : stage.last_backward;
  const double gathered = std::max(exchanging, inputs.first) + gather;
  const double first = std::max(start, gathered) - gather +
                       (ahead ? stage.gathering_forward : stage.gathering_backward);
  const int count = job.layout.micro_batches;
  if (!gathers_each_pass(job)) {
    exchanging = first - past_gather;
    return row_of(inputs, count, first, each + pause, each);
  }
  const double left = ahead ? -past_gather : stage.left_reduces;
  const Row ends = row_of(inputs, count, first, each + std::max(pause - gather, left), each);
  exchanging = ends.last + left;
  return ends;
}

/// All passes of a stage in one direction: when their outputs are at the next stage.
Row Estimator::Tables::row(const Job& job, int stage, bool ahead, const Row& inputs) {
  const auto rank = static_cast<std::size_t>(parallel::rank_of_stage(job, stage, 0));
  const StageTimes& own = stages[static_cast<std::size_t>(stage)];
  const int next = stage + (ahead ? 1 : -1), count = job.layout.micro_batches;
  const auto to = next < 0 || next >= job.stages()
                      ? rank
                      : static_cast<std::size_t>(parallel::rank_of_stage(job, next, 0));
  const std::size_t low = std::min(rank, to), high = std::max(rank, to);
  const double message = to == rank ? 0 : messages(job)[high - low == 1 ? low : high];
  const bool waits = !job.asynchronous_messages();
  const double pause = waits ? message : 0;
  const double start = std::max({free[rank], waits ? send_free[rank] : 0, inputs.first});
  Row ends;
  if (job.layout.zero >= 3) {
    ends = gathering_row(job, own, ahead, inputs, start, pause, exchange_end[rank]);
  } else {
    const double each = own.of(ahead ? Kind::forward : Kind::backward);
    double first = start + each;
    if (ahead && gathers_once(job) && exchange_end[rank] > start) {
      first = std::max(first, first_forward(own, replica(job), start));
    }
    ends = row_of(inputs, count, first, each + pause, each);
  }
  if (!ahead && own.exchanges && reduces_behind(job)) {
    const double from = count == 1 ? start : std::max(ends.before + pause, inputs.last);
    ends.last = last_backward(own, replica(job), from, ends.last - from, exchange_end[rank]);
  }
  if (count == 1) ends.first = ends.last;
  free[rank] = ends.last;
  if (to == rank) return ends;
  const double first = std::max({ends.first, send_free[rank], receive_free[to]}) + message;
  const Row there = row_of(ends, count, first, message, message);
  send_free[rank] = receive_free[to] = there.last;
  return there;
}

/// As pipeline(), where all passes of a stage follow each other.
double Estimator::Tables::in_rows(const Job& job) {
  begin_step(job);
  Row passed;
  for (int stage = 0; stage < job.stages(); ++stage) passed = row(job, stage, true, passed);
  passed = {};  // at hand where the loss was
  for (int stage = job.stages(); stage > 0; --stage) passed = row(job, stage - 1, false, passed);
  return last_end(job);
}

Estimator::Estimator(const workloads::ModelGraph& model, const topology::Cluster& cluster,
                     const KernelModel& kernels, const RankPower& power)
    : tables_(std::make_unique<Tables>(model, cluster, kernels, power)) {}

Estimator::~Estimator() = default;

double Estimator::memory(const Job& job) {
  const auto& classes = tables_->load(job);
  const auto& backlogs = tables_->backlog(job);
  // Where some layers of a stage are recomputed and others not, its load is no sum over classes.
  const bool by_class = job.recompute_layers < 0;
  const double in_a_row = goes_in_rows(job) ? job.layout.micro_batches : 1;
  double most = 0;
  for (const int rank : tables_->fullest(job)) {
    const parallel::Backlog& backlog = backlogs[static_cast<std::size_t>(rank)];
    auto& loads = tables_->rank_loads;
    loads.clear();
    for (const int stage : backlog.stages) {
      parallel::StageLoad load;
      if (!by_class) load = parallel::load_of(job, parallel::layers_of_stage(job, stage));
      for (const StageRun& run : tables_->passes.shape(job, stage).runs) {
        if (by_class) load.add(classes[static_cast<std::size_t>(run.layer)], run.count);
      }
      load.activation *= in_a_row;
      loads.push_back(load);
    }
    most = std::max(most, parallel::rank_bytes(job, rank, loads, backlog).total());
  }
  return most;
}

/// Seconds until all ranks have their gradients, and weights where these are not gathered ahead.
double Estimator::Tables::passes_and_exchanges(const Job& job) {
  time_stages(job);
  const Rounds rounds = rounds_of(job);
  const int all = job.layout.micro_batches, more = rounds.steady + rounds.round;
  double seconds = 0;
  if (goes_in_rows(job)) {
    seconds = in_rows(job);
  } else if (all <= more + rounds.round) {
    seconds = pipeline(job, all);
  } else {
    // Every round adds the same once the pipeline is full; take a number that leaves whole rounds.
    const int short_of = rounds.steady + (all - rounds.steady) % rounds.round;
    const double few = pipeline(job, short_of);
    const double round = pipeline(job, short_of + rounds.round) - few;
    const int further = (all - short_of) / rounds.round;
    seconds = few + round * further;
  }
  if (job.layout.zero >= 3) return seconds;
  double reduced = 0, gathered = 0;  // of the stage with most of them
  for (const StageTimes& stage : stages) {
    reduced = std::max(reduced, stage.reduces);
    gathered = std::max(gathered, stage.gathers);
  }
  const int chunks = job.layout.virtual_stages;
  if (!job.sharding.reduce_behind) seconds += chunks * reduced;
  if (job.layout.zero >= 1 && !job.sharding.gather_ahead) seconds += chunks * gathered;
  return seconds;
}

/// Forgets what was found of a layout that differs in more than ZeRO stage and recomputation.
void Estimator::Tables::meet(const Job& job) {
  const workloads::Layout& layout = job.layout;
  const std::array now{layout.tensor,         layout.context, layout.expert,
                       layout.pipeline,       layout.data,    static_cast<int>(job.schedule),
                       layout.virtual_stages, job.micro_batch};
  if (now == alike && layout.stage_layers == alike_layers) return;
  alike = now;
  alike_layers = layout.stage_layers;
  known_steps.clear();
  known_bounds.clear();
}

double Estimator::step(const Job& job) {
  tables_->meet(job);
  // ZeRO-1 and 2 differ in memory alone where they send the same bytes.
  const int zero = job.layout.zero == 2 ? 1 : job.layout.zero;
  const auto [at, is_new] = tables_->known_steps.emplace(
      std::tuple{static_cast<int>(job.recompute), zero, &tables_->replica(job)}, 0);
  if (is_new) at->second = tables_->passes_and_exchanges(job);
  return at->second + tables_->norm(job) + tables_->optimizer(job).seconds;
}

power::Activity Estimator::activity(const Job& job) {
  const double passes = job.layout.micro_batches, ranks = job.layout.pipeline;
  const std::vector<ReplicaTimes>& exchanges = tables_->replica(job);
  const bool each_pass = gathers_each_pass(job);
  const double holders = parallel::mirror_of(job, 0) == 0 ? 1 : 2;
  const double reduces = each_pass ? passes : holders;
  const double gathers = job.layout.zero >= 3 ? 2 * (each_pass ? passes : 1) : holders;
  power::Activity mean = tables_->optimizer(job).activity;
  const auto add = [&mean](power::Activity one, double times) {
    one *= times;
    mean += one;
  };
  for (int stage = 0; stage < job.stages(); ++stage) {
    for (const RunTimes& run : tables_->passes.of(job, stage).layers) {
      const ReplicaTimes& one = exchanges[static_cast<std::size_t>(run.layer)];
      add(run.each->activity, run.count * passes / ranks);
      add(one.reduce_activity, run.count * reduces / ranks);
      add(one.gather_activity, run.count * gathers / ranks);
    }
  }
  if (job.pairs()) mean.waiting = {};  // for exchanges, that is
  return mean;
}

Joules energy_of(const power::PowerCurve& curve, const power::Activity& activity) {
  Joules energy = curve.idle * activity.duration + curve.waiting * activity.waiting;
  if (activity.computing > Seconds()) {
    const Watts running =
        curve.active + power::energy_of_work(curve, activity) / activity.computing;
    energy += std::min(running, curve.limit - curve.idle) * activity.computing;
  }
  return energy;
}

/// Seconds of a rank for one micro-batch through all of its stages, if nothing ever waits.
double Estimator::Tables::busy(const Job& job, const parallel::Backlog& rank) {
  double passing = 0, computing = 0, exchanging = 0, replicas = 0;
  for (const int stage : rank.stages) {
    const PassTimes& pass = passes.of(job, stage);
    passing += pass.forward + pass.backward;
    computing += pass.computing;
    exchanging += pass.exchanging;
    if (!gathers_each_pass(job)) continue;
    for (const RunTimes& run : pass.layers) {
      const ReplicaTimes& one = replica(job)[static_cast<std::size_t>(run.layer)];
      replicas += run.count * (2 * one.gather + one.reduce);
    }
  }
  // Of a pair, exchanges hide behind kernels or kernels behind exchanges; its load is more even.
  const double evened = parallel::overlapped(job, std::numeric_limits<int>::max()).expert_load /
                        parallel::exposed(job).expert_load;
  return std::max(replicas, job.pairs() ? evened * std::max(computing, exchanging) : passing);
}

double Estimator::bound(const Job& job, bool rough) {
  if (rough && (job.recompute != parallel::Recompute::none || job.layout.zero >= 3)) {
    tables_->meet(job);
    const auto known =
        tables_->known_bounds.find({static_cast<int>(parallel::Recompute::none), false});
    if (known != tables_->known_bounds.end()) return known->second;
    Job plain = job;
    plain.recompute = parallel::Recompute::none;
    plain.recompute_layers = -1;
    plain.layout.zero = 0;
    return bound(plain, false);
  }
  tables_->meet(job);
  const auto [at, is_new] = tables_->known_bounds.emplace(
      std::pair{static_cast<int>(job.recompute), gathers_each_pass(job)}, 0);
  if (!is_new) return at->second;
  double most = 0;
  for (const parallel::Backlog& rank : tables_->backlog(job)) {
    most = std::max(most, tables_->busy(job, rank));
  }
  // Mirrored stages get half of the micro-batches each.
  const bool mirrored = parallel::mirror_of(job, 0) != 0;
  at->second = most * job.layout.micro_batches / (mirrored ? 2 : 1);
  return at->second;
}

}  // namespace aisle::sim
