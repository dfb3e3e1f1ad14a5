// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/memory.hpp"

#include "workloads/collectives/routing.hpp"
#include "workloads/parallel/layers.hpp"
#include "workloads/parallel/stages.hpp"

#include <algorithm>
#include <functional>

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

/// Adds a state unless another is as large in every stage, and drops those that it exceeds so.
void add_state(std::vector<std::vector<int>>& states, const std::vector<int>& state) {
  const auto within = [](const std::vector<int>& a, const std::vector<int>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), std::less_equal<>());
  };
  for (const std::vector<int>& other : states) {
    if (within(state, other)) return;
  }
  std::erase_if(states, [&](const std::vector<int>& other) { return within(other, state); });
  states.push_back(state);
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

StageLoad load_of(const Job& job, const std::vector<Layer>& layers) {
  StageLoad load;
  for (const Layer& layer : layers) {
    const HeldParameters held = held_parameters(job, layer);
    load.shared += held.shared;
    load.experts += held.experts;
    load.activation += activation_bytes(job, layer);
    load.workspace = std::max(load.workspace, workspace(job, layer));
    load.largest_layer = std::max(load.largest_layer, held.shared + held.experts);
  }
  return load;
}

Backlog backlog_of(const Job& job, int pipeline_rank) {
  Backlog backlog;
  for (int stage = 0; stage < job.stages(); ++stage) {
    if (rank_of_stage(job, stage, 0) == pipeline_rank ||
        (job.schedule == Schedule::dual_pipe && rank_of_stage(job, stage, 1) == pipeline_rank)) {
      backlog.stages.push_back(stage);
    }
  }
  const auto index = [&](int stage) {
    return static_cast<std::size_t>(
        std::lower_bound(backlog.stages.begin(), backlog.stages.end(), stage) -
        backlog.stages.begin());
  };
  const std::vector<Action> actions = program(job, pipeline_rank);
  std::vector<int> left(backlog.stages.size(), 0);  // backward and weight actions still to come
  for (const Action& action : actions) {
    if (action.backward.stage >= 0) ++left[index(action.backward.stage)];
  }
  const std::vector<int> all = left;
  std::vector<int> kept(left.size(), 0), open(left.size(), 0);
  for (const Action& action : actions) {
    if (action.forward.stage >= 0) {
      ++kept[index(action.forward.stage)];
      add_state(backlog.kept, kept);
    }
    if (action.backward.stage < 0) continue;
    const std::size_t stage = index(action.backward.stage);
    if (left[stage] == all[stage]) {
      open[stage] = 1;
      add_state(backlog.open, open);
    }
    if (--left[stage] == 0) open[stage] = 0;
    if (action.kind != Action::Kind::backward_input) --kept[stage];
  }
  return backlog;
}

RankBytes rank_bytes(const Job& job, int pipeline_rank, const std::vector<StageLoad>& loads,
                     const Backlog& backlog) {
  double shared = 0, experts = 0, scratch = 0, largest = 0;
  for (const StageLoad& load : loads) {
    shared += load.shared;
    experts += load.experts;
    scratch = std::max(scratch, load.workspace);
    largest = std::max(largest, load.largest_layer);
  }
  if (job.schedule == Schedule::dual_pipe) scratch *= 2;  // two passes at once
  RankBytes bytes;
  for (const std::vector<int>& kept : backlog.kept) {
    double sum = 0;
    for (std::size_t i = 0; i < loads.size(); ++i) sum += kept[i] * loads[i].activation;
    bytes.activations = std::max(bytes.activations, sum);
  }
  double open_gradients = 0;
  for (const std::vector<int>& open : backlog.open) {
    double sum = 0;
    for (std::size_t i = 0; i < loads.size(); ++i) {
      sum += open[i] * (loads[i].shared + loads[i].experts);
    }
    open_gradients = std::max(open_gradients, sum);
  }
  const double copies = mirror_of(job, pipeline_rank) == pipeline_rank ? 1 : 2;
  const double holders = job.layout.data * job.layout.context * copies;
  const double expert_holders = job.expert_holders() * copies;
  const double sharded = shared / holders + experts / expert_holders;
  const double whole = shared + experts;
  const int zero = job.layout.zero;
  const StateSizes& size = job.states;
  // A layer's weights are gathered while the one before it runs (ZeRO-3).
  const double weights = zero >= 3 ? std::min(whole, sharded + 2 * largest) : whole;
  double gradients = whole;
  if (zero == 2) gradients = std::min(whole, sharded + open_gradients);
  if (zero >= 3) gradients = std::min(whole, sharded + 2 * largest);
  bytes.weights = weights * size.weights;
  bytes.gradients = gradients * size.gradients;
  bytes.optimizer = (zero >= 1 ? sharded : whole) * (size.master_weights + 2 * size.moments);
  bytes.buffers = scratch;
  bytes.reserve = kReserve;
  return bytes;
}

std::vector<RankMemory> memory_of(const Job& job) {
  std::vector<StageLoad> stages;
  for (int stage = 0; stage < job.stages(); ++stage) {
    stages.push_back(load_of(job, layers_of_stage(job, stage)));
  }
  std::vector<RankMemory> all;
  all.reserve(static_cast<std::size_t>(job.layout.pipeline));
  for (int rank = 0; rank < job.layout.pipeline; ++rank) {
    const Backlog backlog = backlog_of(job, rank);
    std::vector<StageLoad> loads;
    for (const int stage : backlog.stages) loads.push_back(stages[static_cast<std::size_t>(stage)]);
    const RankBytes bytes = rank_bytes(job, rank, loads, backlog);
    RankMemory memory;
    memory.pipeline_rank = rank;
    memory.items = {
        {"weights", bytes.weights * units::B},     {"gradients", bytes.gradients * units::B},
        {"optimizer", bytes.optimizer * units::B}, {"activations", bytes.activations * units::B},
        {"buffers", bytes.buffers * units::B},     {"reserve", bytes.reserve * units::B}};
    all.push_back(std::move(memory));
  }
  return all;
}

}  // namespace parallel

}  // namespace aisle::workloads
