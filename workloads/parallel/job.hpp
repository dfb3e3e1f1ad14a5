// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/place.hpp"
#include "workloads/plan.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <utility>
#include <vector>

/// Inside of workloads/parallel: what its files share about one training job.
namespace aisle::workloads::parallel {

enum class Schedule { one_f_one_b, interleaved, dual_pipe, gpipe };
enum class Recompute { none, selective, full };

/// What of a layer is computed again, in the order of pb::RecomputePart.
enum class Part { norms, activation, moe_activation, mla_up_projection, core_attention, mlp, moe };

/// How operands narrower than two bytes are scaled, in the order of pb::Scaling.
enum class Scaling { per_tensor, blocks, mx, nv };

/// Bytes of one number of each kind of state.
struct StateSizes {
  double weights = 2, gradients = 4, master_weights = 4, moments = 4;
};

/// A checked training job.
struct Job {
  const ModelGraph* model = nullptr;
  const topology::Cluster* cluster = nullptr;
  Layout layout;
  Folding folding = Folding::folded;
  topology::Precision precision = topology::Precision::bf16;
  Schedule schedule = Schedule::one_f_one_b;
  Recompute recompute = Recompute::none;
  unsigned recompute_parts = 0;  ///< a bit per Part, where `recompute` is not full
  int recompute_layers = -1;     ///< first ones of each stage that `full` is about; -1: all
  bool overlap = true;
  bool sequence_parallel = true;
  bool flash = true;     ///< fused attention core
  bool dropout = false;  ///< with masks that are kept
  Scaling scaling = Scaling::per_tensor;
  bool eager = false;  ///< operator by operator instead of fused kernels
  bool chunk = false;  ///< out of the middle of a step: one pass forward, one backward
  int sequence = 0, micro_batch = 1, global_batch = 0;
  StateSizes states;
  /// Relative standard deviation of one rank's rows in one layer, where the most loaded rank stands
  /// for all; 0 where each rank draws its own.
  double expert_load_spread = 0;

  /// Accelerators of one pipeline rank.
  int stage_width() const { return layout.tensor * layout.context * layout.data; }

  /// Ranks of one pipeline rank that hold the same routed experts.
  int expert_holders() const { return stage_width() / layout.expert; }

  int stages() const { return layout.pipeline * layout.virtual_stages; }

  /// Tokens of one micro-batch that a tensor-parallel group works on together, and the share of
  /// them that one rank holds between the tensor-parallel regions (all without sequence
  /// parallelism).
  std::int64_t tokens() const {
    return static_cast<std::int64_t>(micro_batch) * sequence / layout.context;
  }

  std::int64_t shard_tokens() const {
    return sequence_parallel ? tokens() / layout.tensor : tokens();
  }

  bool recomputes(Part part) const;

  /// Whether `recompute` is about a block of a stage, counted from its first.
  bool recompute_covers(int block) const {
    return recompute_layers < 0 || block < recompute_layers;
  }

  /// The same job for those that it is not about.
  Job beyond_recomputed_layers() const;

  /// Uncompiled, the product of one of several micro-batches leaves a two-byte gradient that
  /// another kernel adds to the accumulator.
  bool accumulates_apart() const { return eager && layout.micro_batches > 1; }

  /// Bytes of one number between kernels: two, or what FP32 and TF32 take.
  double number() const { return std::max(2.0, topology::size_of(precision).si()); }

  /// Bytes of scales per number of a narrow operand.
  double scale_bytes() const;

  /// Of one rank's message to another stage: tensor-parallel ranks send a share each, which they
  /// hold or which the receivers gather.
  double message_bytes() const {
    return static_cast<double>(tokens()) / layout.tensor * model->hidden * number();
  }

  /// Whether a rank goes on while its messages to other stages leave. The published DualPipe code
  /// (deepseek-ai/DualPipe @ bb214e8) and Megatron's 1F1B wait for them before the next pass;
  /// Megatron's interleaved schedule overlaps them.
  bool asynchronous_messages() const { return schedule == Schedule::interleaved && overlap; }

  /// Matrix operands narrower than two bytes are cast and scaled.
  bool quantised() const { return topology::size_of(precision).si() < 2; }

  /// They are scaled by blocks, and transposed by kernels of their own.
  bool block_scaled() const { return quantised() && scaling == Scaling::blocks; }

  /// Format of what a narrow recipe keeps wide: head, router, attention core.
  topology::Precision wide() const { return quantised() ? topology::Precision::bf16 : precision; }
};

/// Who takes part in a communication of one pipeline rank.
enum class Group {
  self,
  tensor,
  context,
  expert,
  data,         ///< holders of the same part of the shared weights
  expert_data,  ///< holders of the same routed experts
  all           ///< every accelerator of the job
};

/// Groups of replicas by their index below one pipeline rank (tensor fastest, then context, then
/// data). Expert groups are runs of `expert` consecutive replicas. In a folded plan there is one
/// representative, index 0, and it alone is a member; shapes are always those of the real groups.
class Groups {
 public:
  explicit Groups(const Job& job);

  int replicas() const { return replicas_; }

  /// Members by replica index, group by group; planned ranks only.
  const std::vector<std::vector<int>>& members(Group group) const {
    return job_.folding == Folding::folded ? representative_ : real_.at(group);
  }

  /// How the groups of a pipeline rank lie in the cluster; the widest spread where they differ
  /// (then `uneven` is set). DualPipe's data groups reach over the mirrored pipeline rank too.
  topology::Hierarchy hierarchy(Group group, int pipeline_rank);
  /// Of sender and receiver of pipeline messages.
  topology::Hierarchy pair(int from_pipeline_rank, int to_pipeline_rank);

  bool uneven() const { return uneven_; }

 private:
  std::vector<std::vector<int>> real_members(Group group) const;
  /// Widest spread of the groups' members, at each of these first ids of pipeline ranks together.
  topology::Hierarchy widest(const std::vector<std::vector<int>>& groups,
                             std::initializer_list<int> bases);

  const Job& job_;
  int replicas_ = 1;
  std::vector<std::vector<int>> representative_{{0}};
  std::map<Group, std::vector<std::vector<int>>> real_;
  std::map<std::pair<Group, int>, topology::Hierarchy> hierarchies_;
  std::map<std::pair<int, int>, topology::Hierarchy> pairs_;
  bool uneven_ = false;
};

/// Pipeline rank that holds a stage, entered from the front (direction 0) or, in DualPipe, from the
/// back (direction 1).
int rank_of_stage(const Job& job, int stage, int direction);
/// The pipeline rank that holds the same weights as this one, or this one itself.
int mirror_of(const Job& job, int pipeline_rank);

}  // namespace aisle::workloads::parallel
