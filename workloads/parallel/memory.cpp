// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/memory.hpp"

#include "workloads/collectives/routing.hpp"
#include "workloads/parallel/layers.hpp"
#include "workloads/parallel/stages.hpp"

#include <algorithm>
#include <functional>
#include <optional>

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

/// The loss keeps probabilities in FP32. While it is computed, there are the logits and their
/// difference to the largest beside them (Megatron's vocab-parallel cross entropy).
constexpr double kProbability = 4;

struct Sizes {
  explicit Sizes(const Job& job)
      : tensor(job.layout.tensor),
        hidden(job.model->hidden),
        tokens(static_cast<double>(job.tokens())),
        shard(static_cast<double>(job.shard_tokens())),
        number(job.number()),
        operand(topology::size_of(job.precision).si() + job.scale_bytes()) {}

  double tensor, hidden;
  double tokens, shard;  ///< of the tensor-parallel group, and of one rank outside of its regions
  double number;         ///< bytes between kernels
  double operand;        ///< bytes that a product reads, with its scale
};

/// Scores and what is made of them, where they reach memory; else the sums of their rows.
template <typename Add>
void score_activations(const Job& job, const Sizes& z, double heads, Add add) {
  if (job.recomputes(Part::core_attention)) return;
  if (job.flash) return add("attention row sums", z.tokens * heads * 4);
  // Softmax; with dropout, its output and its mask too (arXiv 2205.05198: 5 a s^2 b).
  const double per_score = job.dropout ? 2 * z.number + 1 : z.number;
  add("attention scores", z.tokens * heads * job.sequence * per_score);
}

template <typename Add>
void attention_activations(const Job& job, const Layer& layer, const Sizes& z, Add add) {
  const AttentionShape& a = layer.attention;
  const double heads = a.heads / z.tensor, kv_heads = std::max(1.0, a.kv_heads / z.tensor);
  const bool norms = !job.recomputes(Part::norms);
  add("layer input", z.shard * z.hidden * z.number);
  if (norms) add("normed input", z.shard * z.hidden * z.operand);
  // By blocks, in a 12-bit format (DeepSeek-V3); in other narrow recipes once as the core made it
  // and once as the product reads it.
  const double output = job.block_scaled() ? 1.5 : z.number + (job.quantised() ? z.operand : 0);
  add("attention output", z.tokens * heads * a.v_dim * output);
  score_activations(job, z, heads, add);
  const double keys = job.recomputes(Part::every_second_product) ? 0 : a.qk_dim;
  const double queries_keys_values =
      a.mla ? heads * (2.0 * a.qk_dim + a.v_dim) : heads * a.qk_dim + kv_heads * (keys + a.v_dim);
  if (a.mla) {
    add("latent vectors", z.shard * (a.q_lora_rank + a.kv_lora_rank + a.rope_dim) * z.number);
    if (norms) add("normed latents", z.shard * (a.q_lora_rank + a.kv_lora_rank) * z.operand);
  }
  if (!a.mla || !job.recomputes(Part::mla_up_projection)) {
    add("queries, keys, values", z.tokens * queries_keys_values * z.number);
  }
  if (job.dropout) add("dropout masks", z.shard * z.hidden);
}

template <typename Add>
void expert_activations(const Job& job, const Layer& layer, const Sizes& z, double per_number,
                        Add add) {
  const FeedForwardShape& f = layer.feed_forward;
  const double rows = z.shard * f.top_k;
  add("router", z.shard * f.experts * 4);
  if (job.recomputes(Part::moe)) return;
  add("shared experts", z.tokens * f.shared * f.shared_hidden / z.tensor * per_number);
  add("experts", rows * f.hidden * per_number);  // cut experts get more rows of less width
  // By blocks (DeepSeek-V3): what other ranks sent, once per token; rows by expert are made again.
  const Routing routing{f.experts, f.top_k, f.groups, f.group_limit};
  const double received =
      job.block_scaled() ? z.shard * expected_copies(routing, job.layout.expert) : rows;
  add("tokens of experts", received * job.expert_tensor * z.hidden * z.operand);
}

template <typename Add>
void feed_forward_activations(const Job& job, const Layer& layer, const Sizes& z, Add add) {
  const FeedForwardShape& f = layer.feed_forward;
  const bool moe = f.experts > 0;
  add("layer input", z.shard * z.hidden * z.number);  // of the second norm
  if (!job.recomputes(Part::norms)) add("normed input", z.shard * z.hidden * z.operand);
  // Of one activated number: the inputs of the activation, and its output unless computed again.
  const bool output = !job.recomputes(moe ? Part::moe_activation : Part::activation);
  const double stash = job.block_scaled() ? z.operand : z.number;
  const bool one = job.recomputes(Part::every_second_product) && !moe;  // of gate and up
  const double per_number = stash * (f.gated && !one ? 2 : 1) + (output ? z.operand : 0);
  if (moe) {
    expert_activations(job, layer, z, per_number, add);
  } else if (!job.recomputes(Part::mlp)) {
    add("feed-forward", z.tokens * f.hidden / z.tensor * per_number);
  }
  if (job.dropout) add("dropout masks", z.shard * z.hidden);
}

/// Calls `add(what, bytes)` for every tensor that a rank keeps of one layer and micro-batch.
template <typename Add>
void each_activation(const Job& job, const Layer& layer, Add add) {
  const Sizes z(job);
  const auto head = [&] {
    add("layer input", z.shard * z.hidden * 2 * z.number);
    add("logits", z.tokens * job.model->vocabulary / z.tensor * kProbability);
  };
  if (layer.kind == LayerKind::embedding) return add("token numbers", z.tokens * 8);
  if (layer.kind == LayerKind::head) return head();
  if (job.recompute == Recompute::full) {
    add("layer input", z.shard * z.hidden * z.number);
  } else {
    attention_activations(job, layer, z, add);
    feed_forward_activations(job, layer, z, add);
  }
  if (layer.kind != LayerKind::mtp) return;
  // A prediction module also keeps the two vectors that it joins, normed and not, and has a head.
  add("layer input", 4 * z.shard * z.hidden * z.number);
  head();
}

/// The head's weight gradient before it is added to the accumulated ones, where that takes a kernel
/// of its own: in two bytes, and in the accumulator's format. (Those of layers follow when what the
/// layer kept is gone.)
double gradient_apart(const Job& job, double numbers) {
  return job.accumulates_apart() ? numbers * (2 + job.states.gradients) : 0;
}

/// Keys and values of others, and their gradients: all, or in a ring one block and the next; or
/// what an all-to-all sends and receives.
double context_buffers(const Job& job, const Layer& layer, const Sizes& z) {
  const AttentionShape& a = layer.attention;
  if (job.layout.context == 1 || a.heads == 0) return 0;
  const double heads = a.heads / z.tensor;
  const double kv_heads = a.mla ? heads : std::max(1.0, a.kv_heads / z.tensor);
  const double keys_values = z.tokens * kv_heads * (a.qk_dim + a.v_dim) * z.number;
  switch (job.context_kind) {
    case ContextKind::kv_gather:
      return 2 * job.layout.context * keys_values;
    case ContextKind::kv_ring:
      return 4 * keys_values;
    case ContextKind::ulysses:
      return 2 * (keys_values + z.tokens * heads * a.qk_dim * z.number);
  }
  return 0;
}

/// Scratch of one layer while it runs, forward and backward.
double workspace(const Job& job, const Layer& layer) {
  const Sizes z(job);
  const FeedForwardShape& f = layer.feed_forward;
  const double gates = f.gated ? 2 : 1;
  const double gathered =
      (z.tensor > 1 ? 2 * z.tokens * z.hidden * z.number : 0) + context_buffers(job, layer, z);
  if (layer.kind == LayerKind::embedding) return gathered;
  if (layer.kind == LayerKind::head) {
    const double columns = job.model->vocabulary / z.tensor;
    const double logits = z.tokens * columns;
    // For the weight gradient, theirs in two bytes have taken the place of the probabilities.
    return gathered +
           std::max(logits * (z.number + kProbability),
                    gradient_apart(job, columns * z.hidden) + logits * (z.number - kProbability));
  }
  if (f.experts == 0) {
    const double width = f.hidden / z.tensor * gates;
    return gathered + z.tokens * width * 2 * z.number;
  }
  // Rows by expert before and after both products, and buffers of the exchange.
  const Routing routing{f.experts, f.top_k, f.groups, f.group_limit};
  const double cut = job.expert_tensor;
  const double received = z.shard * expected_copies(routing, job.layout.expert) * cut;
  return gathered + z.shard * f.top_k * (z.hidden * cut + gates * f.hidden) * z.number +
         2 * received * z.hidden * z.number;
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
  double sum = 0;
  each_activation(job, layer, [&sum](const char*, double bytes) { sum += bytes; });
  return sum;
}

std::vector<MemoryItem> activations_by_tensor(const Job& job, const Layer& layer) {
  std::vector<MemoryItem> items;
  each_activation(job, layer, [&items](const char* what, double bytes) {
    const auto same = std::find_if(items.begin(), items.end(),
                                   [what](const MemoryItem& item) { return item.use == what; });
    if (same == items.end()) {
      items.push_back({what, bytes * units::B});
    } else {
      same->bytes += bytes * units::B;
    }
  });
  return items;
}

void StageLoad::add(const StageLoad& other, int count) {
  shared += count * other.shared;
  experts += count * other.experts;
  tables += count * other.tables;
  trained += count * other.trained;
  trained_experts += count * other.trained_experts;
  activation += count * other.activation;
  workspace = std::max(workspace, other.workspace);
  largest_layer = std::max(largest_layer, other.largest_layer);
  away += count * other.away;
  most_away = std::max(most_away, other.most_away);
}

StageLoad load_of(const Job& job, const std::vector<Layer>& layers) {
  StageLoad load;
  std::optional<Job> rest;  // of layers that full recomputation leaves out
  if (job.recompute_layers >= 0) rest = job.beyond_recomputed_layers();
  int block = 0;
  for (const Layer& layer : layers) {
    const Job& own = job.recompute_covers(block) ? job : *rest;
    if (layer.attention.heads > 0) ++block;
    const HeldParameters held = held_parameters(job, layer);
    const HeldParameters trained = trained_parameters(job, layer);
    StageLoad one;
    one.shared = held.shared;
    one.experts = held.experts;
    one.tables = layer.attention.heads == 0 ? held.shared : 0;
    one.trained = trained.shared;
    one.trained_experts = trained.experts;
    one.activation = activation_bytes(own, layer);
    one.workspace = workspace(job, layer);
    one.largest_layer = held.shared + held.experts;
    if (layer.attention.heads > 0) {
      one.away = one.most_away = job.offload.activations * one.activation;
      one.activation -= one.away;
    }
    load.add(one, 1);
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
  if (job.forward_only) return backlog;  // nothing outlives its pass
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

namespace {

/// Of several states, each with a number for every stage, the largest sum of what stages hold.
template <typename Held>
double most(const std::vector<std::vector<int>>& states, const std::vector<StageLoad>& loads,
            Held held) {
  double largest = 0;
  for (const std::vector<int>& state : states) {
    double sum = 0;
    for (std::size_t i = 0; i < loads.size(); ++i) sum += state[i] * held(loads[i]);
    largest = std::max(largest, sum);
  }
  return largest;
}

}  // namespace

RankBytes rank_bytes(const Job& job, int pipeline_rank, const std::vector<StageLoad>& loads,
                     const Backlog& backlog) {
  double shared = 0, experts = 0, tables = 0, scratch = 0, largest = 0, largest_stage = 0,
         most_away = 0;
  double trained = 0, trained_experts = 0;
  for (const StageLoad& load : loads) {
    largest_stage = std::max(largest_stage, load.shared + load.experts);
    shared += load.shared;
    experts += load.experts;
    tables += load.tables;
    trained += load.trained;
    trained_experts += load.trained_experts;
    most_away = std::max(most_away, load.most_away);
    // DualPipe runs a pass through one of its stages beside one through the other.
    scratch = job.schedule == Schedule::dual_pipe ? scratch + load.workspace
                                                  : std::max(scratch, load.workspace);
    largest = std::max(largest, load.largest_layer);
  }
  // Both passes of a pair may be in one stage.
  if (job.pairs() && (job.chunk || job.schedule != Schedule::dual_pipe)) scratch *= 2;
  RankBytes bytes;
  // One layer's that waits on the host is on its way, and the next one's.
  bytes.activations = 2 * most_away + most(backlog.kept, loads,
                                           [](const StageLoad& load) { return load.activation; });
  const double open_gradients = most(backlog.open, loads, [](const StageLoad& load) {
    return load.trained + load.trained_experts;
  });
  const double copies = mirror_of(job, pipeline_rank) == pipeline_rank ? 1 : 2;
  const auto share = [&](int ranks) {
    return shared / (ranks * copies) + experts / (job.expert_shard(ranks) * copies);
  };
  const double sharded = share(job.shard());
  const double whole = shared + experts;
  const int zero = job.layout.zero;
  const StateSizes& size = job.states;
  // ZeRO-3: the unit that computes (breadth first: the chunk), and the one that is gathered or
  // summed beside it.
  const double unit = job.schedule == Schedule::breadth_first
                          ? largest_stage
                          : std::max(largest, job.sharding.bucket);
  const double gathered =
      std::min(whole - sharded, (job.sharding.gather_ahead ? 2 : 1) * unit) * job.number();
  const bool kept = job.backward_shard() < job.shard();
  if (zero < 3) {
    bytes.weights = whole * (size.weights + (job.casts_weights() ? job.number() : 0));
  } else if (kept) {
    const double between = job.backward_shard() == 1 ? whole : share(job.backward_shard());
    bytes.weights = sharded * size.weights +
                    std::min(whole * job.number(), between * job.sharding.weights + gathered);
  } else {
    bytes.weights = sharded * size.weights + gathered;
  }
  const double all_trained = trained + trained_experts;
  const double own_trained = zero >= 1
                                 ? trained / (job.shard() * copies) +
                                       trained_experts / (job.expert_shard(job.shard()) * copies)
                                 : all_trained;
  if (job.frozen()) bytes.weights += all_trained * size.weights;
  double gradients = all_trained;
  if (zero == 2) gradients = std::min(all_trained, own_trained + open_gradients);
  if (zero >= 3 || (zero == 2 && job.sharding.every_pass)) {
    gradients = std::min(all_trained, own_trained + 2 * unit);
  }
  if (!job.forward_only) bytes.gradients = gradients * size.gradients;
  // Muon keeps the second moment of embedding and head alone.
  double second = own_trained;
  if (job.muon) second = zero >= 1 ? tables / (job.shard() * copies) : tables;
  if (!job.forward_only) {
    bytes.optimizer = (1 - job.offload.optimizer) *
                      (own_trained * (size.master_weights + size.moments) + second * size.moments);
  }
  bytes.buffers = scratch;
  bytes.reserve = kReserve;
  bytes.fragmentation = job.fragmentation * (bytes.activations + bytes.buffers);
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
    if (bytes.fragmentation > 0) {
      memory.items.push_back({"fragmentation", bytes.fragmentation * units::B});
    }
    all.push_back(std::move(memory));
  }
  return all;
}

}  // namespace parallel

}  // namespace aisle::workloads
