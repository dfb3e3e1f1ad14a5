// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aisle {
class SourceMap;
}

namespace aisle::pb {
class Model;
}

namespace aisle::workloads {

/// Attention shapes of one layer, after defaults. MLA leaves kv_heads = heads.
struct AttentionShape {
  bool mla = false;
  int heads = 0, kv_heads = 0;
  int qk_dim = 0;  ///< per head, in the score product (MLA: nope + rope)
  int v_dim = 0;   ///< per head, in the value product
  int q_lora_rank = 0, kv_lora_rank = 0, rope_dim = 0;
  int window = 0;  ///< 0: all earlier tokens
  std::int64_t extra_parameters = 0;
  bool bias = false;
  friend bool operator==(const AttentionShape&, const AttentionShape&) = default;
};

/// Feed-forward block of one layer: dense (experts == 0) or mixture of experts.
struct FeedForwardShape {
  int hidden = 0;  ///< width of the dense block, or of one routed expert
  bool gated = true;
  bool bias = false;
  int experts = 0, top_k = 0, shared = 0, shared_hidden = 0;
  int groups = 1, group_limit = 0;
  friend bool operator==(const FeedForwardShape&, const FeedForwardShape&) = default;
};

enum class LayerKind { embedding, dense, moe, mtp, head };

/// One layer; the MTP kind is one module: projection of two hidden vectors to one, one transformer
/// block (attention + feed_forward), its norms; its head and embedding are shared with the main
/// ones but computed again.
struct Layer {
  LayerKind kind = LayerKind::dense;
  AttentionShape attention;
  FeedForwardShape feed_forward;
  int number = -1;  ///< from 0 among transformer layers and, behind them, MTP modules

  /// Whether both do the same, wherever they stand.
  friend bool operator==(const Layer& a, const Layer& b) {
    return a.kind == b.kind && a.attention == b.attention && a.feed_forward == b.feed_forward;
  }
};

/// A model with its layers in order: embedding, transformer layers, head, MTP modules.
struct ModelGraph {
  std::string name;
  int hidden = 0;
  int vocabulary = 0;
  bool tied_embeddings = false;
  bool parallel_block = false;  ///< attention and feed-forward block share one norm
  int learned_positions = 0;
  std::int64_t extra_parameters = 0;
  std::vector<Layer> layers;

  int transformer_layers() const;
  bool is_moe() const;
};

/// Checks shapes and unfolds a description into layers. Errors name the field below `path`
/// ("workload.training.what_if" or "") in `places`.
std::optional<ModelGraph> build_model(const pb::Model& model, const SourceMap& places,
                                      const std::string& path, Diagnostics& diagnostics);

/// Parameters of one layer. `active` counts top_k of the routed experts.
struct ParameterCount {
  std::int64_t total = 0;
  std::int64_t active = 0;
  std::int64_t attention = 0;
  std::int64_t routed_experts = 0;  ///< part of total that expert parallelism spreads
};

ParameterCount count_parameters(const ModelGraph& model, const Layer& layer);

/// Of the whole model. MTP modules are counted apart (`mtp`), as published totals do; embeddings
/// and head are included.
struct ModelCount {
  std::int64_t total = 0, active = 0, mtp = 0, embedding = 0;
};

ModelCount count_parameters(const ModelGraph& model);

/// Floating-point operations of `tokens` tokens in sequences of `sequence`, forward pass; a
/// multiply-add counts two. Causal attention counts half of the square (windows count what they
/// see). Backward is twice the forward.
Flops forward_flops(const ModelGraph& model, const Layer& layer, std::int64_t tokens, int sequence,
                    bool causal = true);
/// Forward and backward of the whole model per token: causal attention, no recomputation, no input
/// embedding, MTP modules included with their heads where `with_mtp`. Without them: the count
/// behind `tflops_per_chip` and `mfu`.
Flops training_flops_per_token(const ModelGraph& model, int sequence, bool with_mtp,
                               bool causal = true);

}  // namespace aisle::workloads
