// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/emit.hpp"
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

  std::vector<LayerSteps> build(const std::vector<Layer>& layers, const Exposure& exposure) {
    LayerBuilder builder(job_, groups_, works_, rank_, exposure);
    LayerBuilder beyond(beyond_, groups_, works_, rank_, exposure);
    std::vector<LayerSteps> steps;
    std::vector<LayerSteps> built;  // of the layer before, which most are like
    const LayerBuilder* builder_before = nullptr;
    int block = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      LayerBuilder& one = job_.recompute_covers(block) ? builder : beyond;
      if (layers[i].attention.heads > 0) ++block;
      if (builder_before != &one || layers[i] != layers[i - 1]) built = one.build(layers[i]);
      builder_before = &one;
      steps.insert(steps.end(), built.begin(), built.end());
    }
    return steps;
  }

  Steps receipt() { return LayerBuilder(job_, groups_, works_, rank_, exposed(job_)).receipt(); }

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

int mixed_layers(const Job& job, int stage) {
  const std::vector<Layer> layers = layers_of_stage(job, stage);
  return static_cast<int>(std::count_if(layers.begin(), layers.end(), [](const Layer& layer) {
    return layer.feed_forward.experts > 0;
  }));
}

}  // namespace

Stage build_stage(const Job& job, Groups& groups, WorkTable& works, const Plan& plan, int stage) {
  const int directions = job.schedule == Schedule::dual_pipe ? 2 : 1;
  const std::vector<Layer> layers = layers_of_stage(job, stage);
  Stage built;
  for (int direction = 0; direction < directions; ++direction) {
    const auto d = static_cast<std::size_t>(direction);
    StageBuilder builder(job, groups, works, rank_of_stage(job, stage, direction));
    built.layers[d] = builder.build(layers, exposed(job));
    built.receipt[d] = builder.receipt();
    if (job.pairs()) {
      // A pair runs through this stage forward or backward, and in DualPipe through its mirror.
      const int other = job.schedule == Schedule::dual_pipe ? job.stages() - 1 - stage : stage;
      const int both = mixed_layers(job, stage) + mixed_layers(job, other);
      built.paired[d] = builder.build(layers, overlapped(job, both));
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
