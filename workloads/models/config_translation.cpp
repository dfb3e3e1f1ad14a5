// SPDX-License-Identifier: Apache-2.0
#include "workloads/models/config_translation.hpp"

#include "workloads/models/architectures.hpp"
#include "workloads/models/config_fields.hpp"
#include "workloads/models/layer_pattern.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aisle::workloads {

namespace {

using Kind = ConfigValue::Kind;

/// Parts that the layers here have no kernels for. Present and not empty, they refuse the model.
struct Refused {
  std::string_view name, what;
};

constexpr Refused kRefused[] = {
    {"is_encoder_decoder", "an encoder beside the decoder"},
    {"encoder_layers", "an encoder beside the decoder"},
    {"num_encoder_layers", "an encoder beside the decoder"},
    {"cross_attention_layers", "layers that attend to another model"},
    {"linear_attn_config", "linear attention"},
    {"linear_num_value_heads", "linear attention"},
    {"linear_num_key_heads", "linear attention"},
    {"mamba_d_state", "state-space layers"},
    {"mamba_num_heads", "state-space layers"},
    {"mamba_d_ssm", "state-space layers"},
    {"mamba_expand", "state-space layers"},
    {"ssm_state_size", "state-space layers"},
    {"ssm_cfg", "state-space layers"},
    {"state_size", "state-space layers"},
    {"hybrid_override_pattern", "state-space layers"},
    {"attn_layer_period", "state-space layers"},
    {"lru_width", "recurrent layers"},
    {"conv_L_cache", "convolutions in place of attention"},
    {"blocksparse_block_size", "block-sparse attention"},
    {"num_kv_shared_layers", "layers that share keys and values"},
    {"altup_num_inputs", "alternating updates"},
    {"zero_expert_num", "experts that compute nothing"},
    {"block_configs", "layers of different shapes (a searched architecture)"},
};

constexpr std::string_view kRefusedTypes[] = {
    "t5",    "mt5",    "umt5",         "bart", "mbart", "whisper",         "bert",   "roberta",
    "mamba", "mamba2", "falcon_mamba", "rwkv", "jamba", "recurrent_gemma", "zamba2", "xlstm"};

constexpr const char* kWhatToDo =
    "describe the model in a .textproto with the layers that come nearest "
    "(docs/formats/model-config.md)";

class Translation {
 public:
  Translation(const ConfigValue& outer, const ConfigValue& config, const std::string& type,
              const Architecture* known, SourceMap& places, Diagnostics& diagnostics)
      : outer_(outer),
        type_(type),
        known_(known != nullptr),
        architecture_(known != nullptr ? *known : Architecture{.type = type}),
        fields_(config, known != nullptr ? std::string(known->type) : type, places, diagnostics),
        diagnostics_(diagnostics),
        errors_before_(diagnostics.error_count()) {}

  /// Nothing, with errors, for a model that cannot be described.
  std::optional<pb::Model> run() {
    refuse();
    if (failed()) return std::nullopt;
    read_sizes();
    read_attention();
    read_windows();
    read_experts();
    read_small_parameters();
    fields_.warn_of_unused();
    if (!known_) warn_of_assumptions();
    if (failed()) return std::nullopt;
    return model_;
  }

 private:
  bool failed() const { return diagnostics_.error_count() > errors_before_; }

  void refuse() {
    for (const std::string_view type : kRefusedTypes) {
      if (type_ != type) continue;
      fields_.error("model_type", fmt::format("'{}' is no decoder of attention layers", type_),
                    kWhatToDo);
    }
    for (const Refused& refused : kRefused) {
      const ConfigValue* value = fields_.value(refused.name);
      const bool absent = value == nullptr || (value->kind == Kind::boolean && !value->flag) ||
                          (value->kind == Kind::number && value->number == 0) ||
                          (value->kind == Kind::list && value->items.empty());
      if (!absent) refuse(refused.name, refused.what);
    }
    // MiniMax-Text-01 and M1: 0 is lightning attention.
    if (const ConfigValue* kinds = fields_.value("attn_type_list")) {
      const auto linear = std::count_if(kinds->items.begin(), kinds->items.end(),
                                        [](const ConfigValue& item) { return item.number == 0; });
      if (linear > 0) {
        refuse("attn_type_list",
               fmt::format("linear attention in {} of {} layers", linear, kinds->items.size()));
      }
    }
    if (fields_.value("index_topk") != nullptr) {
      fields_.warning("index_topk", "selects the tokens that attention reads; all are counted here",
                      "at short sequences that is the same");
      fields_.understood({"index_n_heads", "index_head_dim"});
    }
  }

  void refuse(std::string_view name, std::string_view what) {
    fields_.error(name, fmt::format("the model has {}, which is not modelled", what), kWhatToDo);
  }

  void read_sizes() {
    layers_ = fields_.needed({"num_hidden_layers", "n_layer", "n_layers", "num_layers"}, "layers");
    hidden_ = fields_.needed({"hidden_size", "n_embd", "d_model", "n_embed"}, "hidden");
    vocabulary_ = fields_.needed({"vocab_size", "padded_vocab_size"}, "vocabulary");
    layers_ =
        std::min<std::int64_t>(layers_, kMostLayers + 1);  // build_model() says that it is too many
    model_.set_layers(static_cast<int>(layers_));
    model_.set_hidden(static_cast<int>(hidden_));
    model_.set_vocabulary(static_cast<int>(vocabulary_));
    const auto gated = gated_default();
    model_.set_gated(gated);
    if (tied()) model_.set_tied_embeddings(true);
    for (const char* name : {"max_position_embeddings", "n_positions", "max_sequence_length",
                             "max_seq_len", "seq_length", "model_max_length", "n_ctx"}) {
      const auto context = fields_.whole({name}, model_.has_max_context() ? "" : "max_context");
      if (context && *context > 0 && !model_.has_max_context()) {
        model_.set_max_context(static_cast<int>(*context));
      }
    }
    if (architecture_.learned_positions >= 0) {
      model_.set_learned_positions(model_.max_context() + architecture_.learned_positions);
    }
    const auto projected = fields_.whole({"word_embed_proj_dim"});
    if (projected && *projected != hidden_) {
      refuse("word_embed_proj_dim", "embeddings narrower than its layers");
    }
    const auto predicted = fields_.whole(
        {"num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers"}, "mtp_layers");
    const bool used = fields_.flag({"use_mtp"}).value_or(true);
    fields_.understood({"mtp_transformer_layers"});
    if (predicted && *predicted > 0 && used) model_.set_mtp_layers(static_cast<int>(*predicted));
  }

  /// An architecture that is not known has a gate unless its activation is one that is used alone.
  bool gated_default() {
    std::string activation;
    for (const char* name : {"hidden_act", "activation_function", "hidden_activation"}) {
      if (activation.empty()) activation = fields_.text(name);
    }
    if (known_) return architecture_.gated;
    return activation.find("glu") != std::string::npos ||
           (!activation.starts_with("gelu") && !activation.starts_with("relu"));
  }

  bool tied() {
    const auto own = fields_.flag({"tie_word_embeddings"});
    if (own) return *own;
    const ConfigValue* outer = outer_.find("tie_word_embeddings");
    if (outer != nullptr && outer->kind == Kind::boolean) return outer->flag;
    return architecture_.tied;
  }

  void read_attention() {
    heads_ = fields_.needed({"num_attention_heads", "n_head", "n_heads", "num_heads"},
                            "attention.heads");
    pb::Attention& a = *model_.mutable_attention();
    a.set_heads(static_cast<int>(heads_));
    const auto kv_heads = fields_.whole(
        {"num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num", "kv_n_heads"},
        "attention.kv_heads");
    const auto rank = fields_.whole({"kv_lora_rank"}, "attention.kv_lora_rank");
    if (rank && *rank > 0) return read_latent_attention(*rank);

    const auto size = fields_.whole({"head_dim", "kv_channels"}, "attention.head_dim");
    const bool divides = heads_ > 0 && hidden_ % heads_ == 0;
    if (!size && !divides) {
      fields_.error("num_attention_heads",
                    fmt::format("{} heads do not divide a hidden size of {}", heads_, hidden_),
                    "give head_dim where heads have a size of their own");
    }
    head_ = size ? *size : divides ? hidden_ / heads_ : 0;
    a.set_head_dim(static_cast<int>(head_));
    if (const auto value = fields_.whole({"v_head_dim"}); value && *value != head_) {
      refuse("v_head_dim", "values of another size than its keys");
    }
    kv_heads_ = kv_heads.value_or(heads_);
    const auto multi_query = fields_.flag({"multi_query"});
    const bool grouped = fields_.flag({"new_decoder_architecture"}).value_or(false);
    if (architecture_.type == "falcon" && grouped) architecture_.norms = 2;
    if (architecture_.type == "falcon" && !grouped) {
      kv_heads_ = multi_query.value_or(true) ? 1 : heads_;
      architecture_.norms = 1;
    } else if (multi_query.value_or(false) && !kv_heads) {
      kv_heads_ = 1;
    }
    a.set_kind(kv_heads_ == heads_ ? pb::Attention::mha : pb::Attention::gqa);
    if (kv_heads_ != heads_) a.set_kv_heads(static_cast<int>(kv_heads_));
  }

  void read_latent_attention(std::int64_t rank) {
    pb::Attention& a = *model_.mutable_attention();
    a.set_kind(pb::Attention::mla);
    a.set_kv_lora_rank(static_cast<int>(rank));
    a.set_q_lora_rank(
        static_cast<int>(fields_.whole({"q_lora_rank"}, "attention.q_lora_rank").value_or(0)));
    a.set_qk_nope_head_dim(
        static_cast<int>(fields_.needed({"qk_nope_head_dim"}, "attention.qk_nope_head_dim")));
    a.set_qk_rope_head_dim(
        static_cast<int>(fields_.needed({"qk_rope_head_dim"}, "attention.qk_rope_head_dim")));
    a.set_v_head_dim(static_cast<int>(fields_.needed({"v_head_dim"}, "attention.v_head_dim")));
    fields_.understood({"head_dim", "qk_head_dim", "kv_channels"});
    kv_heads_ = heads_;
  }

  /// Which layers look back a window only; empty where the configuration gives no list.
  LayerPattern listed_windows() {
    const ConfigValue* kinds = fields_.value("layer_types");
    if (kinds == nullptr) kinds = fields_.value("layers_block_type");
    if (kinds == nullptr || kinds->kind != Kind::list) return {};
    LayerPattern local;
    for (const ConfigValue& kind : kinds->items) {
      const bool whole = kind.text == "full_attention" || kind.text == "attention" ||
                         kind.text == "global_attention";
      const bool part = kind.text == "sliding_attention" || kind.text == "chunked_attention" ||
                        kind.text == "local_attention";
      if (!whole && !part) {
        refuse("layer_types", fmt::format("layers of kind '{}'", kind.text));
        return {};
      }
      local.push_back(part ? 1 : 0);
    }
    if (static_cast<std::int64_t>(local.size()) != layers_) {
      fields_.error("layer_types",
                    fmt::format("names {} layers, but there are {}", local.size(), layers_));
      return {};
    }
    return local;
  }

  /// The same by what the architecture's code does.
  LayerPattern usual_windows() {
    LayerPattern local(static_cast<std::size_t>(layers_), 1);
    const auto first = fields_.whole({"max_window_layers"});
    const bool asked = fields_.flag({"use_sliding_window"}).value_or(false);
    const auto pattern = fields_.whole(
        {"sliding_window_pattern", "_sliding_window_pattern", "no_rope_layer_interval"});
    const std::int64_t period = pattern.value_or(architecture_.window_period);
    const ConfigValue* chunked = fields_.value("no_rope_layers");  // Llama 4: 0 is global
    for (std::size_t i = 0; i < local.size(); ++i) {
      const auto layer = static_cast<std::int64_t>(i);
      if (asked && first) {
        local[i] = layer >= *first ? 1 : 0;
      } else if (chunked != nullptr && chunked->items.size() == local.size()) {
        local[i] = chunked->items[i].number != 0 ? 1 : 0;
      } else if (period > 0) {
        local[i] = (layer + 1) % period != 0 ? 1 : 0;
      }
    }
    return local;
  }

  void read_windows() {
    const auto window = fields_.whole(
        {"sliding_window", "attention_chunk_size", "sliding_window_size"}, "attention.window");
    const LayerPattern list = listed_windows();
    const LayerPattern usual = usual_windows();
    const bool unused = !fields_.flag({"use_sliding_window"}).value_or(true);
    if (failed() || layers_ > kMostLayers) return;
    const LayerPattern& local = list.empty() ? usual : list;
    const auto count = std::count(local.begin(), local.end(), 1);
    if (window.value_or(0) == 0 && !list.empty() && count > 0) {
      fields_.error("sliding_window", fmt::format("is missing, but {} layers are local", count));
    }
    if (window.value_or(0) == 0 || unused || count == 0) return;
    pb::Attention& a = *model_.mutable_attention();
    a.set_window(static_cast<int>(*window));
    if (count == layers_) return;
    if (const auto period = window_period(local)) {
      a.set_window_period(*period);
      return;
    }
    for (std::size_t i = 0; i < local.size(); ++i) {
      if (local[i] == 0) a.add_global_layer(static_cast<int>(i));
    }
  }

  /// Which layers have experts.
  LayerPattern expert_layers() {
    const auto first =
        fields_.whole({"first_k_dense_replace", "moe_layer_start_index"}, "experts.first_dense")
            .value_or(0);
    const auto step =
        fields_.whole({"decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval"},
                      "experts.every");
    fields_.understood({"moe_layer_end_index"});
    const ConfigValue* frequency = fields_.value("moe_layer_freq");
    const bool list = frequency != nullptr && frequency->kind == Kind::list;
    const std::int64_t every =
        list ? 1 : std::max<std::int64_t>(1, fields_.whole({"moe_layer_freq"}).value_or(1));
    LayerPattern moe(static_cast<std::size_t>(layers_), 0);
    for (std::int64_t i = 0; i < layers_; ++i) {
      const auto at = static_cast<std::size_t>(i);
      bool has = i >= first && i % every == 0;
      if (step && *step > 1) has = has && (i + 1) % *step == 0;
      if (list) has = at < frequency->items.size() && frequency->items[at].number != 0;
      moe[at] = has ? 1 : 0;
    }
    const auto mark = [&](const char* name, char as) {
      const ConfigValue* indexes = fields_.value(name);
      if (indexes == nullptr || indexes->items.empty()) return;
      if (as == 1) std::fill(moe.begin(), moe.end(), 0);
      for (const ConfigValue& index : indexes->items) {
        if (index.number >= 0 && index.number < static_cast<double>(layers_)) {
          moe[static_cast<std::size_t>(index.number)] = as;
        } else {
          fields_.error(name,
                        fmt::format("names layer {}, but there are {}", index.number, layers_));
        }
      }
    };
    mark("moe_layers", 1);
    mark("mlp_only_layers", 0);
    return moe;
  }

  void read_experts() {
    const auto width = fields_.whole({"intermediate_size", "n_inner", "ffn_dim", "d_ff"});
    const auto dense_width = fields_.whole({"intermediate_size_mlp"});
    const auto nested_width = fields_.whole({"ffn_hidden_size"});
    const auto ratio = fields_.whole({"expansion_ratio"});
    const auto routed = fields_.whole({"num_local_experts", "n_routed_experts", "num_experts",
                                       "moe_num_experts", "num_routed_experts"},
                                      "experts.routed");
    if (failed() || layers_ > kMostLayers) return;
    std::int64_t dense = dense_width.value_or(width.value_or(nested_width.value_or(0)));
    if (dense == 0) dense = hidden_ * ratio.value_or(architecture_.ffn_multiple);
    if (routed.value_or(0) > 1) {
      const LayerPattern moe = expert_layers();
      const auto own = fields_.whole(
          {"moe_intermediate_size", "expert_intermediate_size", "moe_ffn_hidden_size"},
          "experts.hidden");
      read_routing(*routed, own.value_or(width.value_or(nested_width.value_or(0))), moe);
      if (std::count(moe.begin(), moe.end(), 0) == 0) return;
    }
    if (dense == 0) {
      fields_.needed({"intermediate_size"}, "ffn_hidden", "the width of the feed-forward block");
    }
    model_.set_ffn_hidden(static_cast<int>(std::min<std::int64_t>(dense, kMostWidth)));
  }

  void read_routing(std::int64_t routed, std::int64_t width, const LayerPattern& moe) {
    if (std::count(moe.begin(), moe.end(), 1) == 0) return;
    pb::Experts& e = *model_.mutable_experts();
    e.set_routed(static_cast<int>(routed));
    e.set_top_k(static_cast<int>(fields_.needed(
        {"num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_top_k",
         "moe_topk", "moe_k", "num_selected_experts", "moe_router_topk"},
        "experts.top_k")));
    e.set_hidden(static_cast<int>(width));
    if (width == 0) fields_.needed({"moe_intermediate_size"}, "experts.hidden");
    const auto shared = fields_.whole(
        {"n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert"},
        "experts.shared");
    const auto shared_width = fields_.whole(
        {"shared_expert_intermediate_size", "shared_intermediate_size"}, "experts.shared_hidden");
    if (shared_width.value_or(0) > 0) {
      e.set_shared(static_cast<int>(shared.value_or(1)));
      if (*shared_width != width) e.set_shared_hidden(static_cast<int>(*shared_width));
    } else if (shared.value_or(architecture_.shared_experts) > 0) {
      e.set_shared(static_cast<int>(shared.value_or(architecture_.shared_experts)));
    }
    const auto groups = fields_.whole({"n_group", "num_expert_group"}, "experts.groups");
    const auto limit = fields_.whole({"topk_group"}, "experts.group_limit");
    if (groups.value_or(1) > 1) {
      e.set_groups(static_cast<int>(*groups));
      if (limit.value_or(0) > 0) e.set_group_limit(static_cast<int>(*limit));
    }
    const auto layers = workloads::expert_layers(moe);
    if (layers) {
      if (layers->first_dense > 0) e.set_first_dense(layers->first_dense);
      if (layers->every > 1) e.set_every(layers->every);
    } else {
      fields_.error("mlp_only_layers",
                    "the layers with experts follow no pattern that a description has",
                    "a description has first_dense and every");
    }
  }

  /// Biases and norms: what is neither a matrix nor a table.
  void read_small_parameters() {
    Biases biases = architecture_.attention_bias;
    bool feed_forward = architecture_.feed_forward_bias;
    bool norm_bias = architecture_.layer_norm;
    const auto both = fields_.flag({"use_bias", "add_bias_linear", "enable_bias"});
    const auto falcon = fields_.flag({"bias"});
    const auto none = fields_.flag({"no_bias"});
    if (both || falcon) {
      biases = both.value_or(falcon.value_or(false)) ? Biases::all : Biases::none;
      feed_forward = biases == Biases::all;
    }
    if (architecture_.type == "mpt") {
      norm_bias = feed_forward = !none.value_or(true);
      biases = feed_forward ? Biases::all : Biases::none;
    }
    const auto attention = fields_.flag({"attention_bias"});
    if (attention)
      biases = !*attention ? Biases::none : biases == Biases::none ? Biases::all : biases;
    if (fields_.flag({"qkv_bias", "add_qkv_bias", "use_qkv_bias"}).value_or(false)) {
      biases = Biases::qkv;
    }
    feed_forward = fields_.flag({"mlp_bias"}).value_or(feed_forward);
    bool parallel = architecture_.parallel_block;
    parallel = fields_.flag({"use_parallel_residual", "parallel_attn"}).value_or(parallel);
    if (architecture_.type == "gpt_neox") architecture_.norms = 2;
    const auto normed = fields_.flag({"use_qk_norm", "qk_layernorm", "qk_norm"});
    QkNorm qk = architecture_.qk_norm;
    if (normed) qk = !*normed ? QkNorm::none : qk == QkNorm::none ? QkNorm::per_head : qk;

    pb::Attention& a = *model_.mutable_attention();
    if (biases == Biases::all) a.set_bias(true);
    if (feed_forward) model_.set_feed_forward_bias(true);
    if (parallel) model_.set_parallel_block(true);
    std::int64_t extra = (architecture_.norms - (parallel ? 1 : 2)) * hidden_;
    if (norm_bias) extra += architecture_.norms * hidden_;
    if (biases == Biases::qkv) extra += (heads_ + 2 * kv_heads_) * head_;
    if (qk == QkNorm::per_head) extra += 2 * head_;
    if (qk == QkNorm::whole) extra += (heads_ + kv_heads_) * head_;
    if (extra > 0) a.set_extra_parameters(extra);
  }

  void warn_of_assumptions() {
    std::string text = fmt::format(
        "'{}' is not an architecture known here: read by its field names as a decoder with {} "
        "feed-forward blocks, no biases, two norms per layer, {} embeddings",
        type_, model_.gated() ? "gated" : "plain", model_.tied_embeddings() ? "tied" : "untied");
    std::string known;
    for (const std::string& name : architecture_names())
      known += (known.empty() ? "" : ", ") + name;
    fields_.warning("model_type", text, "check the counts; known are " + known);
  }

  static constexpr std::int64_t kMostLayers = 4096, kMostWidth = 2147483647;

  const ConfigValue& outer_;
  std::string type_;
  bool known_;
  Architecture architecture_;
  ConfigFields fields_;
  Diagnostics& diagnostics_;
  int errors_before_;
  pb::Model model_;
  std::int64_t layers_ = 0, hidden_ = 0, vocabulary_ = 0, heads_ = 0, kv_heads_ = 0, head_ = 0;
};

}  // namespace

std::optional<pb::Model> translate(const ConfigValue& outer, const ConfigValue& config,
                                   const std::string& type, SourceMap& places,
                                   Diagnostics& diagnostics) {
  return Translation(outer, config, type, find_architecture(type), places, diagnostics).run();
}

}  // namespace aisle::workloads
