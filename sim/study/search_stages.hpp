// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/search_tables.hpp"

#include <vector>

/// Used by sim/study's search alone.
namespace aisle::sim {

/// ZeRO-3 gathers weights for every pass; breadth first once through a chunk and once back.
bool gathers_each_pass(const workloads::parallel::Job& job);

/// Weights of all layers are gathered in a row, ahead of the first pass through each.
bool gathers_once(const workloads::parallel::Job& job);

/// Gradients leave in the last backward pass of a stage, layer by layer.
bool reduces_behind(const workloads::parallel::Job& job);

/// What one stage's ranks do, in seconds.
struct StageTimes {
  const PassTimes* passes = nullptr;
  double* seconds = nullptr;               ///< by kind of action
  double gathers_before = 0, gathers = 0;  ///< ZeRO-1, 2: of weights at the start of the step
  double reduces = 0;
  bool exchanges = false;
  // ZeRO-3: passes for which weights are gathered. With breadth first the first ones of a chunk,
  // else all, whose seconds then stand above too.
  double gathering_forward = 0, gathering_backward = 0;
  double first_gather_forward = 0, first_gather_backward = 0;
  double last_forward = 0, last_backward = 0;  ///< after the last gather
  double left_reduces = 0;                     ///< what is on its way when a backward pass ends

  /// A pair is this stage forward beside the mirrored one backward.
  double& of(workloads::parallel::Action::Kind kind) const {
    return seconds[static_cast<std::size_t>(kind)];
  }
};

/// Passes and exchanges of the stages of one layout, from tables.
class StageTable : public SearchTables {
 public:
  using SearchTables::SearchTables;

  std::vector<StageTimes> stages;
  std::vector<double> by_action;     ///< seconds, by OrderedStep::work
  std::vector<double> replica_free;  ///< by rank: when weights gathered at the start are there

  void time_stages(const workloads::parallel::Job& job);
  double first_forward(const StageTimes& stage, const std::vector<ReplicaTimes>& exchanges,
                       double start);
  double last_backward(const StageTimes& stage, const std::vector<ReplicaTimes>& exchanges,
                       double start, double duration, double& exchanging);

 private:
  void time_zero3(const workloads::parallel::Job& job, StageTimes& stage,
                  const std::vector<ReplicaTimes>& exchanges);
  void wait_for_copies(const workloads::parallel::Job& job, StageTimes& stage);
};

}  // namespace aisle::sim
