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
/// outputs go to (-1: none); or a message, which takes what stands in a slot to another rank.
struct OrderedStep {
  Action::Kind kind = Action::Kind::forward;
  bool is_message = false;
  bool first_forward = false, last_backward = false;  ///< of the stage at this rank
  std::int16_t rank = 0, to = -1;
  std::int16_t forward_stage = -1, backward_stage = -1;
  std::int32_t forward_in = -1, forward_out = -1, backward_in = -1, backward_out = -1;
};

/// All ranks' actions, and the messages between them, in the order in which the planner inserts
/// them: every input comes before its consumer, whatever the passes take.
struct PipelineOrder {
  std::vector<OrderedStep> steps;
  int slots = 0;
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
