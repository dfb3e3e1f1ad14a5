// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search_passes.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace aisle::sim {

namespace {

namespace parallel = workloads::parallel;
using parallel::Job;
using workloads::Layer;
using workloads::LayerKind;
using workloads::ModelGraph;
using workloads::Operation;
using workloads::Plan;

/// Of a run of equal layers, so many are timed.
constexpr int kTimed = 3;
/// The same where a run goes forward beside another that goes backward.
constexpr int kTimedPairs = 4;

/// Steps that the planner makes of one layer.
int steps_of(const Layer& layer) {
  return layer.kind == LayerKind::mtp ? 3 : 1;
}

/// When layers begin in one pass, and what the pass adds up to.
struct PassClock {
  std::vector<double> begin;  // by layer number of the plan; infinite: nothing is done there
  std::vector<double> weight;
  double start = std::numeric_limits<double>::infinity(), end = 0;
  double first_end = 0;  ///< of the operation that begins first
  double computing = 0;
  std::vector<Width> widths;
};

PassClock clock_of(const TimedPlan& timed, const Execution& execution, int micro_batch,
                   std::size_t layers) {
  PassClock clock;
  clock.begin.assign(layers, std::numeric_limits<double>::infinity());
  clock.weight.assign(layers, 0);
  for (std::size_t o = 0; o < timed.plan->operations.size(); ++o) {
    const Operation& operation = timed.plan->operations[o];
    if (operation.micro_batch != micro_batch || operation.layer < 0) continue;
    const auto layer = static_cast<std::size_t>(operation.layer);
    const TimedWork& work = timed.works[static_cast<std::size_t>(operation.work)];
    clock.begin[layer] = std::min(clock.begin[layer], execution.start_s[o]);
    if (execution.start_s[o] < clock.start) {
      clock.start = execution.start_s[o];
      clock.first_end = execution.end_s[o];
    }
    clock.end = std::max(clock.end, execution.end_s[o]);
    if (work.widths.empty()) continue;
    clock.computing += work.alone.si();
    if (operation.phase == workloads::Phase::weight_gradient) {
      clock.weight[layer] += work.alone.si();
    }
    clock.widths.insert(clock.widths.end(), work.widths.begin(), work.widths.end());
  }
  return clock;
}

/// How much longer a pass takes while 0, 1, 2, ... cores are held.
std::vector<double> slowed(const PassClock& clock, const TimedPlan& timed) {
  std::vector<double> factors(static_cast<std::size_t>(timed.cores) + 1, 1);
  const double length = clock.end - clock.start;
  if (!(length > 0)) return factors;
  TimedWork all;
  all.widths = clock.widths;
  all.alone = clock.computing * units::s;
  for (std::size_t held = 1; held < factors.size(); ++held) {
    const double rate = rate_factor(all, static_cast<int>(held), timed.cores, timed.interference);
    factors[held] = 1 + clock.computing * (1 / rate - 1) / length;
  }
  return factors;
}

}  // namespace

PassTable::PassTable(const ModelGraph& model, const topology::Cluster& cluster,
                     const KernelModel& kernels)
    : model_(model), cluster_(cluster), kernels_(kernels) {
  for (const Layer& layer : model.layers) {
    const auto known = std::find(classes_.begin(), classes_.end(), layer);
    class_of_layer_.push_back(static_cast<int>(known - classes_.begin()));
    if (known == classes_.end()) classes_.push_back(layer);
  }
}

int PassTable::intern(const std::vector<StageRun>& runs) {
  return known_runs_.emplace(runs, static_cast<int>(known_runs_.size())).first->second;
}

/// What decides how one layer is carried out.
int PassTable::cut_of(const Job& job) {
  const workloads::Layout& layout = job.layout;
  const std::tuple key{layout.tensor, layout.context, layout.expert, job.micro_batch,
                       static_cast<int>(job.recompute)};
  if (last_cut_ >= 0 && key == last_cut_key_) return last_cut_;
  last_cut_key_ = key;
  last_cut_ = cuts_.emplace(key, static_cast<int>(cuts_.size())).first->second;
  return last_cut_;
}

const PassTable::Shapes& PassTable::shapes(const Job& job) {
  const std::vector<int>& counts = job.layout.stage_layers;
  if (last_layers_ != nullptr && counts == *last_layers_) return *last_shapes_;
  auto found = shapes_.find(counts);
  if (found == shapes_.end()) {
    Shapes made;
    for (int stage = 0; stage < job.stages(); ++stage) {
      StageShape shape;
      for (const Layer& layer : parallel::layers_of_stage(job, stage)) {
        const auto known = std::find(classes_.begin(), classes_.end(), layer);
        const auto index = static_cast<int>(known - classes_.begin());
        if (!shape.runs.empty() && shape.runs.back().layer == index) {
          ++shape.runs.back().count;
        } else {
          shape.runs.push_back({index, 1});
        }
      }
      shape.id = intern(shape.runs);
      made.push_back(std::move(shape));
    }
    found = shapes_.emplace(counts, std::move(made)).first;
  }
  last_layers_ = &found->first;
  last_shapes_ = &found->second;
  return found->second;
}

const StageShape& PassTable::shape(const Job& job, int stage) {
  return shapes(job)[static_cast<std::size_t>(stage)];
}

std::vector<int> PassTable::expand(const std::vector<StageRun>& runs) const {
  std::vector<int> layers;
  for (const StageRun& run : runs) {
    layers.insert(layers.end(), static_cast<std::size_t>(run.count), run.layer);
  }
  return layers;
}

std::vector<int> PassTable::steps(const std::vector<StageRun>& runs) const {
  std::vector<int> all;
  for (const StageRun& run : runs) {
    const int each = steps_of(classes_[static_cast<std::size_t>(run.layer)]);
    all.insert(all.end(), static_cast<std::size_t>(run.count * each), run.layer);
  }
  return all;
}

std::vector<LayerTimes> PassTable::by_step(const PassTimes& passes) const {
  std::vector<LayerTimes> all;
  for (const LayerTimes& run : passes.layers) {
    const int each = steps_of(classes_[static_cast<std::size_t>(run.layer)]);
    const LayerTimes step{run.layer, 1, run.forward / each, run.backward / each, run.weight / each};
    all.insert(all.end(), static_cast<std::size_t>(run.count * each), step);
  }
  return all;
}

ModelGraph PassTable::sequence_of(const std::vector<StageRun>& runs) const {
  ModelGraph sequence;
  sequence.name = model_.name;
  sequence.hidden = model_.hidden;
  sequence.vocabulary = model_.vocabulary;
  sequence.tied_embeddings = model_.tied_embeddings;
  sequence.learned_positions = model_.learned_positions;
  for (const int layer : expand(runs)) {
    sequence.layers.push_back(classes_[static_cast<std::size_t>(layer)]);
  }
  return sequence;
}

/// Passes through a stretch as short as it is given.
PassTimes PassTable::time_passes(const Job& job, const std::vector<StageRun>& runs) {
  PassTimes times;
  const ModelGraph sequence = sequence_of(runs);
  const std::size_t count = steps(runs).size();
  ++timed_;
  const Plan plan = parallel::pass_plan(job, sequence, false);
  const TimedPlan timed = lower(plan, cluster_, kernels_);
  const Execution execution = execute_analytic(timed);
  const PassClock ahead = clock_of(timed, execution, 0, count);
  PassClock back = clock_of(timed, execution, 1, count);
  // Its first exchange may have run beside the end of the forward pass, which is not part of it.
  const double hidden = std::max(0.0, std::min(back.first_end, ahead.end) - back.start);
  if (back.start < ahead.end) back.start = std::max(ahead.end, back.first_end) - hidden;
  times.computing = ahead.computing + back.computing;
  times.slowed_forward = slowed(ahead, timed);
  times.slowed_backward = slowed(back, timed);
  std::size_t step = 0;
  for (const int layer : expand(runs)) {
    const auto last =
        step + static_cast<std::size_t>(steps_of(classes_[static_cast<std::size_t>(layer)]));
    LayerTimes one{layer, 1, 0, 0, 0};
    const auto from = [](const PassClock& clock, double begin) {
      return std::clamp(begin, clock.start, clock.end);
    };
    const double forward_end = last < count ? from(ahead, ahead.begin[last]) : ahead.end;
    one.forward = forward_end - from(ahead, ahead.begin[step]);
    // Backward, a layer's last step comes first, and the layer before it next.
    const double backward_begin = last == count ? back.start : from(back, back.begin[last - 1]);
    const double backward_end = step > 0 ? from(back, back.begin[step - 1]) : back.end;
    one.backward = std::max(0.0, backward_end - backward_begin);
    for (; step < last; ++step) one.weight += back.weight[step];
    times.layers.push_back(one);
  }
  return times;
}

const PassTimes& PassTable::of(const Job& job, int stage) {
  const StageShape& whole = shape(job, stage);
  const auto cut = static_cast<std::uint64_t>(cut_of(job));
  const std::uint64_t key = cut << 32 | static_cast<std::uint64_t>(whole.id);
  const auto found = passes_.find(key);
  if (found != passes_.end()) return found->second;
  // Where some layers of a stage are recomputed and others not, none stands for others.
  const int most = job.recompute_layers < 0 ? kTimed : std::numeric_limits<int>::max();
  std::vector<StageRun> runs = whole.runs;
  for (StageRun& run : runs) run.count = std::min(run.count, most);
  const std::uint64_t short_key = cut << 32 | static_cast<std::uint64_t>(intern(runs));
  auto timed = short_passes_.find(short_key);
  if (timed == short_passes_.end()) {
    timed = short_passes_.emplace(short_key, time_passes(job, runs)).first;
  }
  PassTimes times = timed->second;
  // The middle of three stands for those that were left out.
  auto at = times.layers.begin();
  double kernels = 0;
  for (const StageRun& run : whole.runs) {
    if (run.count > most) (at + 1)->count += run.count - most;
    at += std::min(run.count, most);
  }
  for (const LayerTimes& layer : times.layers) {
    times.forward += layer.count * layer.forward;
    times.backward += layer.count * layer.backward;
    times.weight += layer.count * layer.weight;
    kernels += layer.count;
  }
  times.computing *= kernels / static_cast<double>(std::max<std::size_t>(1, times.layers.size()));
  return passes_.emplace(key, std::move(times)).first->second;
}

/// Removes equal layers from the longest run of both stages, as many as leave enough of them to
/// time; returns how many, and of which class.
StageRun PassTable::shorten(std::vector<StageRun>& ahead, std::vector<StageRun>& back) {
  const auto longest = [](std::vector<StageRun>& runs) {
    return std::max_element(runs.begin(), runs.end(),
                            [](const StageRun& a, const StageRun& b) { return a.count < b.count; });
  };
  const auto a = longest(ahead), b = longest(back);
  if (a == ahead.end() || b == back.end() || a->layer != b->layer) return {};
  const int left_out = std::max(0, std::min(a->count, b->count) - kTimedPairs);
  a->count -= left_out;
  b->count -= left_out;
  return {a->layer, left_out};
}

/// The stage ahead forward, step by step beside the other one backward. One plan through the layers
/// of both, from both its ends: its first half holds the pairs wanted. Steps that have no partner
/// are passed alone.
double PassTable::time_pair(const Job& job, int stage) {
  const int other = job.stages() - 1 - stage;
  std::vector<StageRun> ahead = shape(job, stage).runs, back = shape(job, other).runs;
  const auto mixed = [&](const std::vector<StageRun>& runs) {
    double count = 0;
    for (const StageRun& run : runs) {
      if (classes_[static_cast<std::size_t>(run.layer)].feed_forward.experts > 0)
        count += run.count;
    }
    return count;
  };
  const double felt = std::max(1.0, mixed(ahead) + mixed(back));
  const StageRun left_out = job.recompute_layers < 0 ? shorten(ahead, back) : StageRun{};
  const std::vector<int> forward = steps(ahead), backward = steps(back);
  const std::size_t pairs = job.overlap ? std::min(forward.size(), backward.size()) : 0;
  double seconds = 0;
  if (pairs > 0) {
    std::vector<StageRun> both = ahead;
    both.insert(both.end(), back.begin(), back.end());
    const ModelGraph sequence = sequence_of(both);
    Job part = job;
    // The planner averages the spread of loads over the layers of its pair; these are others.
    part.expert_load_spread *= std::sqrt(std::max(1.0, 2 * mixed(both)) / felt);
    ++timed_;
    const Plan plan = parallel::pass_plan(part, sequence, true);
    const TimedPlan timed = lower(plan, cluster_, kernels_);
    const Execution execution = execute_analytic(timed);
    PassClock clock = clock_of(timed, execution, 0, forward.size() + backward.size());
    clock.begin.push_back(execution.makespan.si());
    for (std::size_t i = clock.begin.size() - 1; i > 0; --i) {
      clock.begin[i - 1] = std::min(clock.begin[i - 1], clock.begin[i]);  // steps without forward
    }
    seconds = clock.begin[pairs];
    if (left_out.count > 0) {
      std::size_t first = pairs, last = 0;  // pairs of the class whose layers were left out
      for (std::size_t i = 0; i < pairs; ++i) {
        if (forward[i] != left_out.layer || backward[backward.size() - 1 - i] != left_out.layer) {
          continue;
        }
        first = std::min(first, i);
        last = i;
      }
      const std::size_t middle = (first + last) / 2;
      if (first < last) {
        seconds += left_out.count * (clock.begin[middle + 1] - clock.begin[middle]);
      }
    }
  }
  const std::vector<LayerTimes> alone_ahead = by_step(of(job, stage));
  const std::vector<LayerTimes> alone_back = by_step(of(job, other));
  const std::size_t together = std::min(alone_ahead.size(), alone_back.size());
  const std::size_t paired = pairs > 0 ? together : 0;
  for (std::size_t i = paired; i < alone_ahead.size(); ++i) seconds += alone_ahead[i].forward;
  for (std::size_t i = 0; i + paired < alone_back.size(); ++i) seconds += alone_back[i].backward;
  return seconds;
}

double PassTable::pair(const Job& job, int stage) {
  const int ahead = shape(job, stage).id, back = shape(job, job.stages() - 1 - stage).id;
  const std::uint64_t key = static_cast<std::uint64_t>(cut_of(job)) << 42 |
                            static_cast<std::uint64_t>(ahead) << 21 |
                            static_cast<std::uint64_t>(back);
  const auto found = pairs_.find(key);
  if (found != pairs_.end()) return found->second;
  return pairs_.emplace(key, time_pair(job, stage)).first->second;
}

}  // namespace aisle::sim
