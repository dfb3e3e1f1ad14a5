// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/check.hpp"
#include "workloads/parallel/groups.hpp"
#include "workloads/parallel/job.hpp"
#include "workloads/parallel/memory.hpp"
#include "workloads/parallel/schedule.hpp"
#include "workloads/parallel/stages.hpp"

#include <cstdint>
#include <vector>

/// What a search over many layouts takes out of the inside of workloads/parallel: the pieces that a
/// step's time and memory are put together from, so that equal pieces are made once.
namespace aisle::workloads::parallel {

/// One action of a schedule with the slots, of a table of times, that its inputs stand in and its
/// outputs go to; or a message, which takes what stands in `forward_in` to another rank.
struct OrderedStep {
  static constexpr std::int32_t kAtHand = 0;   ///< slot of no input: holds 0, never written
  static constexpr std::int32_t kNowhere = 1;  ///< slot of no output: never read
  static constexpr int kKinds = 5;             ///< of actions

  Action::Kind kind = Action::Kind::forward;
  bool is_message = false;
  bool first_forward = false, last_backward = false;  ///< of the stage at this rank
  std::int16_t rank = 0, to = -1;
  std::int16_t forward_stage = -1, backward_stage = -1;
  std::int32_t forward_in = kAtHand, forward_out = kNowhere;
  std::int32_t backward_in = kAtHand, backward_out = kNowhere;

  /// Where its time stands: of an action, by stage and kind; of a message, by the lower of its
  /// ranks, those between the last and the first behind all others.
  std::int32_t work = 0;

  /// The stage that the action's time is of.
  int stage() const { return work / kKinds; }
};

/// All ranks' actions, and the messages between them, in the order in which the planner inserts
/// them: every input comes before its consumer, whatever the passes take.
struct PipelineOrder {
  std::vector<OrderedStep> steps;
  int slots = 2;
};

PipelineOrder order_of(const Job& job);

/// A plan of one pass forward (micro-batch 0) and one backward (1) through the layers of `sequence`
/// on a group of ranks as the job cuts it, without the exchanges of replicas: one after the other,
/// or interleaved as a DualPipe pair. `sequence` must outlive the plan. Operations carry the number
/// of their layer (of a prediction module: three).
Plan pass_plan(const Job& job, const ModelGraph& sequence, bool interleaved);

/// What the holders of one layer's weights exchange, per rank.
struct ReplicaTraffic {
  std::vector<Communication> reduce, gather;
};

ReplicaTraffic replica_traffic(const Job& job, Groups& groups, const Layer& layer);

/// The clipping norm over all gradients.
Communication norm_traffic(const Job& job);

}  // namespace aisle::workloads::parallel
