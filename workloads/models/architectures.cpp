// SPDX-License-Identifier: Apache-2.0
#include "workloads/models/architectures.hpp"

#include <algorithm>
#include <iterator>

namespace aisle::workloads {

namespace {

// From the published model code of each architecture (Hugging Face transformers, and the files
// beside the weights where those differ).
constexpr Architecture kArchitectures[] = {
    {.type = "llama"},
    {.type = "mistral"},
    {.type = "mistral3"},
    {.type = "ministral", .window_period = 4},
    {.type = "mixtral"},
    {.type = "yi"},
    {.type = "qwen2", .attention_bias = Biases::qkv},
    {.type = "qwen2_moe", .attention_bias = Biases::qkv},
    {.type = "qwen2_5_vl", .attention_bias = Biases::qkv},
    {.type = "qwen3", .qk_norm = QkNorm::per_head},
    {.type = "qwen3_moe", .qk_norm = QkNorm::per_head},
    {.type = "deepseek"},
    {.type = "deepseek_v2"},
    {.type = "deepseek_v3"},
    {.type = "kimi_k2"},
    {.type = "kimi_k25"},
    {.type = "gpt2",
     .gated = false,
     .tied = true,
     .attention_bias = Biases::all,
     .feed_forward_bias = true,
     .layer_norm = true,
     .learned_positions = 0,
     .ffn_multiple = 4},
    {.type = "gpt_bigcode",
     .gated = false,
     .tied = true,
     .attention_bias = Biases::all,
     .feed_forward_bias = true,
     .layer_norm = true,
     .learned_positions = 0,
     .ffn_multiple = 4},
    {.type = "gpt_neox",
     .gated = false,
     .attention_bias = Biases::all,
     .feed_forward_bias = true,
     .layer_norm = true,
     .parallel_block = true},
    {.type = "gptj",
     .gated = false,
     .feed_forward_bias = true,
     .layer_norm = true,
     .norms = 1,
     .parallel_block = true,
     .ffn_multiple = 4},
    {.type = "bloom",
     .gated = false,
     .tied = true,
     .attention_bias = Biases::all,
     .feed_forward_bias = true,
     .layer_norm = true,
     .ffn_multiple = 4},
    {.type = "falcon",
     .gated = false,
     .tied = true,
     .layer_norm = true,
     .parallel_block = true,
     .ffn_multiple = 4},
    {.type = "opt",
     .gated = false,
     .tied = true,
     .attention_bias = Biases::all,
     .feed_forward_bias = true,
     .layer_norm = true,
     .learned_positions = 2},
    {.type = "mpt", .gated = false, .tied = true, .layer_norm = true, .ffn_multiple = 4},
    {.type = "gemma", .tied = true},
    {.type = "gemma2", .tied = true, .norms = 4, .window_period = 2},
    {.type = "gemma3", .tied = true, .norms = 4, .qk_norm = QkNorm::per_head, .window_period = 6},
    {.type = "gemma3_text",
     .tied = true,
     .norms = 4,
     .qk_norm = QkNorm::per_head,
     .window_period = 6},
    {.type = "phi3"},
    {.type = "phimoe", .attention_bias = Biases::all, .layer_norm = true},
    {.type = "gpt_oss",
     .attention_bias = Biases::all,
     .feed_forward_bias = true,
     .window_period = 2},
    {.type = "glm", .attention_bias = Biases::qkv},
    {.type = "glm4", .norms = 4},
    {.type = "glm4_moe"},
    {.type = "olmo", .norms = 0},
    {.type = "olmo2", .qk_norm = QkNorm::whole},
    {.type = "olmoe", .qk_norm = QkNorm::whole},
    {.type = "dbrx", .layer_norm = false},
    {.type = "grok-1", .tied = true, .norms = 4},
    {.type = "llama4", .window_period = 4, .shared_experts = 1},
    {.type = "llama4_text", .window_period = 4, .shared_experts = 1},
    {.type = "minimax"},
    {.type = "minimax_m2", .qk_norm = QkNorm::whole},
    {.type = "starcoder2",
     .gated = false,
     .tied = true,
     .attention_bias = Biases::all,
     .feed_forward_bias = true,
     .layer_norm = true},
    {.type = "internlm"},
    {.type = "internlm2"},
    {.type = "internlm3"},
    {.type = "baichuan"},
    {.type = "granite", .tied = true},
    {.type = "granitemoe", .tied = true},
    {.type = "cohere", .tied = true, .norms = 1, .parallel_block = true},
    {.type = "cohere2", .tied = true, .norms = 1, .parallel_block = true, .window_period = 4},
    {.type = "nemotron", .gated = false, .layer_norm = true},
    {.type = "ernie4_5_moe", .tied = true},
};

// What Hub configurations of these architectures are published without.
constexpr ArchitectureDefault kDefaults[] = {
    {"gemma3", "vocab_size", 262208},
    {"gemma3", "num_attention_heads", 8},
    {"gemma3", "num_key_value_heads", 4},
    {"gemma3", "head_dim", 256},
    {"gemma3_text", "vocab_size", 262208},
    {"gemma3_text", "num_attention_heads", 8},
    {"gemma3_text", "num_key_value_heads", 4},
    {"gemma3_text", "head_dim", 256},
    {"mistral3", "head_dim", 128},
    {"llama4_text", "head_dim", 128},
    {"llama4_text", "vocab_size", 202048},
};

std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == '.') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

}  // namespace

const Architecture* find_architecture(std::string_view type) {
  const std::string key = folded(type);
  const auto* found =
      std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                   [&](const Architecture& known) { return folded(known.type) == key; });
  return found == std::end(kArchitectures) ? nullptr : found;
}

std::vector<std::string> architecture_names() {
  std::vector<std::string> names;
  for (const Architecture& known : kArchitectures) names.emplace_back(known.type);
  return names;
}

const ArchitectureDefault* find_default(std::string_view type, std::string_view field) {
  const auto* found = std::find_if(
      std::begin(kDefaults), std::end(kDefaults),
      [&](const ArchitectureDefault& known) { return known.type == type && known.field == field; });
  return found == std::end(kDefaults) ? nullptr : found;
}

}  // namespace aisle::workloads
