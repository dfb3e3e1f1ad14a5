// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/individual.hpp"
#include "workloads/parallel/uneven.hpp"
#include "workloads/plan.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace aisle {
class SourceMap;
}

namespace aisle::pb {
class Training;
}

namespace aisle::workloads {

/// Bytes on one accelerator of one pipeline rank at the peak of the schedule, by use.
struct MemoryItem {
  std::string use;  ///< "weights", "gradients", "optimizer", "activations", "buffers", "reserve"
  Bytes bytes;
};

struct RankMemory {
  int pipeline_rank = 0;
  std::vector<MemoryItem> items;
  Bytes total() const;
};

/// The layout after defaults; tensor * context * pipeline * data accelerators.
struct Layout {
  int tensor = 1, pipeline = 1, data = 1, expert = 1, context = 1, zero = 0, virtual_stages = 1;
  int micro_batches = 0;          ///< per data-parallel replica and step
  std::vector<int> stage_layers;  ///< transformer layers of each stage (model chunk) in order
};

/// A training step placed on a cluster.
struct TrainingPlan {
  Plan plan;
  Layout layout;
  std::vector<RankMemory> memory;  ///< by pipeline rank
  std::vector<std::string> caveats;
  Flops model_flops;              ///< of the whole step, by the convention of `mfu`
  double tokens = 0;              ///< of the whole step
  double trained_parameters = 0;  ///< those that have gradients, one copy each
  double state_bytes = 0;         ///< of one of them: weight, master weight and moments
  RowsOf rows;                    ///< of ranks that stand for themselves, where loads are recorded
  std::optional<UnevenExperts::Summary> experts;  ///< where loads are recorded
};

/// The model's edge: the job is well-formed but cannot run; an answer, not an error.
struct Infeasible {
  std::string
      reason;  ///< what does not fit, by how much, the largest holders, and what would make it fit
  std::vector<RankMemory> memory;
};

enum class Folding {
  folded,  ///< one representative per pipeline rank (replicas are interchangeable by construction)
  one_group,  ///< the ranks of one expert-parallel group, each for all that have its experts
  unfolded    ///< every accelerator on its own
};

/// Places a training step: who holds what, who computes what in which order, who talks to whom.
/// Errors (a layout that does not divide the cluster, the batch, the heads or the experts; a
/// precision that the accelerator lacks) go to `diagnostics` at the field's place below
/// "workload.training"; not fitting in memory is Infeasible. Ranks are numbered tensor fastest,
/// then context, data, pipeline slowest. `loads`: of the experts, where recorded.
std::optional<std::variant<TrainingPlan, Infeasible>> place(
    const ModelGraph& model, const pb::Training& training, const topology::Cluster& cluster,
    Folding folding, const SourceMap& places, Diagnostics& diagnostics,
    const ExpertLoads* loads = nullptr);

}  // namespace aisle::workloads
