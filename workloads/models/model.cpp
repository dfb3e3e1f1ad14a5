// SPDX-License-Identifier: Apache-2.0
// From a description to layers: every check that a model's shapes must pass.
#include "workloads/models/model.hpp"

#include "sim/base/proto_text.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.pb.h"

#include <fmt/format.h>

#include <algorithm>

namespace aisle::workloads {

namespace {

/// Beyond these a description is a slip of the keyboard, and counts would leave 64 bits.
constexpr std::int64_t kMaxLayers = 4096;
constexpr std::int64_t kMaxWidth = 1 << 20;
constexpr std::int64_t kMaxHeads = 1 << 16;
constexpr std::int64_t kMaxExperts = 1 << 14;
constexpr std::int64_t kMaxVocabulary = 1 << 26;
constexpr std::int64_t kMaxContext = 1 << 30;
constexpr std::int64_t kMaxExtra = 1'000'000'000'000'000;
constexpr double kMaxParameters = 1e18;

/// Puts errors at their fields.
class Checker {
 public:
  Checker(const SourceMap& places, std::string path, Diagnostics& diagnostics)
      : places_(places), path_(std::move(path)), diagnostics_(diagnostics) {}

  void error(const std::string& field, std::string sentence, std::string hint = {}) {
    const std::string full = path_.empty() ? field : path_ + "." + field;
    diagnostics_.error(places_.find(full), full, std::move(sentence), std::move(hint));
  }

  void range(const std::string& field, std::int64_t value, std::int64_t low, std::int64_t high,
             const char* hint = "") {
    if (value < low || value > high) {
      error(field, fmt::format("must lie between {} and {}, is {}", low, high, value), hint);
    }
  }

  /// A field without a default that the shapes need.
  void needed(const std::string& field, bool present, std::int64_t value, std::int64_t high,
              const char* hint = "") {
    if (present) {
      range(field, value, 1, high, hint);
    } else {
      error(field, "is missing", hint);
    }
  }

 private:
  const SourceMap& places_;
  std::string path_;
  Diagnostics& diagnostics_;
};

void check_mla(const pb::Attention& a, Checker& check) {
  check.range("attention.q_lora_rank", a.q_lora_rank(), 0, kMaxWidth);
  const char* hint = "multi-head latent attention needs it";
  check.needed("attention.kv_lora_rank", a.has_kv_lora_rank(), a.kv_lora_rank(), kMaxWidth, hint);
  check.needed("attention.qk_nope_head_dim", a.has_qk_nope_head_dim(), a.qk_nope_head_dim(),
               kMaxWidth, hint);
  check.needed("attention.qk_rope_head_dim", a.has_qk_rope_head_dim(), a.qk_rope_head_dim(),
               kMaxWidth, hint);
  check.needed("attention.v_head_dim", a.has_v_head_dim(), a.v_head_dim(), kMaxWidth, hint);
  if (a.has_head_dim()) {
    check.error("attention.head_dim", "has no meaning with multi-head latent attention",
                "give qk_nope_head_dim, qk_rope_head_dim and v_head_dim");
  }
}

void check_attention(const pb::Model& model, Checker& check) {
  if (!model.has_attention()) {
    check.error("attention", "is missing", "give kind, heads and head sizes");
    return;
  }
  const pb::Attention& a = model.attention();
  if (a.kind() == pb::Attention::KIND_UNSPECIFIED) {
    check.error("attention.kind", "is missing", "one of mha, gqa, mla");
  }
  check.needed("attention.heads", a.has_heads(), a.heads(), kMaxHeads);
  check.range("attention.window", a.window(), 0, kMaxContext);
  check.range("attention.window_period", a.window_period(), 0, kMaxLayers);
  check.range("attention.extra_parameters", a.extra_parameters(), 0, kMaxExtra);
  if (a.window_period() > 0 && a.window() == 0) {
    check.error("attention.window_period", "needs a window", "give attention.window in tokens");
  }
  for (int i = 0; i < a.global_layer_size(); ++i) {
    check.range(fmt::format("attention.global_layer[{}]", i), a.global_layer(i), 0,
                std::max(0, model.layers() - 1), "layers are counted from 0");
  }
  if (a.global_layer_size() > 0 && a.window() == 0) {
    check.error("attention.global_layer", "needs a window", "give attention.window in tokens");
  }
  if (a.kind() == pb::Attention::mla) return check_mla(a, check);

  check.needed("attention.head_dim", a.has_head_dim(), a.head_dim(), kMaxWidth);
  if (a.kind() == pb::Attention::gqa) {
    check.needed("attention.kv_heads", a.has_kv_heads(), a.kv_heads(), kMaxHeads,
                 "grouped-query attention shares key and value heads; 1 is multi-query");
  }
  if (a.has_kv_heads() && a.kv_heads() > 0 && a.heads() > 0) {
    if (a.kind() == pb::Attention::mha && a.kv_heads() != a.heads()) {
      check.error("attention.kv_heads",
                  fmt::format("is {} of {} heads, but mha gives every head its own", a.kv_heads(),
                              a.heads()),
                  "use kind: gqa");
    } else if (a.heads() % a.kv_heads() != 0) {
      check.error("attention.kv_heads", fmt::format("{} key-value heads do not divide {} heads",
                                                    a.kv_heads(), a.heads()));
    }
  }
}

void check_experts(const pb::Model& model, Checker& check) {
  const pb::Experts& e = model.experts();
  check.needed("experts.routed", e.has_routed(), e.routed(), kMaxExperts);
  check.needed("experts.top_k", e.has_top_k(), e.top_k(), kMaxExperts);
  check.needed("experts.hidden", e.has_hidden(), e.hidden(), kMaxWidth);
  check.range("experts.shared", e.shared(), 0, kMaxExperts);
  if (e.has_shared_hidden()) check.range("experts.shared_hidden", e.shared_hidden(), 1, kMaxWidth);
  check.range("experts.first_dense", e.first_dense(), 0, std::max(0, model.layers()));
  check.range("experts.every", e.every(), 1, kMaxLayers);
  check.range("experts.groups", e.groups(), 1, kMaxExperts);
  if (e.top_k() > e.routed() && e.routed() > 0) {
    check.error("experts.top_k",
                fmt::format("{} experts per token of only {}", e.top_k(), e.routed()));
  }
  if (e.groups() < 1 || e.routed() < 1) return;
  if (e.routed() % e.groups() != 0) {
    check.error("experts.groups",
                fmt::format("{} groups do not divide {} experts", e.groups(), e.routed()));
  }
  check.range("experts.group_limit", e.group_limit(), 0, e.groups(), "0 is no limit");
  if (e.group_limit() > 0 && e.top_k() <= e.routed() &&
      e.top_k() > e.group_limit() * (e.routed() / e.groups())) {
    check.error("experts.group_limit",
                fmt::format("{} groups of {} experts hold fewer than the {} that a token uses",
                            e.group_limit(), e.routed() / e.groups(), e.top_k()));
  }
}

bool is_moe_layer(const pb::Model& model, int index) {
  return model.has_experts() && index >= model.experts().first_dense() &&
         (index + 1) % model.experts().every() == 0;
}

void check_shapes(const pb::Model& model, Checker& check) {
  check.needed("layers", model.has_layers(), model.layers(), kMaxLayers);
  check.needed("hidden", model.has_hidden(), model.hidden(), kMaxWidth);
  check.needed("vocabulary", model.has_vocabulary(), model.vocabulary(), kMaxVocabulary);
  check.range("mtp_layers", model.mtp_layers(), 0, kMaxLayers);
  check.range("learned_positions", model.learned_positions(), 0, kMaxContext);
  check.range("extra_parameters", model.extra_parameters(), 0, kMaxExtra);
  if (model.has_max_context()) check.range("max_context", model.max_context(), 1, kMaxContext);
  check_attention(model, check);
  if (model.has_experts()) check_experts(model, check);
  const bool has_dense =
      !model.has_experts() || model.experts().first_dense() > 0 || model.experts().every() > 1;
  if (has_dense) {
    check.needed("ffn_hidden", model.has_ffn_hidden(), model.ffn_hidden(), kMaxWidth,
                 "width of the dense feed-forward block");
  }
  if (!topology::parse_precision(model.training_precision())) {
    check.error("training_precision",
                fmt::format("unknown number format '{}'", model.training_precision()),
                did_you_mean(model.training_precision(),
                             {"fp32", "tf32", "bf16", "fp16", "fp8", "fp6", "fp4"}));
  }
}

AttentionShape attention_shape(const pb::Attention& a, int index) {
  AttentionShape shape;
  shape.mla = a.kind() == pb::Attention::mla;
  shape.heads = a.heads();
  shape.kv_heads = a.kind() == pb::Attention::gqa ? a.kv_heads() : a.heads();
  shape.qk_dim = shape.mla ? a.qk_nope_head_dim() + a.qk_rope_head_dim() : a.head_dim();
  shape.v_dim = shape.mla ? a.v_head_dim() : a.head_dim();
  if (shape.mla) {
    shape.q_lora_rank = a.q_lora_rank();
    shape.kv_lora_rank = a.kv_lora_rank();
    shape.rope_dim = a.qk_rope_head_dim();
  }
  const auto& listed = a.global_layer();
  const bool is_global = (a.window_period() > 0 && (index + 1) % a.window_period() == 0) ||
                         std::find(listed.begin(), listed.end(), index) != listed.end();
  shape.window = is_global ? 0 : a.window();
  shape.extra_parameters = a.extra_parameters();
  shape.bias = a.bias();
  return shape;
}

FeedForwardShape feed_forward_shape(const pb::Model& model, bool moe) {
  FeedForwardShape shape;
  shape.gated = model.gated();
  shape.bias = model.feed_forward_bias();
  if (!moe) {
    shape.hidden = model.ffn_hidden();
    return shape;
  }
  const pb::Experts& e = model.experts();
  shape.hidden = e.hidden();
  shape.experts = e.routed();
  shape.top_k = e.top_k();
  shape.shared = e.shared();
  shape.shared_hidden = e.has_shared_hidden() ? e.shared_hidden() : e.hidden();
  shape.groups = e.groups();
  shape.group_limit = e.group_limit();
  return shape;
}

ModelGraph unfold(const pb::Model& model) {
  ModelGraph graph;
  graph.name = model.name();
  graph.hidden = model.hidden();
  graph.vocabulary = model.vocabulary();
  graph.tied_embeddings = model.tied_embeddings();
  graph.parallel_block = model.parallel_block();
  graph.learned_positions = model.learned_positions();
  graph.extra_parameters = model.extra_parameters();
  graph.layers.push_back({LayerKind::embedding, {}, {}});
  for (int i = 0; i < model.layers(); ++i) {
    const bool moe = is_moe_layer(model, i);
    graph.layers.push_back({moe ? LayerKind::moe : LayerKind::dense,
                            attention_shape(model.attention(), i), feed_forward_shape(model, moe),
                            i});
  }
  graph.layers.push_back({LayerKind::head, {}, {}});
  const Layer last = graph.layers[graph.layers.size() - 2];
  for (int i = 0; i < model.mtp_layers(); ++i) {  // its block is like the model's last one
    graph.layers.push_back({LayerKind::mtp, last.attention, last.feed_forward, model.layers() + i});
  }
  return graph;
}

}  // namespace

int ModelGraph::transformer_layers() const {
  return static_cast<int>(std::count_if(layers.begin(), layers.end(), [](const Layer& layer) {
    return layer.kind == LayerKind::dense || layer.kind == LayerKind::moe;
  }));
}

bool ModelGraph::is_moe() const {
  return std::any_of(layers.begin(), layers.end(),
                     [](const Layer& layer) { return layer.kind == LayerKind::moe; });
}

std::optional<ModelGraph> build_model(const pb::Model& model, const SourceMap& places,
                                      const std::string& path, Diagnostics& diagnostics) {
  const int errors_before = diagnostics.error_count();
  Checker check(places, path, diagnostics);
  check_shapes(model, check);
  if (diagnostics.error_count() > errors_before) return std::nullopt;

  ModelGraph graph = unfold(model);
  double parameters = static_cast<double>(graph.extra_parameters);
  for (const Layer& layer : graph.layers) {
    parameters += static_cast<double>(count_parameters(graph, layer).total);
  }
  if (parameters > kMaxParameters) {
    check.error("layers", fmt::format("the sizes make {:.3g} parameters", parameters),
                "models of up to 1e18 parameters are counted");
    return std::nullopt;
  }
  return graph;
}

}  // namespace aisle::workloads
