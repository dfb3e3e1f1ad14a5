// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search_passes.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/study/draw.hpp"

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

/// Some layers of a stage are recomputed and others not, or the last one waits for the host: none
/// stands for others.
bool hangs_on_stage(const Job& job) {
  return job.recompute_layers >= 0 || job.host_launch > Seconds();
}

/// When layers begin in one pass, and what the pass adds up to.
struct PassClock {
  std::vector<double> begin;  // by layer number of the plan; infinite: nothing is done there
  std::vector<double> weight, computing, exchanging;
  std::vector<std::vector<Width>> widths;
  std::vector<power::Activity> activity;
  double start = std::numeric_limits<double>::infinity(), end = 0;
  double first_end = 0;  ///< of the operation that begins first
};

power::Activity activity_of(const TimedWork& work) {
  power::Activity activity;
  if (!work.widths.empty()) activity.computing = work.alone;
  activity.flops = work.flops_by_precision;
  activity.hbm = work.hbm_bytes;
  activity.die_to_die = work.die_to_die_bytes;
  activity.scale_up = work.scale_up_bytes;
  activity.nic = work.scale_out_bytes;
  return activity;
}

PassClock clock_of(const TimedPlan& timed, const Execution& execution, int micro_batch,
                   std::size_t layers) {
  PassClock clock;
  clock.begin.assign(layers, std::numeric_limits<double>::infinity());
  clock.weight.assign(layers, 0);
  clock.computing.assign(layers, 0);
  clock.exchanging.assign(layers, 0);
  clock.widths.resize(layers);
  clock.activity.resize(layers);
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
    clock.activity[layer] += activity_of(work);
    if (work.widths.empty()) clock.exchanging[layer] += work.alone.si();
    if (work.widths.empty()) continue;
    clock.computing[layer] += work.alone.si();
    auto& widths = clock.widths[layer];
    widths.insert(widths.end(), work.widths.begin(), work.widths.end());
    if (operation.phase == workloads::Phase::weight_gradient) {
      clock.weight[layer] += work.alone.si();
    }
  }
  return clock;
}

}  // namespace

void Slowing::add(const std::vector<Width>& widths) {
  for (const Width& width : widths) {
    const auto same = std::find_if(kernels_.widths.begin(), kernels_.widths.end(),
                                   [&](const Width& one) { return one.cores == width.cores; });
    if (same != kernels_.widths.end()) {
      same->time += width.time;
    } else {
      kernels_.widths.push_back(width);
    }
    kernels_.alone += width.time;
  }
}

/// The same exchange is beside the same kernels again and again.
double Slowing::added(int held) const {
  if (held != held_) {
    held_ = held;
    added_ = kernels_.alone.si() * (1 / rate_factor(kernels_, held, cores_, interference_) - 1);
  }
  return added_;
}

TimedPlan PassTable::time(const workloads::Plan& plan) const {
  TimedPlan timed = lower(plan, cluster_, kernels_);
  apply_power_caps(timed, powers_);
  return timed;
}

PassTable::PassTable(const ModelGraph& model, const topology::Cluster& cluster,
                     const KernelModel& kernels, const RankPower& power)
    : model_(model), cluster_(cluster), kernels_(kernels), powers_{power} {
  for (const Layer& layer : model.layers) {
    const auto known = std::find(classes_.begin(), classes_.end(), layer);
    if (known == classes_.end()) {
      classes_.push_back(layer);
      samples_.push_back({static_cast<int>(samples_.size()), 1});
    } else {
      int& count = samples_[static_cast<std::size_t>(known - classes_.begin())].count;
      count = std::min(count + 1, kTimed);
    }
  }
}

int PassTable::intern(const std::vector<StageRun>& runs) {
  return known_runs_.emplace(runs, static_cast<int>(known_runs_.size())).first->second;
}

/// What lies beside other ranks is forgotten: a search takes one cut after the other.
PassTable::Cut& PassTable::cut_of(const Job& job) {
  const workloads::Layout& layout = job.layout;
  const std::array ranks{layout.tensor, layout.context, layout.expert};
  if (ranks != ranks_) {
    cuts_.clear();
    last_cut_ = nullptr;
    ranks_ = ranks;
  }
  const std::array key{job.micro_batch, static_cast<int>(job.recompute)};
  if (last_cut_ == nullptr || key != last_cut_key_) {
    last_cut_key_ = key;
    last_cut_ = &cuts_[key];
  }
  return *last_cut_;
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

std::vector<int> PassTable::steps(const std::vector<StageRun>& runs) const {
  std::vector<int> all;
  for (const StageRun& run : runs) {
    const int each = steps_of(classes_[static_cast<std::size_t>(run.layer)]);
    all.insert(all.end(), static_cast<std::size_t>(run.count * each), run.layer);
  }
  return all;
}

/// Seconds forward and backward of each step.
std::vector<std::array<double, 2>> PassTable::by_step(const PassTimes& passes) const {
  std::vector<std::array<double, 2>> all;
  for (const RunTimes& run : passes.layers) {
    const int each = steps_of(classes_[static_cast<std::size_t>(run.layer)]);
    const std::array step{run.each->forward / each, run.each->backward / each};
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
  for (const StageRun& run : runs) {
    sequence.layers.insert(sequence.layers.end(), static_cast<std::size_t>(run.count),
                           classes_[static_cast<std::size_t>(run.layer)]);
  }
  return sequence;
}

/// Passes through the layers of one plan, layer by layer.
std::vector<LayerTimes> PassTable::time_layers(const Job& job, const std::vector<StageRun>& runs) {
  const ModelGraph sequence = sequence_of(runs);
  const std::size_t count = steps(runs).size();
  ++timed_;
  Job part = job;
  part.offload.activations = 0;  // copies are those of whole stages
  const Plan plan = parallel::pass_plan(part, sequence, false);
  const TimedPlan timed = time(plan);
  const Execution execution = execute_analytic(timed);
  const PassClock ahead = clock_of(timed, execution, 0, count);
  PassClock back = clock_of(timed, execution, 1, count);
  // Its first exchange may have run beside the end of the forward pass, which is not part of it.
  const double hidden = std::max(0.0, std::min(back.first_end, ahead.end) - back.start);
  if (back.start < ahead.end) back.start = std::max(ahead.end, back.first_end) - hidden;
  const auto from = [](const PassClock& clock, double begin) {
    return std::clamp(begin, clock.start, clock.end);
  };
  std::vector<LayerTimes> all;
  std::size_t step = 0;
  for (const Layer& layer : sequence.layers) {
    const auto last = step + static_cast<std::size_t>(steps_of(layer));
    LayerTimes one;
    one.slowed_forward = one.slowed_backward = Slowing(timed.cores, timed.interference);
    const double forward_end = last < count ? from(ahead, ahead.begin[last]) : ahead.end;
    one.forward = forward_end - from(ahead, ahead.begin[step]);
    // Backward, a layer's last step comes first, and the layer before it next.
    const double backward_begin = last == count ? back.start : from(back, back.begin[last - 1]);
    const double backward_end = step > 0 ? from(back, back.begin[step - 1]) : back.end;
    one.backward = std::max(0.0, backward_end - backward_begin);
    for (; step < last; ++step) {
      one.weight += back.weight[step];
      one.computing += ahead.computing[step] + back.computing[step];
      one.exchanging += ahead.exchanging[step] + back.exchanging[step];
      one.slowed_forward.add(ahead.widths[step]);
      one.slowed_backward.add(back.widths[step]);
      one.activity += ahead.activity[step];
      one.activity += back.activity[step];
    }
    one.activity.waiting = std::max(0.0, one.forward + one.backward - one.computing) * units::s;
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<LayerTimes> PassTable::time_classes(const Job& job) {
  const std::vector<LayerTimes> all = time_layers(job, samples_);
  std::vector<LayerTimes> classes;
  std::size_t first = 0;
  for (const StageRun& run : samples_) {
    const auto count = static_cast<std::size_t>(run.count);
    classes.push_back(all[first + (count - 1) / 2]);
    first += count;
  }
  return classes;
}

const PassTimes& PassTable::of(const Job& job, int stage) {
  Cut& cut = cut_of(job);
  const StageShape& shape_of = shape(job, stage);
  const auto id = static_cast<std::size_t>(shape_of.id);
  if (cut.by_shape.size() <= id) cut.by_shape.resize(known_runs_.size(), nullptr);
  if (cut.by_shape[id] != nullptr) return *cut.by_shape[id];
  PassTimes times;
  const auto add = [&times](int layer, int count, const LayerTimes& each) {
    times.layers.push_back({layer, count, &each});
    times.forward += count * each.forward;
    times.backward += count * each.backward;
    times.weight += count * each.weight;
    times.computing += count * each.computing;
    times.exchanging += count * each.exchanging;
  };
  if (hangs_on_stage(job)) {
    const auto& layers =
        cut.whole.emplace(shape_of.id, time_layers(job, shape_of.runs)).first->second;
    auto each = layers.begin();
    for (const StageRun& run : shape_of.runs) {
      for (int i = 0; i < run.count; ++i) add(run.layer, 1, *each++);
    }
  } else {
    if (cut.classes.empty()) cut.classes = time_classes(job);
    for (const StageRun& run : shape_of.runs) {
      add(run.layer, run.count, cut.classes[static_cast<std::size_t>(run.layer)]);
    }
  }
  cut.passes.push_back(std::move(times));
  return *(cut.by_shape[id] = &cut.passes.back());
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

int PassTable::with_experts(const std::vector<StageRun>& runs) const {
  int count = 0;
  for (const StageRun& run : runs) {
    if (classes_[static_cast<std::size_t>(run.layer)].feed_forward.experts > 0) count += run.count;
  }
  return count;
}

/// One plan through the layers of both stages, from both its ends: its first half holds the pairs
/// wanted. `felt` layers with experts are in the pair that these stand for, the longest run of both
/// is of class `longest`.
PassTable::PairTimes PassTable::time_steps(const Job& job, const std::vector<StageRun>& ahead,
                                           const std::vector<StageRun>& back, int felt,
                                           int longest) {
  const std::vector<int> forward = steps(ahead), backward = steps(back);
  const std::size_t pairs = std::min(forward.size(), backward.size());
  std::vector<StageRun> both = ahead;
  both.insert(both.end(), back.begin(), back.end());
  const ModelGraph sequence = sequence_of(both);
  Job part = job;
  // The planner averages the spread of loads over the layers of its pair; these are others.
  part.expert_load_spread *= std::sqrt(std::max(1.0, 2.0 * with_experts(both)) / std::max(1, felt));
  ++timed_;
  const Plan plan = parallel::pass_plan(part, sequence, true);
  const TimedPlan timed = time(plan);
  const Execution execution = execute_analytic(timed);
  PassClock clock = clock_of(timed, execution, 0, forward.size() + backward.size());
  clock.begin.push_back(execution.makespan.si());
  for (std::size_t i = clock.begin.size() - 1; i > 0; --i) {
    clock.begin[i - 1] = std::min(clock.begin[i - 1], clock.begin[i]);  // steps without forward
  }
  std::size_t first = pairs, last = 0;
  for (std::size_t i = 0; i < pairs; ++i) {
    if (forward[i] != longest || backward[backward.size() - 1 - i] != longest) continue;
    first = std::min(first, i);
    last = i;
  }
  PairTimes times{clock.begin[pairs], 0};
  const std::size_t middle = (first + last) / 2;
  if (first < last) times.middle = clock.begin[middle + 1] - clock.begin[middle];
  return times;
}

/// The stage ahead forward, step by step beside the other one backward. Steps that have no partner
/// are passed alone.
double PassTable::time_pair(const Job& job, int stage) {
  const int other = job.stages() - 1 - stage;
  std::vector<StageRun> ahead = shape(job, stage).runs, back = shape(job, other).runs;
  const int felt = with_experts(ahead) + with_experts(back);
  const StageRun left_out = job.recompute_layers < 0 ? shorten(ahead, back) : StageRun{};
  double seconds = 0;
  const bool beside = job.overlap && !ahead.empty() && !back.empty();
  if (beside) {
    auto& known = cut_of(job).short_pairs;
    const std::tuple key{intern(ahead), intern(back), felt};
    auto found = known.find(key);
    if (found == known.end()) {
      found = known.emplace(key, time_steps(job, ahead, back, felt, left_out.layer)).first;
    }
    seconds = found->second.all + left_out.count * found->second.middle;
  }
  const auto alone_ahead = by_step(of(job, stage)), alone_back = by_step(of(job, other));
  const std::size_t paired = beside ? std::min(alone_ahead.size(), alone_back.size()) : 0;
  for (std::size_t i = paired; i < alone_ahead.size(); ++i) seconds += alone_ahead[i][0];
  for (std::size_t i = 0; i + paired < alone_back.size(); ++i) seconds += alone_back[i][1];
  return seconds;
}

double PassTable::pair(const Job& job, int stage) {
  const int ahead = shape(job, stage).id, back = shape(job, job.stages() - 1 - stage).id;
  const std::uint64_t key =
      static_cast<std::uint64_t>(ahead) << 32 | static_cast<std::uint64_t>(back);
  auto& pairs = cut_of(job).pairs;
  const auto found = pairs.find(key);
  if (found != pairs.end()) return found->second;
  return pairs.emplace(key, time_pair(job, stage)).first->second;
}

}  // namespace aisle::sim
