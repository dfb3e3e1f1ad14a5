// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/exposure.hpp"
#include "workloads/parallel/groups.hpp"
#include "workloads/parallel/kernel_list.hpp"
#include "workloads/plan.hpp"

#include <map>
#include <string>
#include <vector>

namespace aisle::workloads::parallel {

/// How a step of a layer hangs on its predecessors.
enum class Role {
  chain,   ///< after the step before; the next chain step waits for it
  beside,  ///< after the step before, as the next chain step; only the one after that waits for it
  prefetch,  ///< after the step before; only the next weight step waits for it
  weight     ///< after the last chain computation and the last prefetch; nobody waits for it
};

/// One operation of each group of a pipeline rank.
struct Step {
  std::int32_t work = 0;
  Group group = Group::self;
  Stream stream = Stream::compute;
  Phase phase = Phase::forward;
  Role role = Role::chain;
};

using Steps = std::vector<Step>;

/// What one layer does for one micro-batch, in the slots by which DualPipe interleaves a forward
/// and a backward pass; dense layers leave the exchange slots empty. The head and the embedding
/// are layers with attention slots only.
struct LayerSteps {
  Steps attention, dispatch, feed_forward, combine;  ///< forward, in this order
  Steps gradient_dispatch, feed_forward_backward, gradient_combine, feed_forward_weight,
      attention_backward, attention_weight, attention_tail;  ///< backward, in this order
  double parameters = 0;                    ///< of one rank, without routed experts
  double expert_parameters = 0;             ///< routed experts of one rank
  double trained = 0, trained_experts = 0;  ///< those of them that have gradients
};

/// Works of the plan, each described once.
class WorkTable {
 public:
  explicit WorkTable(Plan& plan) : plan_(plan) {}

  std::int32_t computation(const std::string& name, std::vector<Kernel> kernels);
  std::int32_t communication(const std::string& name, const Communication& communication);
  /// Of the host, or of a copy to its memory.
  std::int32_t given(const std::string& name, Seconds time);

 private:
  std::int32_t find_or_add(Work work, const std::string& key);

  Plan& plan_;
  std::map<std::string, std::int32_t> known_;
};

/// Parameters that one rank of the layer holds: shared ones (cut by tensor parallelism where they
/// are) and routed experts.
struct HeldParameters {
  double shared = 0, experts = 0;
};

HeldParameters held_parameters(const Job& job, const Layer& layer);
/// Those that are trained: all, or the layer's adapters (held beside what held_parameters counts).
HeldParameters trained_parameters(const Job& job, const Layer& layer);

/// Whether first and last stage both have the embedding: tied to the head, or of a prediction
/// module.
bool embedding_on_both_ends(const Job& job);

/// Kernels of the parts of a layer; attention.cpp and feed_forward.cpp. `whole` parts run on the
/// tokens of the tensor-parallel group, `shard` parts on this rank's share of them.
struct AttentionKernels {
  std::vector<Kernel> forward_shard;    ///< first norm and what is not cut
  std::vector<Kernel> forward_project;  ///< projections before the attention core
  std::vector<Kernel> forward_core;     ///< attention core; in a ring, one block of it
  std::vector<Kernel> forward_output;   ///< output projection
  std::vector<Kernel> forward_tail;     ///< residual and second norm, on the shard
  std::vector<Kernel> backward_head;    ///< gradients of residual and second norm, on the shard
  std::vector<Kernel> backward_output;  ///< output projection, and what is computed again
  std::vector<Kernel> backward_core;    ///< attention core; in a ring, one block of it
  std::vector<Kernel> backward_project;
  std::vector<Kernel> backward_tail;  ///< what is not cut, and the first norm
  std::vector<Kernel> weight;
  double gather_width = 0;  ///< numbers per token that tensor parallelism gathers before the cut
  double kv_width = 0;      ///< numbers per token of keys and values on one rank
  double query_width = 0, output_width = 0;  ///< and of queries, and of the core's output
};

AttentionKernels attention_kernels(const Job& job, const Layer& layer);

struct FeedForwardKernels {
  std::vector<Kernel> forward;  ///< dense block, or shared experts
  std::vector<Kernel> backward;
  std::vector<Kernel> weight;
  std::vector<Kernel> expert_forward, expert_backward, expert_weight;
};

/// `expert_load`: time on the most loaded expert-parallel rank over that on the mean one.
FeedForwardKernels feed_forward_kernels(const Job& job, const Layer& layer, double expert_load);

/// Router: forward, and backward with its weight gradient.
std::vector<Kernel> router_forward(const Job& job, const FeedForwardShape& shape);
std::vector<Kernel> router_backward(const Job& job, const FeedForwardShape& shape);

/// Copies of each token that leave for distinct domains and ranks of the expert group.
struct Copies {
  double to_domains = 1, to_ranks = 1;
};

Copies token_copies(const FeedForwardShape& shape, const topology::Hierarchy& group);
/// Copies of a rank's share of tokens that arrive at one of `ranks` expert-parallel ranks.
double arriving_copies(const FeedForwardShape& shape, int ranks);

/// Which cut a group's communication serves; none: all accelerators, over every cut.
ParallelAxis axis_of(Group group);

/// Builds the steps of layers as the ranks at one pipeline rank carry them out.
class LayerBuilder {
 public:
  LayerBuilder(const Job& job, Groups& groups, WorkTable& works, int pipeline_rank);

  /// How the layers from here on meet their exchanges.
  void meet(const Exposure& exposure) { exposure_ = exposure; }

  /// One entry for most layers; three for a multi-token-prediction module (projection, block,
  /// head).
  std::vector<LayerSteps> build(const Layer& layer);
  /// What a pass does with its input that came from another stage.
  Steps receipt();

 private:
  /// Bytes that attention exchanges in one tensor- or context-parallel group.
  struct Sizes {
    double gathered = 0, whole = 0;
    double key_values = 0;            ///< of one rank's tokens
    double queries = 0, outputs = 0;  ///< likewise
  };

  LayerSteps block(const Layer& layer);
  LayerSteps embedding(const Layer& layer);
  LayerSteps head(const Layer& layer);
  LayerSteps projection();
  void add_attention(const Layer& layer, LayerSteps& steps);
  void attention_forward(const Layer& layer, const AttentionKernels& kernels, const Sizes& sizes,
                         LayerSteps& steps);
  void attention_backward(const Layer& layer, const AttentionKernels& kernels, const Sizes& sizes,
                          LayerSteps& steps);
  /// Attention core with what context parallelism does around it; context.cpp.
  void core_forward(Steps& steps, KernelList& k, const AttentionKernels& kernels,
                    const Sizes& sizes);
  void core_backward(Steps& steps, KernelList& k, const AttentionKernels& kernels,
                     const Sizes& sizes);
  void gather_keys(Steps& steps, KernelList& k, const Sizes& sizes, Phase phase);
  void heads_for_tokens(Steps& steps, double bytes);
  void add_feed_forward(const Layer& layer, LayerSteps& steps);
  void add_exchanges(const Layer& layer, LayerSteps& steps);
  void add_recompute(const Layer& layer, LayerSteps& steps);
  void add_casts(LayerSteps& steps, const HeldParameters& held);

  void compute(Steps& steps, const std::string& name, KernelList& kernels, Phase phase,
               Role role = Role::chain);
  void communicate(Steps& steps, const std::string& name, CollectiveKind kind, Group group,
                   double bytes, Role role = Role::chain);

  /// Bytes that tensor parallelism exchanges before and after a product; tensor.cpp.
  struct Around {
    double gathered = 0, scattered = 0;
  };

  void gather(Steps& steps, double bytes, Role role = Role::chain);
  /// Of a product's operand, `bytes` as it lies between kernels.
  void gather_operand(Steps& steps, double bytes, Role role = Role::chain);
  void sum(Steps& steps, double bytes);
  void ring_product(Steps& steps, const std::string& name, const std::vector<Kernel>& kernels,
                    Phase phase, const Around& bytes);
  void pass_on(Steps& steps, const std::string& name, Group group, double bytes, Role role);
  void exchange(Steps& steps, const std::string& name, CollectiveKind kind,
                const FeedForwardShape& shape, double bytes_per_token);

  const Job& job_;
  WorkTable& works_;
  Exposure exposure_;
  double software_ = 1;  ///< time of the layer at hand over that of its kernels
  std::map<Group, topology::Hierarchy> hierarchies_;
};

}  // namespace aisle::workloads::parallel
