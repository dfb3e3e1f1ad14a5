// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/memory.hpp"

#include "workloads/collectives/routing.hpp"
#include "workloads/parallel/layers.hpp"
#include "workloads/parallel/stages.hpp"

#include <algorithm>
#include <map>

namespace aisle::workloads {

Bytes RankMemory::total() const {
  Bytes sum;
  for (const MemoryItem& item : items) sum += item.bytes;
  return sum;
}

namespace parallel {

namespace {

/// What a process holds before the first tensor: about 0.6 GB of CUDA context and loaded kernels,
/// and about 1.4 GB of channel buffers of its communicators. Assumed.
constexpr double kReserve = 2e9;

/// Two-byte numbers.
constexpr double kWide = 2;

double attention_activations(const Job& job, const Layer& layer) {
  const AttentionShape& a = layer.attention;
  const double tensor = job.layout.tensor, hidden = job.model->hidden;
  const auto tokens = static_cast<double>(job.tokens());
  const auto shard = static_cast<double>(job.shard_tokens());
  const double operand = topology::size_of(job.precision).si();
  const bool all = job.recompute == Recompute::none;
  const double heads = a.heads / tensor;
  const double kv_heads = std::max(1.0, a.kv_heads / tensor);
  double bytes = shard * hidden * kWide;       // the layer's input
  if (all) bytes += shard * hidden * operand;  // and normed, as the projections read it
  // Output of the attention core (12 bits a number where quantised) and the row sums.
  bytes += tokens * heads * (a.v_dim * (job.quantised() ? 1.5 : kWide) + 4);
  if (a.mla) {
    bytes += shard * (a.q_lora_rank + a.kv_lora_rank + a.rope_dim) * kWide;
    if (all) bytes += tokens * heads * (2.0 * a.qk_dim + a.v_dim) * kWide;
  } else {
    bytes += tokens * (heads * a.qk_dim + kv_heads * (a.qk_dim + a.v_dim)) * kWide;
  }
  return bytes;
}

double feed_forward_activations(const Job& job, const Layer& layer) {
  const FeedForwardShape& f = layer.feed_forward;
  const double tensor = job.layout.tensor, hidden = job.model->hidden;
  const auto tokens = static_cast<double>(job.tokens());
  const auto shard = static_cast<double>(job.shard_tokens());
  const double operand = topology::size_of(job.precision).si();
  const bool all = job.recompute == Recompute::none;
  const double gates = f.gated ? 2 : 1;
  double bytes = shard * hidden * kWide;       // the second norm's input
  if (all) bytes += shard * hidden * operand;  // and its output
  // Of one activated number: the inputs of the activation, and its output unless computed again.
  const double per_number = operand * (gates + (all ? 1 : 0));
  if (f.experts == 0) return bytes + tokens * f.hidden / tensor * per_number;
  bytes += tokens * f.shared * f.shared_hidden / tensor * per_number;
  bytes += shard * f.top_k * f.hidden * per_number;
  const Routing routing{f.experts, f.top_k, f.groups, f.group_limit};
  // What other ranks sent, once per token; the rows by expert are made again from it.
  bytes += shard * expected_copies(routing, job.layout.expert) * hidden *
           (operand + (job.quantised() ? kScaleSize / kScaleBlock : 0));
  return bytes;
}

/// Scratch of one layer while it runs, forward and backward.
double workspace(const Job& job, const Layer& layer) {
  const double hidden = job.model->hidden, tensor = job.layout.tensor;
  const auto tokens = static_cast<double>(job.tokens());
  const auto shard = static_cast<double>(job.shard_tokens());
  const FeedForwardShape& f = layer.feed_forward;
  const double gates = f.gated ? 2 : 1;
  const double gathered = tensor > 1 ? 2 * tokens * hidden * kWide : 0;
  switch (layer.kind) {
    case LayerKind::embedding:
      return gathered;
    case LayerKind::head:
      return gathered + tokens * job.model->vocabulary / tensor * kWide;
    case LayerKind::dense:
      return gathered + tokens * f.hidden / tensor * gates * 2 * kWide;
    case LayerKind::mtp:
    case LayerKind::moe:
      break;
  }
  if (f.experts == 0) return gathered + tokens * f.hidden / tensor * gates * 2 * kWide;
  // Rows by expert before and after both products, and buffers of the exchange.
  const Routing routing{f.experts, f.top_k, f.groups, f.group_limit};
  const double received = shard * expected_copies(routing, job.layout.expert);
  return gathered + shard * f.top_k * (hidden + gates * f.hidden) * kWide +
         2 * received * hidden * kWide;
}

/// What one stage puts on its rank.
struct StageLoad {
  double shared = 0, experts = 0;  ///< parameters
  double activation = 0;           ///< of one micro-batch
  double workspace = 0;
  double largest_layer = 0;  ///< parameters of the largest layer
};

StageLoad load_of(const Job& job, int stage) {
  StageLoad load;
  for (const Layer& layer : layers_of_stage(job, stage)) {
    const HeldParameters held = held_parameters(job, layer);
    load.shared += held.shared;
    load.experts += held.experts;
    load.activation += activation_bytes(job, layer);
    load.workspace = std::max(load.workspace, workspace(job, layer));
    load.largest_layer = std::max(load.largest_layer, held.shared + held.experts);
  }
  return load;
}

struct Peaks {
  double activations = 0, open_gradients = 0;
};

/// Walks the program: activations live from a pass's forward to its last backward action; the
/// gradients of a stage are whole from its first backward action to its last.
Peaks walk(const Job& job, int rank, const std::map<int, StageLoad>& loads) {
  const std::vector<Action> actions = program(job, rank);
  std::map<int, int> left;  // backward and weight actions of each stage still to come
  for (const Action& action : actions) {
    if (action.backward.stage >= 0) ++left[action.backward.stage];
  }
  const std::map<int, int> all = left;
  Peaks peaks;
  double activations = 0, open = 0;
  for (const Action& action : actions) {
    if (action.forward.stage >= 0) activations += loads.at(action.forward.stage).activation;
    peaks.activations = std::max(peaks.activations, activations);
    const int stage = action.backward.stage;
    if (stage < 0) continue;
    const StageLoad& load = loads.at(stage);
    if (left[stage] == all.at(stage)) open += load.shared + load.experts;
    peaks.open_gradients = std::max(peaks.open_gradients, open);
    if (--left[stage] == 0) open -= load.shared + load.experts;
    if (action.kind != Action::Kind::backward_input) activations -= load.activation;
  }
  return peaks;
}

RankMemory rank_memory(const Job& job, int rank) {
  std::map<int, StageLoad> loads;
  for (int stage = 0; stage < job.stages(); ++stage) {
    const bool here = rank_of_stage(job, stage, 0) == rank;
    const bool mirrored =
        job.schedule == Schedule::dual_pipe && rank_of_stage(job, stage, 1) == rank;
    if (here || mirrored) loads.emplace(stage, load_of(job, stage));
  }
  double shared = 0, experts = 0, scratch = 0, largest = 0;
  for (const auto& [stage, load] : loads) {
    shared += load.shared;
    experts += load.experts;
    scratch = std::max(scratch, load.workspace);
    largest = std::max(largest, load.largest_layer);
  }
  if (job.schedule == Schedule::dual_pipe) scratch *= 2;  // two passes at once
  const double copies = mirror_of(job, rank) == rank ? 1 : 2;
  const double holders = job.layout.data * job.layout.context * copies;
  const double expert_holders = job.expert_holders() * copies;
  const double sharded = shared / holders + experts / expert_holders;
  const double whole = shared + experts;
  const int zero = job.layout.zero;
  const StateSizes& size = job.states;
  const Peaks peaks = walk(job, rank, loads);

  // A layer's weights are gathered while the one before it runs (ZeRO-3).
  const double weights = zero >= 3 ? std::min(whole, sharded + 2 * largest) : whole;
  double gradients = whole;
  if (zero == 2) gradients = std::min(whole, sharded + peaks.open_gradients);
  if (zero >= 3) gradients = std::min(whole, sharded + 2 * largest);
  RankMemory memory;
  memory.pipeline_rank = rank;
  const auto add = [&memory](const char* use, double bytes) {
    memory.items.push_back({use, bytes * units::B});
  };
  add("weights", weights * size.weights);
  add("gradients", gradients * size.gradients);
  add("optimizer", (zero >= 1 ? sharded : whole) * (size.master_weights + 2 * size.moments));
  add("activations", peaks.activations);
  add("buffers", scratch);
  add("reserve", kReserve);
  return memory;
}

}  // namespace

double activation_bytes(const Job& job, const Layer& layer) {
  const double hidden = job.model->hidden, tensor = job.layout.tensor;
  const auto tokens = static_cast<double>(job.tokens());
  const auto shard = static_cast<double>(job.shard_tokens());
  const double head = shard * hidden * 2 * kWide + tokens * job.model->vocabulary / tensor * kWide;
  if (layer.kind == LayerKind::embedding) return tokens * 8;  // token numbers
  if (layer.kind == LayerKind::head) return head;
  double bytes = shard * hidden * kWide;
  if (job.recompute != Recompute::full) {
    bytes = attention_activations(job, layer) + feed_forward_activations(job, layer);
  }
  // A prediction module also keeps the two vectors that it joins, and has a head.
  if (layer.kind == LayerKind::mtp) bytes += 4 * shard * hidden * kWide + head;
  return bytes;
}

std::vector<RankMemory> memory_of(const Job& job) {
  std::vector<RankMemory> all;
  all.reserve(static_cast<std::size_t>(job.layout.pipeline));
  for (int rank = 0; rank < job.layout.pipeline; ++rank) all.push_back(rank_memory(job, rank));
  return all;
}

}  // namespace parallel

}  // namespace aisle::workloads
