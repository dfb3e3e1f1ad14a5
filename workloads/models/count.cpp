// SPDX-License-Identifier: Apache-2.0
// Parameters and floating-point operations of a model, by arithmetic on its shapes
// (docs/model/models.md).
#include "workloads/models/model.hpp"

namespace aisle::workloads {

namespace {

using Count = std::int64_t;

/// Matrices of the attention projections: what every token is multiplied with.
Count attention_matrices(const ModelGraph& model, const AttentionShape& a) {
  const Count hidden = model.hidden, heads = a.heads;
  const Count output = heads * a.v_dim * hidden;
  if (!a.mla) {
    return hidden * heads * a.qk_dim + hidden * a.kv_heads * (a.qk_dim + a.v_dim) + output;
  }
  const Count query = a.q_lora_rank > 0
                          ? (hidden + heads * a.qk_dim) * static_cast<Count>(a.q_lora_rank)
                          : hidden * heads * a.qk_dim;
  const Count down = hidden * (a.kv_lora_rank + a.rope_dim);
  const Count up = heads * (a.qk_dim - a.rope_dim + a.v_dim) * static_cast<Count>(a.kv_lora_rank);
  return query + down + up + output;
}

Count attention_parameters(const ModelGraph& model, const AttentionShape& a) {
  Count count = attention_matrices(model, a) + a.extra_parameters;
  if (a.mla) count += a.q_lora_rank + a.kv_lora_rank;  // norms of the compressed vectors
  if (a.bias) {
    const Count heads = a.heads, kv_heads = a.kv_heads;
    count += heads * a.qk_dim + kv_heads * (a.qk_dim + a.v_dim) + model.hidden;
  }
  return count;
}

/// One block of `width` (input and output matrices, and the gate).
Count block_matrices(const ModelGraph& model, bool gated, int width) {
  return (gated ? 3 : 2) * static_cast<Count>(model.hidden) * width;
}

/// Feed-forward matrices that one token passes: the dense block, or router, shared experts and
/// top_k routed ones.
Count active_feed_forward(const ModelGraph& model, const FeedForwardShape& f) {
  if (f.experts == 0) return block_matrices(model, f.gated, f.hidden);
  return static_cast<Count>(model.hidden) * f.experts +
         f.shared * block_matrices(model, f.gated, f.shared_hidden) +
         f.top_k * block_matrices(model, f.gated, f.hidden);
}

/// Biases of one block of `width`.
Count block_biases(const ModelGraph& model, const FeedForwardShape& f, int width) {
  return f.bias ? (f.gated ? 2 : 1) * static_cast<Count>(width) + model.hidden : 0;
}

Count active_biases(const ModelGraph& model, const FeedForwardShape& f) {
  if (f.experts == 0) return block_biases(model, f, f.hidden);
  return f.shared * block_biases(model, f, f.shared_hidden) +
         f.top_k * block_biases(model, f, f.hidden);
}

/// Attention, feed-forward and the norms before them.
ParameterCount transformer_block(const ModelGraph& model, const Layer& layer) {
  const FeedForwardShape& f = layer.feed_forward;
  ParameterCount count;
  count.attention = attention_parameters(model, layer.attention);
  const Count norms = (model.parallel_block ? 1 : 2) * static_cast<Count>(model.hidden);
  count.active = count.attention + active_feed_forward(model, f) + active_biases(model, f) + norms;
  const Count expert = block_matrices(model, f.gated, f.hidden) + block_biases(model, f, f.hidden);
  count.routed_experts = f.experts * expert;
  count.total = count.active + (f.experts - (f.experts > 0 ? f.top_k : 0)) * expert;
  return count;
}

/// Pairs of query and key of one sequence that the score product is counted for.
double attended_pairs(const AttentionShape& a, int sequence, bool causal) {
  const double length = sequence;
  const double window = a.window > 0 && a.window < sequence ? a.window : length;
  return causal ? window * window / 2 + (length - window) * window : length * window;
}

Count matrices_passed(const ModelGraph& model, const Layer& layer) {
  const Count hidden = model.hidden;
  switch (layer.kind) {
    case LayerKind::embedding:
      return 0;
    case LayerKind::head:
      return hidden * model.vocabulary;
    case LayerKind::dense:
    case LayerKind::moe:
      return attention_matrices(model, layer.attention) +
             active_feed_forward(model, layer.feed_forward);
    case LayerKind::mtp:
      return 2 * hidden * hidden + attention_matrices(model, layer.attention) +
             active_feed_forward(model, layer.feed_forward) + hidden * model.vocabulary;
  }
  AISLE_ASSERT(false, "layer kind out of range");
}

}  // namespace

ParameterCount count_parameters(const ModelGraph& model, const Layer& layer) {
  const Count hidden = model.hidden;
  ParameterCount count;
  switch (layer.kind) {
    case LayerKind::embedding:
      count.total = count.active =
          (static_cast<Count>(model.vocabulary) + model.learned_positions) * hidden;
      return count;
    case LayerKind::head:
      count.total = count.active =
          (model.tied_embeddings ? 0 : model.vocabulary * hidden) + hidden;  // and the last norm
      return count;
    case LayerKind::dense:
    case LayerKind::moe:
      return transformer_block(model, layer);
    case LayerKind::mtp:
      count = transformer_block(model, layer);
      // The projection of [embedding; hidden state], the norm of each, and the last norm.
      count.total += 2 * hidden * hidden + 3 * hidden;
      count.active += 2 * hidden * hidden + 3 * hidden;
      return count;
  }
  AISLE_ASSERT(false, "layer kind out of range");
}

ModelCount count_parameters(const ModelGraph& model) {
  ModelCount sum;
  sum.total = sum.active = model.extra_parameters;
  for (const Layer& layer : model.layers) {
    const ParameterCount count = count_parameters(model, layer);
    if (layer.kind == LayerKind::mtp) {
      sum.mtp += count.total;
      continue;
    }
    if (layer.kind == LayerKind::embedding) sum.embedding += count.total;
    sum.total += count.total;
    sum.active += count.active;
  }
  return sum;
}

Flops forward_flops(const ModelGraph& model, const Layer& layer, std::int64_t tokens, int sequence,
                    bool causal) {
  AISLE_ASSERT(tokens >= 0 && sequence > 0, "tokens come in sequences of positive length");
  double per_token = 2.0 * static_cast<double>(matrices_passed(model, layer));
  if (layer.kind != LayerKind::embedding && layer.kind != LayerKind::head) {
    const AttentionShape& a = layer.attention;
    per_token += 2.0 * a.heads * (a.qk_dim + a.v_dim) * attended_pairs(a, sequence, causal) /
                 static_cast<double>(sequence);
  }
  return per_token * static_cast<double>(tokens) * units::FLOP;
}

Flops training_flops_per_token(const ModelGraph& model, int sequence, bool with_mtp, bool causal) {
  Flops forward;
  for (const Layer& layer : model.layers) {
    if (layer.kind == LayerKind::mtp && !with_mtp) continue;
    forward += forward_flops(model, layer, 1, sequence, causal);
  }
  return 3.0 * forward;
}

}  // namespace aisle::workloads
