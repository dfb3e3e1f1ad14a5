// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/emit.hpp"
#include "workloads/parallel/memory.hpp"
#include "workloads/parallel/stages.hpp"

#include <algorithm>

namespace aisle::workloads::parallel {

namespace {

/// One stage's layers as the rank at one end of the pipeline carries them out.
class StageBuilder {
 public:
  StageBuilder(const Job& job, Groups& groups, WorkTable& works, int rank)
      : job_(job),
        beyond_(job.beyond_recomputed_layers()),
        groups_(groups),
        works_(works),
        rank_(rank) {}

  /// `pair`: the layers with experts that an overlapped pair runs through; none: passes on their
  /// own.
  std::vector<LayerSteps> build(const std::vector<Layer>& layers, const std::vector<int>& pair) {
    LayerBuilder builder(job_, groups_, works_, rank_);
    LayerBuilder beyond(beyond_, groups_, works_, rank_);
    std::vector<LayerSteps> steps;
    std::vector<LayerSteps> built;  // of the layer before, which most are like
    const LayerBuilder* builder_before = nullptr;
    int block = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      LayerBuilder& one = job_.recompute_covers(block) ? builder : beyond;
      const Layer& layer = layers[i];
      if (layer.attention.heads > 0) ++block;
      // Recorded loads tell layers apart.
      const bool again = builder_before == &one && layer == layers[i - 1] && !job_.uneven;
      if (!again) {
        one.meet(pair.empty() ? exposed(job_, layer) : overlapped(job_, pair, layer));
        built = one.build(layer);
      }
      builder_before = &one;
      steps.insert(steps.end(), built.begin(), built.end());
    }
    return steps;
  }

  Steps receipt() { return LayerBuilder(job_, groups_, works_, rank_).receipt(); }

 private:
  const Job& job_;
  Job beyond_;
  Groups& groups_;
  WorkTable& works_;
  int rank_;
};

/// Weight gradients of all layers, last layer first.
std::vector<Kernel> weight_kernels(const Plan& plan, const std::vector<LayerSteps>& steps) {
  std::vector<Kernel> weights;
  for (auto layer = steps.rbegin(); layer != steps.rend(); ++layer) {
    for (const Steps* slot : {&layer->feed_forward_weight, &layer->attention_weight}) {
      for (const Step& step : *slot) {
        const auto& kernels = plan.works[static_cast<std::size_t>(step.work)].kernels;
        weights.insert(weights.end(), kernels.begin(), kernels.end());
      }
    }
  }
  return weights;
}

/// Kernels that the host issues for passes of a stage, each up to its last computation: those of a
/// graph are launched as one.
class Launches {
 public:
  Launches(const Job& job, const Plan& plan) : job_(job), plan_(plan) {}

  double forward(const std::vector<LayerSteps>& layers) const {
    double sum = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const LayerSteps& layer = layers[i];
      const bool last = i + 1 == layers.size();
      const bool ends_here = last && layer.feed_forward.empty();
      if (!ends_here) sum += graphed(layer.attention) + graphed(layer.dispatch);
      if (!last) sum += of(layer.feed_forward) + of(layer.combine);
    }
    return sum;
  }

  double backward(const std::vector<LayerSteps>& layers, bool with_weights) const {
    double sum = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const LayerSteps& layer = layers[i];
      sum += graphed(layer.gradient_dispatch) + of(layer.feed_forward_backward) +
             of(layer.gradient_combine);
      if (with_weights) sum += of(layer.feed_forward_weight);
      if (i == 0) continue;  // the pass ends with it
      sum += graphed(layer.attention_backward) + graphed(layer.attention_tail);
      if (with_weights) sum += graphed(layer.attention_weight);
    }
    return sum;
  }

 private:
  double of(const Steps& steps) const {
    double sum = 0;
    for (const Step& step : steps) {
      const Work& work = plan_.works[static_cast<std::size_t>(step.work)];
      sum += work.is_communication ? 1 : 0;
      for (const Kernel& kernel : work.kernels) sum += kernel.count;
    }
    return sum;
  }

  double graphed(const Steps& steps) const {
    return job_.attention_graphed ? std::min(1.0, of(steps)) : of(steps);
  }

  const Job& job_;
  const Plan& plan_;
};

/// Numbers of the layers with experts of both stages that a pair runs through.
std::vector<int> paired_layers(const Job& job, int stage, int other) {
  std::vector<int> numbers;
  for (const int each : {stage, other}) {
    for (const Layer& layer : layers_of_stage(job, each)) {
      if (layer.feed_forward.experts > 0) numbers.push_back(layer.number);
    }
  }
  return numbers;
}

/// What the host and copies to its memory do for passes of the stage.
void add_beside(const Job& job, const Plan& plan, const std::vector<Layer>& layers, std::size_t d,
                WorkTable& works, Stage& stage) {
  const auto add = [&works](std::vector<Beside>& all, const char* name, Seconds time,
                            Stream stream) {
    if (time > Seconds()) all.push_back({works.given(name, time), stream});
  };
  if (job.host_launch > Seconds() && !(job.pairs() && job.overlap)) {
    const Launches launches(job, plan);
    add(stage.beside_forward[d], "launches forward",
        launches.forward(stage.layers[d]) * job.host_launch, Stream::host);
    add(stage.beside_backward[d], "launches backward",
        launches.backward(stage.layers[d], !job.puts_off_weights()) * job.host_launch,
        Stream::host);
  }
  if (job.forward_only) return;
  const Seconds copies = job.offload.copy(load_of(job, layers).away * units::B);
  add(stage.beside_forward[d], "activations to the host", copies, Stream::copy);
  add(stage.beside_backward[d], "activations from the host", copies, Stream::copy);
}

}  // namespace

Stage build_stage(const Job& job, Groups& groups, WorkTable& works, const Plan& plan, int stage) {
  const int directions = job.schedule == Schedule::dual_pipe ? 2 : 1;
  const std::vector<Layer> layers = layers_of_stage(job, stage);
  Stage built;
  for (int direction = 0; direction < directions; ++direction) {
    const auto d = static_cast<std::size_t>(direction);
    StageBuilder builder(job, groups, works, rank_of_stage(job, stage, direction));
    built.layers[d] = builder.build(layers, {});
    built.receipt[d] = builder.receipt();
    add_beside(job, plan, layers, d, works, built);
    if (job.pairs()) {
      // A pair runs through this stage forward or backward, and in DualPipe through its mirror.
      const int other = job.schedule == Schedule::dual_pipe ? job.stages() - 1 - stage : stage;
      built.paired[d] = builder.build(layers, paired_layers(job, stage, other));
    }
    if (job.puts_off_weights()) {
      built.weight_work[d] =
          works.computation("weight gradients",
                            weight_kernels(plan, job.pairs() ? built.paired[d] : built.layers[d]));
    }
  }
  built.cost = 1e-6;  // an empty stage still takes its turn
  for (const Layer& layer : layers) {
    built.cost += forward_flops(*job.model, layer, job.tokens(), job.sequence).in(units::TFLOP);
  }
  return built;
}

}  // namespace aisle::workloads::parallel
