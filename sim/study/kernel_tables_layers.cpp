// SPDX-License-Identifier: Apache-2.0
// Tables with a row per layer of a model: Vidur, Frontier, LLMServingSim.
#include "sim/study/kernel_table_line.hpp"
#include "workloads/models/model.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <regex>

namespace aisle::sim {

namespace {

using topology::Precision;
using workloads::Family;

/// Widths of a dense layer on one rank.
struct LayerWidths {
  double hidden = 0, heads = 0, kv_heads = 0, head = 0, ffn = 0, vocabulary = 0, split = 1;
};

/// What the operators of a dense layer have in common.
struct LayerRow {
  LayerWidths widths;
  double tokens = 1;
  Precision precision = Precision::bf16;
  OperandBytes bytes;
  std::string variant;
  Seconds unit;
  std::uint32_t key = 0;
};

/// Adds the product of `m = tokens` rows that a column times, if the line has it.
void add_product(TableLine& line, std::string_view column, const LayerRow& row, double n, double k,
                 std::vector<KernelRow>& out) {
  if (!line.has(column)) return;
  out.push_back(kernel_row(dense_product(row.precision, row.tokens, n, k, row.bytes), row.variant,
                           line.number(column) * row.unit, row.key, std::string(column)));
}

void add_stream(TableLine& line, std::string_view column, const LayerRow& row, Family family,
                std::string_view kind, double columns, double bytes, std::vector<KernelRow>& out) {
  if (!line.has(column)) return;
  out.push_back(kernel_row(streaming(family, row.tokens, columns, bytes),
                           fmt::format("{}{}{}", row.variant, kind.empty() ? "" : " ", kind),
                           line.number(column) * row.unit, row.key, std::string(column)));
}

/// Columns that Vidur and Frontier share.
void add_layer(TableLine& line, const LayerRow& row, std::vector<KernelRow>& out) {
  const LayerWidths& w = row.widths;
  const double queries = w.heads * w.head, keys = w.kv_heads * w.head;
  add_product(line, "attn_pre_proj_ms", row, (queries + 2 * keys) / w.split, w.hidden, out);
  add_product(line, "attn_post_proj_ms", row, w.hidden, queries / w.split, out);
  add_product(line, "mlp_up_proj_ms", row, 2 * w.ffn / w.split, w.hidden, out);
  add_product(line, "mlp_down_proj_ms", row, w.hidden, w.ffn / w.split, out);
  add_stream(line, "emb_ms", row, Family::embedding, "", w.hidden, 4, out);
  add_stream(line, "input_layernorm_ms", row, Family::norm, "", w.hidden, 4, out);
  add_stream(line, "post_attention_layernorm_ms", row, Family::norm, "", w.hidden, 4, out);
  add_stream(line, "attn_rope_ms", row, Family::elementwise, "rope", (queries + keys) / w.split, 4,
             out);
  add_stream(line, "mlp_act_ms", row, Family::elementwise, "activation", w.ffn / w.split, 6, out);
  add_stream(line, "add_ms", row, Family::elementwise, "add", w.hidden, 6, out);
}

void read_vidur(TableLine& line, const topology::Catalogue&, std::vector<KernelRow>& out) {
  LayerRow row;
  row.tokens = line.number("tokens");
  row.variant = "vidur";
  row.unit = units::ms;
  row.key = line.key({"tokens"});
  LayerWidths& w = row.widths;
  w.hidden = line.number("n_embd");
  w.heads = line.number("n_head");
  w.kv_heads = line.number("n_kv_head");
  w.head = w.hidden / std::max(1.0, w.heads);
  w.ffn = line.number("n_ffn");
  w.split = std::max(1.0, line.number("tp"));
  add_layer(line, row, out);
}

void read_frontier_layers(TableLine& line, const topology::Catalogue&,
                          std::vector<KernelRow>& out) {
  LayerRow row;
  row.tokens = line.number("num_tokens");
  row.variant = "frontier";
  row.unit = units::ms;
  row.key = line.key({"num_tokens"});
  if (line.text("model").find("FP8") != std::string_view::npos) {
    row.precision = Precision::fp8;  // `profiling_precision` is that of the activations between
    row.bytes = {1, 1, 2};
  }
  LayerWidths& w = row.widths;
  w.hidden = line.number("n_embd");
  w.heads = line.number("n_head");
  w.kv_heads = line.number("n_kv_head");
  w.head = w.hidden / std::max(1.0, w.heads);
  w.ffn = line.number("n_expanded_embd");
  w.split = std::max(1.0, line.number("num_tensor_parallel_workers"));
  add_layer(line, row, out);
}

void read_frontier_attention(TableLine& line, const topology::Catalogue&,
                             std::vector<KernelRow>& out) {
  const double split = std::max(1.0, line.number("num_tensor_parallel_workers"));
  const double all_heads = std::max(1.0, line.number("n_q_head"));
  const double head = line.number("n_embd") / all_heads;
  CacheAttention shape;
  shape.batch = line.number("batch_size");
  shape.heads = all_heads / split;
  shape.caches = std::max(1.0, line.number("n_kv_head") / split);
  shape.qk = shape.v = head;
  shape.cached = 2 * head;
  const double chunk = line.number("prefill_chunk_size"), cache = line.number("kv_cache_size");
  const std::uint32_t key = line.key(
      {"num_tensor_parallel_workers", "batch_size", "prefill_chunk_size", "kv_cache_size"});
  if (line.text("is_mixed_batch") == "True") return;  // lengths of its sequences are not given
  if (line.has("attn_prefill_ms") && chunk > 0) {
    shape.queries = chunk;
    shape.context = chunk + cache;
    out.push_back(kernel_row(attention(Family::attention, Precision::bf16, shape), "flashinfer",
                             line.number("attn_prefill_ms") * units::ms, key, "attn_prefill_ms"));
  }
  if (line.has("attn_decode_ms")) {
    shape.context = cache + 1;
    out.push_back(kernel_row(attention(Family::attention_decode, Precision::bf16, shape),
                             "flashinfer", line.number("attn_decode_ms") * units::ms, key,
                             "attn_decode_ms"));
  }
  const double tokens = line.number("total_tokens");
  if (line.has("attn_kv_cache_save_ms")) {
    out.push_back(kernel_row(streaming(Family::copy, tokens, 2 * shape.caches * head, 4),
                             "cache save", line.number("attn_kv_cache_save_ms") * units::ms, key,
                             "attn_kv_cache_save_ms"));
  }
}

void read_frontier_experts(TableLine& line, const topology::Catalogue&,
                           std::vector<KernelRow>& out) {
  const double tokens = line.number("num_tokens"), hidden = line.number("hidden_dim");
  const double width =
      line.number("expert_hidden_dim") / std::max(1.0, line.number("num_tensor_parallel_workers"));
  const double experts = line.number("num_experts");
  const double local = std::max(1.0, line.number("num_experts_per_device"));
  const double chosen = line.number("router_topk"), pairs = line.number("total_routed_tokens");
  const double ranks = std::max(1.0, line.number("expert_parallel_size"));
  if (line.bad() || !(pairs > 0)) return;
  const std::string backend(line.text("moe_grouped_gemm_backend"));
  const std::string variant = fmt::format("frontier{}{}", backend.empty() ? "" : " ", backend);
  // Lines that count the pairs of all ranks give each its share.
  const double rows = pairs == tokens * chosen ? pairs / ranks : pairs;
  const double idle = std::pow(1 - 1 / local, rows);  // share of experts that uniform draws miss
  const ExpertLoad load{std::max(1.0, rows), std::max(1.0, local * (1 - idle))};
  const std::uint32_t key = line.key({"num_tokens", "num_experts", "router_topk", "hidden_dim"});
  const OperandBytes bytes;
  const auto add = [&](std::string_view column, const workloads::Kernel& kernel,
                       std::string_view kind) {
    if (!line.has(column)) return;
    out.push_back(kernel_row(kernel, fmt::format("{}{}", variant, kind),
                             line.number(column) * units::ms, key, std::string(column)));
  };
  add("moe_grouped_gemm_ms", expert_layer(Precision::bf16, load, tokens, hidden, width, bytes),
      " experts");
  add("moe_expert_up_proj_ms", expert_product(Precision::bf16, load, 2 * width, hidden, bytes),
      " product");
  add("moe_expert_down_proj_ms", expert_product(Precision::bf16, load, hidden, width, bytes),
      " product");
  add("moe_gating_linear_ms", dense_product(Precision::bf16, tokens, experts, hidden, bytes),
      " gate");
  add("moe_gating_routing_topk_ms", streaming(Family::router, tokens, experts, 4), " top-k");
  add("moe_shuffling_ms", streaming(Family::permute, rows, hidden, 4), "");
}

/// The model that a line or the file's name tells.
const pb::Model* model_of(const TableLine& line, const topology::Catalogue& catalogue) {
  std::string name(line.text("model"));
  if (name.empty()) return model_in_name(line.file(), catalogue);
  name = name.substr(name.rfind('/') + 1);  // "meta-llama/Llama-3.1-70B"
  for (const std::string_view suffix : {"-v0.1", "-hf"}) {
    const std::size_t at = name.rfind(suffix);
    if (at != std::string::npos && at + suffix.size() == name.size()) name.resize(at);
  }
  return catalogue.model(name);
}

void read_serving_layers(TableLine& line, const topology::Catalogue& catalogue,
                         std::vector<KernelRow>& out) {
  const pb::Model* model = model_of(line, catalogue);
  if (model == nullptr) return;
  const auto& attention = model->attention();
  LayerRow row;
  row.tokens = line.number("tokens");
  row.variant = "llmservingsim";
  row.unit = units::ns;
  row.key = line.key({"model", "tokens"});
  const double split = std::max(1.0, line.number("tp")), hidden = model->hidden();
  const double queries = attention.heads() * attention.head_dim() / split;
  const double keys = attention.kv_heads() * attention.head_dim() / split;
  const double ffn = model->ffn_hidden() / split;
  const std::string_view layer = line.text("layer");
  const auto product = [&](double n, double k) { add_product(line, "latency_ns", row, n, k, out); };
  const auto stream = [&](Family family, std::string_view kind, double columns, double bytes) {
    add_stream(line, "latency_ns", row, family, kind, columns, bytes, out);
  };
  if (layer == "q_proj") product(queries, hidden);
  if (layer == "k_proj" || layer == "v_proj") product(keys, hidden);
  if (layer == "o_proj") product(hidden, queries);
  if (layer == "gate_proj" || layer == "up_proj") product(ffn, hidden);
  if (layer == "down_proj") product(hidden, ffn);
  if (layer == "lm_head") product(model->vocabulary() / split, hidden);
  const double expert = model->experts().hidden();  // not split: one expert, all tokens
  if (expert > 0 && (layer == "expert.w1" || layer == "expert.w3")) product(expert, hidden);
  if (expert > 0 && layer == "expert.w2") product(hidden, expert);
  if (layer.find("layernorm") != std::string_view::npos) stream(Family::norm, "", hidden, 4);
  if (layer == "rope") stream(Family::elementwise, "rope", queries + keys, 4);
  if (layer == "act_fn") {
    stream(Family::elementwise, "activation", expert > 0 ? expert : ffn, 4);
  }
  if (layer == "embedding") stream(Family::embedding, "", hidden, 4);
  if (!out.empty()) out.back().name = std::string(layer);
}

/// Ranks of tensor parallelism that a file's name tells: "..._tp4_...".
double split_in_name(const std::string& file) {
  static const std::regex pattern("(?:^|[_-])tp([0-9]{1,3})(?=[_.-])");
  const std::string name = std::filesystem::path(file).filename().string();
  std::smatch found;
  return std::regex_search(name, found, pattern) ? std::max(1, std::stoi(found[1])) : 1;
}

/// One rank's attention: a chunk of new tokens behind `kv_len` cached ones, or one new token each.
void read_serving_attention(TableLine& line, const topology::Catalogue& catalogue,
                            std::vector<KernelRow>& out) {
  const pb::Model* model = model_of(line, catalogue);
  if (model == nullptr || !model->attention().has_head_dim()) return;
  const double split = split_in_name(line.file());
  const auto& sizes = model->attention();
  CacheAttention shape;
  shape.batch = line.number("batch");
  shape.heads = sizes.heads() / split;
  shape.caches = std::max(1.0, sizes.kv_heads() / split);
  shape.qk = shape.v = sizes.head_dim();
  shape.cached = 2 * shape.qk;
  const double cached = line.number("kv_len");
  const bool decode = line.text("phase") == "decode";
  if (!decode && line.text("phase") != "prefill") return;
  shape.queries = decode ? 1 : line.number("prefill_chunk");
  shape.context = cached + shape.queries;
  const bool ms = line.has("median_ms");
  const Seconds time = line.number(ms ? "median_ms" : "median_ns") * (ms ? units::ms : units::ns);
  const Family family = decode ? Family::attention_decode : Family::attention;
  out.push_back(kernel_row(attention(family, Precision::bf16, shape), "llmservingsim", time,
                           line.key({"phase", "batch", "prefill_chunk", "kv_len"}), "attention"));
}

}  // namespace

const std::vector<TableLayout>& layer_layouts() {
  static const std::vector<TableLayout> layouts = {
      {"vidur_layers",
       {"tp", "tokens", "n_head", "n_kv_head", "n_embd", "n_ffn", "attn_pre_proj_ms"},
       read_vidur},
      {"frontier_layers",
       {"model", "n_head", "n_kv_head", "n_embd", "n_expanded_embd", "num_tokens",
        "num_tensor_parallel_workers", "attn_pre_proj_ms"},
       read_frontier_layers},
      {"frontier_attention",
       {"n_embd", "n_q_head", "n_kv_head", "num_tensor_parallel_workers", "batch_size",
        "prefill_chunk_size", "kv_cache_size", "attn_prefill_ms", "attn_decode_ms"},
       read_frontier_attention},
      {"frontier_moe",
       {"num_tokens", "num_experts", "num_experts_per_device", "router_topk", "hidden_dim",
        "expert_hidden_dim", "total_routed_tokens", "moe_grouped_gemm_ms"},
       read_frontier_experts},
      {"llmservingsim_layers", {"layer", "tokens", "latency_ns"}, read_serving_layers},
      {"llmservingsim_attention",
       {"phase", "batch", "prefill_chunk", "kv_len"},
       read_serving_attention},
  };
  return layouts;
}

}  // namespace aisle::sim
