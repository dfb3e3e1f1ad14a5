// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/groups.hpp"
#include "workloads/parallel/layers.hpp"

#include <array>
#include <vector>

namespace aisle::workloads::parallel {

/// Operations by replica of one pipeline rank; empty: none anywhere.
using Operations = std::vector<std::int32_t>;

/// What host or copies do for a whole pass, beside it.
struct Beside {
  std::int32_t work = 0;
  Stream stream = Stream::host;
};

/// A stage as its holders carry it out, by direction.
struct Stage {
  std::array<std::vector<LayerSteps>, 2> layers;  ///< of passes on their own
  std::array<std::vector<LayerSteps>, 2> paired;  ///< of passes in overlapped pairs
  std::array<Steps, 2> receipt;                   ///< of input from another rank
  std::array<std::int32_t, 2> weight_work{};      ///< all weight gradients in one go
  /// What else a pass waits for before its last computation, by direction.
  std::array<std::vector<Beside>, 2> beside_forward, beside_backward;
  double cost = 0;  ///< of a forward pass, TFLOP of one micro-batch
};

Stage build_stage(const Job& job, Groups& groups, WorkTable& works, const Plan& plan, int stage);

/// Where one pass of one micro-batch has got to, on every replica of a pipeline rank.
class Flow {
 public:
  Flow(int pipeline_rank, int micro_batch, int replicas, const Operations& inputs);

  int pipeline_rank() const { return pipeline_rank_; }

  /// Operations from here on are of this layer, counted over all stages.
  void enter_layer(int layer) { layer_ = layer; }

  /// The next operation of the chain also waits for these.
  void depend(const Operations& operations);
  Operations last() const;

  /// Marks the start of a layer; `layer_start` is where the latest marked one began.
  void start_layer() { layer_start_ = last(); }

  const Operations& layer_start() const { return layer_start_; }

  /// Prefetches that no weight step has waited for yet.
  Operations prefetched() const;
  /// Last weight step (or chain step) of each replica.
  Operations weights() const;

 private:
  friend class Emitter;

  struct State {
    std::vector<std::int32_t> waits;   ///< what the next chain operation depends on
    std::vector<std::int32_t> beside;  ///< what the one after it depends on too
    std::int32_t last = -1, computed = -1, prefetch = -1, weight = -1;
  };

  int pipeline_rank_, micro_batch_, layer_ = -1;
  std::vector<State> replicas_;
  Operations layer_start_;
};

/// Turns steps into operations of every group of a pipeline rank.
class Emitter {
 public:
  Emitter(const Job& job, const Groups& groups, Plan& plan)
      : job_(job), groups_(groups), plan_(plan) {}

  Flow begin(int pipeline_rank, int micro_batch, const Operations& inputs) const {
    return {pipeline_rank, micro_batch, groups_.replicas(), inputs};
  }

  void run(Flow& flow, const Steps& steps);

  /// The flow's next operation waits for what every replica's host or copy engine does after these.
  void beside(Flow& flow, const Beside& what, const Operations& after);

  /// Sends from every replica of one pipeline rank to its like in another; receipts by replica.
  Operations message(std::int32_t work, int from_rank, int to_rank,
                     const std::vector<Operations>& after, int micro_batch);

 private:
  void run(Flow& flow, const Step& step, const std::vector<int>& members);

  const Job& job_;
  const Groups& groups_;
  Plan& plan_;
};

}  // namespace aisle::workloads::parallel
