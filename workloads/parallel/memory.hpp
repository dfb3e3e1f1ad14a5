// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"
#include "workloads/parallel/schedule.hpp"

#include <string>
#include <vector>

namespace aisle::workloads::parallel {

/// Bytes that one rank keeps of one layer and micro-batch from the forward to the backward pass.
double activation_bytes(const Job& job, const Layer& layer);

/// The same by what is kept.
std::vector<MemoryItem> activations_by_tensor(const Job& job, const Layer& layer);

/// What one stage puts on its rank.
struct StageLoad {
  double shared = 0, experts = 0;           ///< parameters
  double trained = 0, trained_experts = 0;  ///< those that have gradients
  double tables = 0;                        ///< those of `shared` in embedding and head
  double activation = 0;                    ///< bytes of one micro-batch that stay
  double workspace = 0;                     ///< bytes
  double largest_layer = 0;                 ///< parameters of the largest layer
  double away = 0, most_away = 0;  ///< bytes that wait on the host, of all and of one layer

  /// So many times the layers of another.
  void add(const StageLoad& other, int count);
};

StageLoad load_of(const Job& job, const std::vector<Layer>& layers);

/// How much a rank's program has in hand at once. Activations live from a pass's forward to its
/// last backward action; the gradients of a stage are whole from its first backward action to its
/// last. Of all states just those that no other exceeds. Follows from schedule, pipeline, virtual
/// stages and micro-batches alone, and no longer from the latter when there are enough of them.
struct Backlog {
  std::vector<int> stages;             ///< of the rank
  std::vector<std::vector<int>> kept;  ///< [states][stages] passes whose activations live
  std::vector<std::vector<int>> open;  ///< [states][stages] 1: gradients are whole
};

Backlog backlog_of(const Job& job, int pipeline_rank);

/// Bytes on one rank at the peak, by use.
struct RankBytes {
  double weights = 0, gradients = 0, optimizer = 0, activations = 0, buffers = 0, reserve = 0;
  double fragmentation = 0;

  double total() const {
    return weights + gradients + optimizer + activations + buffers + reserve + fragmentation;
  }
};

/// `loads` are those of the rank's stages, in their order.
RankBytes rank_bytes(const Job& job, int pipeline_rank, const std::vector<StageLoad>& loads,
                     const Backlog& backlog);

/// Memory of every pipeline rank at the peak of its schedule.
std::vector<RankMemory> memory_of(const Job& job);

/// Why the job does not fit: how much is missing, the largest holders, and the cheapest of a few
/// changes that makes it fit.
std::string explain_misfit(const Job& job, const std::vector<RankMemory>& memory);

}  // namespace aisle::workloads::parallel
