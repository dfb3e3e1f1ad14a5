// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/adapters.hpp"
#include "workloads/parallel/kinds.hpp"
#include "workloads/parallel/offload.hpp"
#include "workloads/parallel/place.hpp"
#include "workloads/parallel/sharding.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

/// Inside of workloads/parallel: what its files share about one training job.
namespace aisle::workloads::parallel {

/// Bytes of one number of each kind of state.
struct StateSizes {
  double weights = 2, gradients = 4, master_weights = 4, moments = 4;
};

/// Distance between neighbours of each dimension, in accelerators; 0 until the order is known.
struct Order {
  int tensor = 0, context = 0, data = 0, pipeline = 0;
  bool experts_apart = false;  ///< expert-parallel ranks are as far apart as can be
};

/// From "tp-cp-ep-dp-pp" and the like, fastest first; nothing where a dimension is missing, unknown
/// or twice there.
std::optional<Order> parse_order(const std::string& text, const Layout& layout);

/// A checked training job.
struct Job {
  const ModelGraph* model = nullptr;
  const topology::Cluster* cluster = nullptr;
  Layout layout;
  Order order;
  int expert_tensor = 1;  ///< tensor-parallel ranks of one routed expert
  ContextKind context_kind = ContextKind::kv_gather;
  Folding folding = Folding::folded;
  topology::Precision precision = topology::Precision::bf16;
  Schedule schedule = Schedule::one_f_one_b;
  Recompute recompute = Recompute::none;
  unsigned recompute_parts = 0;  ///< a bit per Part, where `recompute` is not full
  int recompute_layers = -1;     ///< first ones of each stage that `full` is about; -1: all
  bool overlap = true;
  bool overlap_experts = false;  ///< forward and backward passes in pairs, outside of DualPipe too
  bool sequence_parallel = true;
  bool overlap_tensor = false;  ///< gathers and scatters beside parts of products
  bool flash = true;            ///< fused attention core
  bool dropout = false;         ///< with masks that are kept
  bool muon = false;            ///< in place of Adam, for matrices of layers
  int document = 0;             ///< tokens that attention stays within; 0: the sequence
  double fragmentation = 0;     ///< share of what comes and goes
  Scaling scaling = Scaling::per_tensor;
  bool eager = false;  ///< operator by operator instead of fused kernels
  bool chunk = false;  ///< out of the middle of a step: one pass forward, one backward
  int sequence = 0, micro_batch = 1, global_batch = 0;
  StateSizes states;
  Sharding sharding;
  /// Relative standard deviation of one rank's rows in one layer, where the most loaded rank stands
  /// for all; 0 where each rank draws its own.
  double expert_load_spread = 0;
  double capacity = 0;        ///< rows that an expert takes at most, over the mean; 0: all
  int redundant_experts = 0;  ///< copies of experts of each layer, over all expert-parallel ranks
  bool forward_only = false;  ///< no gradients, no optimizer
  double software = 1;        ///< time of layers with experts over that of their kernels
  Seconds host_launch;        ///< in which the host issues one kernel
  bool attention_graphed = false;  ///< attention and router are launched as one
  Offload offload;
  Adapters adapters;
  bool own_loads = false;                       ///< ranks of an expert group are told apart
  std::shared_ptr<const UnevenExperts> uneven;  ///< where the loads of experts are recorded

  /// Accelerators of one pipeline rank.
  int stage_width() const { return layout.tensor * layout.context * layout.data; }

  /// Ranks of one pipeline rank that hold the same shared weights, or the same routed experts.
  int holders() const { return layout.data * layout.context; }

  int expert_holders() const { return stage_width() / expert_width(); }

  /// Accelerators that hold every expert of a layer once.
  int expert_width() const { return layout.expert * expert_tensor; }

  /// Number of an accelerator, given by its replica below a pipeline rank.
  int accelerator(int pipeline_rank, int replica) const;

  /// Those that hold one copy together, and those that do between forward and backward pass.
  int shard() const { return sharding.ranks > 0 ? sharding.ranks : holders(); }

  int backward_shard() const { return sharding.backward > 0 ? sharding.backward : shard(); }

  /// Holders of the same experts in a run of so many holders of the same shared weights.
  int expert_shard(int ranks) const;

  /// Replicas of one pipeline rank that the plan holds; they stand for all.
  int planned_replicas() const;

  /// Weights are read, not trained.
  bool frozen() const { return adapters.rank > 0; }

  /// Experts of one layer that lie on one rank, copies included.
  int local_experts(const FeedForwardShape& shape) const {
    return (shape.experts + redundant_experts) / layout.expert;
  }

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

  /// Tensor parallelism exchanges part by part, beside products.
  bool rings_tensors() const { return overlap_tensor && layout.tensor > 1; }

  /// Uncompiled, the product of one of several micro-batches leaves a two-byte gradient that
  /// another kernel adds to the accumulator.
  bool accumulates_apart() const { return eager && layout.micro_batches > 1; }

  /// Weights are kept wider than they are computed with (autocast, FSDP's mixed precision).
  bool casts_weights() const { return states.weights > number(); }

  /// Bytes of one number between kernels: two, or what FP32 and TF32 take.
  double number() const { return std::max(2.0, topology::size_of(precision).si()); }

  /// Bytes of scales per number of a narrow operand.
  double scale_bytes() const;

  /// Bytes of an operand's number on its way between tensor-parallel ranks: narrow operands are
  /// cast before they are gathered, but for block-scaled ones (Transformer Engine).
  double operand_number() const;

  /// Of one rank's message to another stage: tensor-parallel ranks send a share each, which they
  /// hold or which the receivers gather.
  double message_bytes() const;

  /// Whether a rank goes on while its messages to other stages leave. The published DualPipe code
  /// (deepseek-ai/DualPipe @ bb214e8) and Megatron's 1F1B wait for them before the next pass;
  /// schedules with several chunks per rank and zero-bubble ones overlap them.
  bool asynchronous_messages() const;

  /// Forward and backward passes of different micro-batches run interleaved, layer by layer.
  bool pairs() const { return schedule == Schedule::dual_pipe || overlap_experts; }

  /// Weight gradients are computed apart from their backward pass.
  bool puts_off_weights() const {
    return schedule == Schedule::dual_pipe || schedule == Schedule::zb_h1 ||
           schedule == Schedule::zb_v;
  }

  /// Matrix operands narrower than two bytes are cast and scaled.
  bool quantised() const { return topology::size_of(precision).si() < 2; }

  /// They are scaled by blocks, and transposed by kernels of their own.
  bool block_scaled() const { return quantised() && scaling == Scaling::blocks; }

  /// Format of what a narrow recipe keeps wide: head, router, attention core.
  topology::Precision wide() const { return quantised() ? topology::Precision::bf16 : precision; }
};

/// Pipeline rank that holds a stage, entered from the front (direction 0) or, in DualPipe, from the
/// back (direction 1).
int rank_of_stage(const Job& job, int stage, int direction);
/// The pipeline rank that holds the same weights as this one, or this one itself.
int mirror_of(const Job& job, int pipeline_rank);

}  // namespace aisle::workloads::parallel
