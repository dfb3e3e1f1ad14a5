// SPDX-License-Identifier: Apache-2.0
#include "workloads/models/import.hpp"

#include "sim/base/proto_text.hpp"
#include "workloads/models/model.hpp"
#include "workloads/models/model.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace aisle::workloads {
namespace {

using testing::HasSubstr;

struct Read {
  std::optional<pb::Model> model;
  Diagnostics diagnostics;
  std::string text;  ///< every diagnostic, a line each
};

Read read(const std::string& json) {
  Read result;
  SourceMap places;
  result.model = import_model(json, "config.json", places, result.diagnostics);
  for (const Diagnostic& d : result.diagnostics.all()) result.text += to_string(d) + "\n";
  return result;
}

/// A published configuration, as far as shapes go, and the totals in billions. Active parameters
/// hold the embedding, which some makers leave out.
struct Published {
  const char* name;
  double total, active;
  const char* json;
};

const Published kPublished[] = {
    {"Llama 3.1 8B", 8.03, 8.03,
     R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false,
      "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
      "num_hidden_layers": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
      "tie_word_embeddings": false, "vocab_size": 128256, "mlp_bias": false})"},
    {"Llama 3.2 1B", 1.236, 1.236,
     R"({"model_type": "llama", "head_dim": 64, "hidden_size": 2048, "intermediate_size": 8192,
      "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
      "tie_word_embeddings": true, "vocab_size": 128256})"},
    {"Mistral 7B v0.1", 7.24, 7.24,
     R"({"model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336,
      "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
      "sliding_window": 4096, "vocab_size": 32000, "max_position_embeddings": 32768})"},
    {"Mixtral 8x7B", 46.7, 12.9,
     R"({"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
      "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
      "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": null,
      "vocab_size": 32000, "router_aux_loss_coef": 0.02})"},
    {"Qwen2.5 72B", 72.7, 72.7,
     R"({"model_type": "qwen2", "hidden_size": 8192, "intermediate_size": 29568,
      "max_window_layers": 70, "num_attention_heads": 64, "num_hidden_layers": 80,
      "num_key_value_heads": 8, "sliding_window": 131072, "tie_word_embeddings": false,
      "use_sliding_window": false, "vocab_size": 152064})"},
    {"Qwen1.5 MoE A2.7B", 14.3, 2.7,
     R"({"model_type": "qwen2_moe", "decoder_sparse_step": 1, "hidden_size": 2048,
      "intermediate_size": 5632, "moe_intermediate_size": 1408, "num_attention_heads": 16,
      "num_experts": 60, "num_experts_per_tok": 4, "num_hidden_layers": 24,
      "num_key_value_heads": 16, "shared_expert_intermediate_size": 5632,
      "use_sliding_window": false, "vocab_size": 151936})"},
    {"Qwen3 32B", 32.76, 32.76,
     R"({"model_type": "qwen3", "head_dim": 128, "hidden_size": 5120, "intermediate_size": 25600,
      "num_attention_heads": 64, "num_hidden_layers": 64, "num_key_value_heads": 8,
      "tie_word_embeddings": false, "vocab_size": 151936})"},
    {"Qwen3 235B A22B", 235.09, 22.19,
     R"({"model_type": "qwen3_moe", "decoder_sparse_step": 1, "head_dim": 128, "hidden_size": 4096,
      "intermediate_size": 12288, "mlp_only_layers": [], "moe_intermediate_size": 1536,
      "num_attention_heads": 64, "num_experts": 128, "num_experts_per_tok": 8,
      "num_hidden_layers": 94, "num_key_value_heads": 4, "tie_word_embeddings": false,
      "vocab_size": 151936})"},
    {"DeepSeek-V2", 235.7, 21.4,
     R"({"model_type": "deepseek_v2", "first_k_dense_replace": 1, "hidden_size": 5120,
      "intermediate_size": 12288, "kv_lora_rank": 512, "moe_intermediate_size": 1536,
      "moe_layer_freq": 1, "n_group": 8, "n_routed_experts": 160, "n_shared_experts": 2,
      "num_attention_heads": 128, "num_experts_per_tok": 6, "num_hidden_layers": 60,
      "num_key_value_heads": 128, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
      "qk_rope_head_dim": 64, "topk_group": 3, "v_head_dim": 128, "vocab_size": 102400})"},
    {"DeepSeek-V3", 671.03, 37.55,
     R"({"model_type": "deepseek_v3", "first_k_dense_replace": 3, "hidden_size": 7168,
      "intermediate_size": 18432, "kv_lora_rank": 512, "moe_intermediate_size": 2048,
      "moe_layer_freq": 1, "n_group": 8, "n_routed_experts": 256, "n_shared_experts": 1,
      "num_attention_heads": 128, "num_experts_per_tok": 8, "num_hidden_layers": 61,
      "num_key_value_heads": 128, "num_nextn_predict_layers": 1, "q_lora_rank": 1536,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "topk_group": 4, "v_head_dim": 128,
      "vocab_size": 129280, "ep_size": 1})"},
    {"Kimi K2.5", 1026.4, 32.9,
     R"({"model_type": "kimi_k25", "vision_config": {"vt_hidden_size": 1152},
      "text_config": {"model_type": "kimi_k2", "first_k_dense_replace": 1, "hidden_size": 7168,
      "intermediate_size": 18432, "kv_lora_rank": 512, "moe_intermediate_size": 2048,
      "moe_layer_freq": 1, "n_group": 1, "n_routed_experts": 384, "n_shared_experts": 1,
      "num_attention_heads": 64, "num_experts_per_tok": 8, "num_hidden_layers": 61,
      "num_key_value_heads": 64, "num_nextn_predict_layers": 0, "q_lora_rank": 1536,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "topk_group": 1, "v_head_dim": 128,
      "vocab_size": 163840}})"},
    {"GPT-2", 0.12444, 0.12444,
     R"({"model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12,
      "n_positions": 1024, "vocab_size": 50257, "n_inner": null})"},
    {"GPT-NeoX 20B", 20.55, 20.55,
     R"({"model_type": "gpt_neox", "hidden_size": 6144, "intermediate_size": 24576,
      "num_attention_heads": 64, "num_hidden_layers": 44, "max_position_embeddings": 2048,
      "vocab_size": 50432, "use_parallel_residual": true, "rotary_pct": 0.25})"},
    {"GPT-J 6B", 6.05, 6.05,
     R"({"model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_inner": null, "n_layer": 28,
      "n_positions": 2048, "rotary_dim": 64, "tie_word_embeddings": false, "vocab_size": 50400})"},
    {"BLOOM 176B", 176.25, 176.25,
     R"({"architectures": ["BloomForCausalLM"], "n_embed": 14336, "n_layer": 70,
      "num_attention_heads": 112, "vocab_size": 250880, "seq_length": 2048})"},
    {"Falcon 7B", 6.92, 6.92,
     R"({"model_type": "falcon", "bias": false, "hidden_size": 4544, "multi_query": true,
      "new_decoder_architecture": false, "num_attention_heads": 71, "num_hidden_layers": 32,
      "parallel_attn": true, "vocab_size": 65024, "alibi": false})"},
    {"Falcon 40B", 41.3, 41.3,
     R"({"model_type": "falcon", "bias": false, "hidden_size": 8192, "num_kv_heads": 8,
      "new_decoder_architecture": true, "num_attention_heads": 128, "num_hidden_layers": 60,
      "parallel_attn": true, "vocab_size": 65024})"},
    {"OPT 66B", 65.72, 65.72,
     R"({"model_type": "opt", "ffn_dim": 36864, "hidden_size": 9216, "num_attention_heads": 72,
      "num_hidden_layers": 64, "max_position_embeddings": 2048, "vocab_size": 50272,
      "word_embed_proj_dim": 9216})"},
    {"MPT 7B", 6.65, 6.65,
     R"({"model_type": "mpt", "attn_config": {"alibi": true, "attn_type": "multihead_attention"},
      "d_model": 4096, "expansion_ratio": 4, "n_heads": 32, "n_layers": 32, "no_bias": true,
      "max_seq_len": 2048, "vocab_size": 50432})"},
    {"Gemma 7B", 8.54, 8.54,
     R"({"model_type": "gemma", "head_dim": 256, "hidden_size": 3072, "intermediate_size": 24576,
      "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 16,
      "vocab_size": 256000})"},
    {"Gemma 2 27B", 27.23, 27.23,
     R"({"model_type": "gemma2", "head_dim": 128, "hidden_size": 4608, "intermediate_size": 36864,
      "num_attention_heads": 32, "num_hidden_layers": 46, "num_key_value_heads": 16,
      "sliding_window": 4096, "vocab_size": 256000, "query_pre_attn_scalar": 144})"},
    {"Gemma 3 27B", 27.01, 27.01,
     R"({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "head_dim": 128,
      "hidden_size": 5376, "intermediate_size": 21504, "num_attention_heads": 32,
      "num_hidden_layers": 62, "num_key_value_heads": 16, "sliding_window": 1024},
      "vision_config": {"hidden_size": 1152}})"},
    {"Phi-3 medium", 13.96, 13.96,
     R"({"model_type": "phi3", "hidden_size": 5120, "intermediate_size": 17920,
      "num_attention_heads": 40, "num_hidden_layers": 40, "num_key_value_heads": 10,
      "sliding_window": 2047, "vocab_size": 32064})"},
    {"gpt-oss 120B", 116.83, 5.71,
     R"({"model_type": "gpt_oss", "attention_bias": true, "experts_per_token": 4, "head_dim": 64,
      "hidden_size": 2880, "intermediate_size": 2880, "num_attention_heads": 64,
      "num_experts_per_tok": 4, "num_hidden_layers": 36, "num_key_value_heads": 8,
      "num_local_experts": 128, "sliding_window": 128, "vocab_size": 201088})"},
    {"GLM-4.5", 352.8, 33.6,
     R"({"model_type": "glm4_moe", "attention_bias": true, "first_k_dense_replace": 3,
      "head_dim": 128, "hidden_size": 5120, "intermediate_size": 12288,
      "moe_intermediate_size": 1536, "n_group": 1, "n_routed_experts": 160, "n_shared_experts": 1,
      "num_attention_heads": 96, "num_experts_per_tok": 8, "num_hidden_layers": 92,
      "num_key_value_heads": 8, "num_nextn_predict_layers": 1, "use_qk_norm": true,
      "vocab_size": 151552, "topk_group": 1})"},
    {"OLMoE 1B 7B", 6.92, 1.28,
     R"({"model_type": "olmoe", "hidden_size": 2048, "intermediate_size": 1024,
      "num_attention_heads": 16, "num_experts": 64, "num_experts_per_tok": 8,
      "num_hidden_layers": 16, "num_key_value_heads": 16, "vocab_size": 50304})"},
    {"DBRX", 131.6, 36.5,
     R"({"model_type": "dbrx", "attn_config": {"kv_n_heads": 8, "rope_theta": 500000},
      "d_model": 6144, "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16,
      "moe_top_k": 4, "ffn_act_fn": {"name": "silu"}}, "max_seq_len": 32768, "n_heads": 48,
      "n_layers": 40, "vocab_size": 100352})"},
    {"Grok-1", 315.7, 83.8,
     R"({"model_type": "grok-1", "hidden_size": 6144, "intermediate_size": 32768,
      "num_attention_heads": 48, "num_experts": 8, "num_experts_per_tok": 2,
      "num_hidden_layers": 64, "num_key_value_heads": 8, "vocab_size": 131072})"},
    {"Llama 4 Maverick", 400.7, 17.2,
     R"({"model_type": "llama4", "text_config": {"model_type": "llama4_text",
      "attention_chunk_size": 8192, "head_dim": 128, "hidden_size": 5120,
      "interleave_moe_layer_step": 2, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
      "no_rope_layers": [], "num_attention_heads": 40, "num_experts_per_tok": 1,
      "num_hidden_layers": 48, "num_key_value_heads": 8, "num_local_experts": 128,
      "vocab_size": 202048}})"},
    {"MiniMax-M2", 228.7, 11.03,
     R"({"model_type": "minimax_m2", "head_dim": 128, "hidden_size": 3072,
      "intermediate_size": 1536, "num_attention_heads": 48, "num_experts_per_tok": 8,
      "num_hidden_layers": 62, "num_key_value_heads": 8, "num_local_experts": 256,
      "shared_intermediate_size": 0, "use_qk_norm": true, "vocab_size": 200064,
      "attn_type_list": [1, 1, 1]})"},
    {"StarCoder2 7B", 7.17, 7.17,
     R"({"model_type": "starcoder2", "hidden_size": 4608, "intermediate_size": 18432,
      "num_attention_heads": 36, "num_hidden_layers": 32, "num_key_value_heads": 4,
      "sliding_window": 4096, "use_bias": true, "vocab_size": 49152})"},
    {"InternLM2 7B", 7.74, 7.74,
     R"({"model_type": "internlm2", "bias": false, "hidden_size": 4096, "intermediate_size": 14336,
      "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
      "vocab_size": 92544})"},
    {"Baichuan2 7B", 7.51, 7.51,
     R"({"model_type": "baichuan", "hidden_size": 4096, "intermediate_size": 11008,
      "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 125696})"},
    {"Granite 3.1 8B", 8.17, 8.17,
     R"({"model_type": "granite", "hidden_size": 4096, "intermediate_size": 12800,
      "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 8,
      "tie_word_embeddings": true, "vocab_size": 49155, "residual_multiplier": 0.22})"},
    {"Command R+", 103.8, 103.8,
     R"({"model_type": "cohere", "hidden_size": 12288, "intermediate_size": 33792,
      "num_attention_heads": 96, "num_hidden_layers": 64, "num_key_value_heads": 8,
      "use_qk_norm": true, "vocab_size": 256000})"},
    {"Nemotron-4 340B", 341.0, 341.0,
     R"({"model_type": "nemotron", "head_dim": 192, "hidden_size": 18432,
      "intermediate_size": 73728, "num_attention_heads": 96, "num_hidden_layers": 96,
      "num_key_value_heads": 8, "vocab_size": 256000})"},
};

TEST(ModelImport, CountsArePublishedOnes) {
  for (const Published& known : kPublished) {
    const Read result = read(known.json);
    ASSERT_TRUE(result.model) << known.name << "\n" << result.text;
    SourceMap places;
    Diagnostics diagnostics;
    const auto graph = build_model(*result.model, places, "", diagnostics);
    ASSERT_TRUE(graph) << known.name;
    const ModelCount count = count_parameters(*graph);
    EXPECT_NEAR(static_cast<double>(count.total) / 1e9 / known.total, 1, 0.01) << known.name;
    EXPECT_NEAR(static_cast<double>(count.active) / 1e9 / known.active, 1, 0.01) << known.name;
    for (const Diagnostic& said : result.diagnostics.all()) {  // nothing else is unknown here
      EXPECT_THAT(said.field, testing::AnyOf("vision_config", "vocab_size")) << known.name;
    }
  }
}

// 8,030,261,248 parameters on the Hub; GPT-2's 124,439,808.
TEST(ModelImport, SmallParametersAreCountedToo) {
  const auto total = [](const char* name) {
    for (const Published& known : kPublished) {
      if (std::string(known.name) != name) continue;
      const Read result = read(known.json);
      SourceMap places;
      Diagnostics diagnostics;
      return count_parameters(*build_model(*result.model, places, "", diagnostics)).total;
    }
    return std::int64_t{0};
  };
  EXPECT_EQ(total("Llama 3.1 8B"), 8'030'261'248);
  EXPECT_NEAR(static_cast<double>(total("GPT-2")), 124'439'808, 1000);  // the last norm's bias
  EXPECT_EQ(total("Qwen2.5 72B"), 72'706'203'648);
}

TEST(ModelImport, KindsOfLayersFollow) {
  const auto attention = [](const char* json) { return read(json).model->attention(); };
  const std::string base = R"("model_type": "gemma3_text", "hidden_size": 256, "head_dim": 64,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 512,
    "vocab_size": 1000, )";
  const Read listed =
      read("{" + base + R"("num_hidden_layers": 5, "sliding_window": 512, "layer_types":
    ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention",
     "full_attention"]})");
  ASSERT_TRUE(listed.model) << listed.text;
  EXPECT_EQ(listed.model->attention().window(), 512);
  EXPECT_THAT(listed.model->attention().global_layer(), testing::ElementsAre(1, 4));
  EXPECT_EQ(attention(kPublished[2].json).window(), 4096);  // Mistral: every layer
  EXPECT_EQ(attention(kPublished[2].json).window_period(), 0);
  EXPECT_EQ(attention(kPublished[4].json).window(), 0);  // Qwen2.5 does not use it
  const Read dense = read(R"({"model_type": "qwen3_moe", "head_dim": 64, "hidden_size": 256,
      "intermediate_size": 512, "mlp_only_layers": [0, 1], "moe_intermediate_size": 64,
      "num_attention_heads": 4, "num_experts": 16, "num_experts_per_tok": 2,
      "num_hidden_layers": 6, "num_key_value_heads": 2, "vocab_size": 1000})");
  ASSERT_TRUE(dense.model) << dense.text;
  EXPECT_EQ(dense.model->experts().first_dense(), 2);
  EXPECT_EQ(dense.model->ffn_hidden(), 512);
}

TEST(ModelImport, ErrorsNameLineAndColumn) {
  EXPECT_THAT(read("{\"model_type\": \"llama\",\n  \"hidden_size\": }").text,
              HasSubstr("config.json:2:"));
  EXPECT_THAT(read("[1, 2]").text, HasSubstr("no object"));
  EXPECT_THAT(read("").text, HasSubstr("no whole JSON"));
  EXPECT_THAT(read("{} {}").text, HasSubstr("no whole JSON"));
  EXPECT_THAT(read("{\"a\": 1,\n \"a\": 2}").text,
              HasSubstr("config.json:2:2: error: a: is given twice"));
  const std::string missing = read(R"({"model_type": "llama", "hidden_size": 4096})").text;
  EXPECT_THAT(missing, HasSubstr("num_hidden_layers: is missing"));
  EXPECT_THAT(missing, HasSubstr("num_attention_heads: is missing"));
  EXPECT_THAT(missing, HasSubstr("vocab_size: is missing"));
  const std::string llama = R"({"model_type": "llama", "num_hidden_layers": 2, "vocab_size": 100,
    "intermediate_size": 64, )";
  EXPECT_THAT(read(llama + "\n\"num_attention_heads\": 3, \"hidden_size\": 32}").text,
              HasSubstr("config.json:3:1: error: num_attention_heads: 3 heads do not divide"));
  EXPECT_THAT(read(llama + "\n\"hidden_size\": 32, \"num_attention_heads\": 4,\n"
                           "\"num_key_value_heads\": 3}")
                  .text,
              HasSubstr("config.json:4:1: error: attention.kv_heads: 3 key-value heads"));
  EXPECT_THAT(
      read(llama + "\n\"hidden_size\": 32, \"n_embd\": 64, \"num_attention_heads\": 4}").text,
      HasSubstr("n_embd: is 64, but hidden_size says 32"));
  EXPECT_THAT(read(llama + "\"hidden_size\": 32.5, \"num_attention_heads\": 4}").text,
              HasSubstr("hidden_size: is no whole number"));
}

TEST(ModelImport, WhatIsNotModelledIsRefusedByName) {
  const std::string sizes = R"("hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100,
    "intermediate_size": 64, "num_attention_heads": 4)";
  const auto refused = [&](const std::string& more) {
    const Read result = read("{" + sizes + ", " + more + "}");
    EXPECT_FALSE(result.model) << more;
    return result.text;
  };
  EXPECT_THAT(refused(R"("model_type": "minimax", "attn_type_list": [0, 1])"),
              HasSubstr("linear attention in 1 of 2 layers"));
  EXPECT_THAT(refused(R"("model_type": "qwen3_next", "layer_types":
      ["linear_attention", "full_attention"])"),
              HasSubstr("layers of kind 'linear_attention'"));
  EXPECT_THAT(refused(R"("model_type": "jamba", "mamba_d_state": 16)"),
              HasSubstr("state-space layers"));
  EXPECT_THAT(refused(R"("model_type": "t5")"), HasSubstr("'t5' is no decoder"));
  EXPECT_THAT(refused(R"("model_type": "llama", "is_encoder_decoder": true)"),
              HasSubstr("an encoder beside the decoder"));
}

TEST(ModelImport, AssumptionsAreSaid) {
  const Read unknown = read(R"({"model_type": "marvel", "hidden_size": 64, "num_hidden_layers": 2,
    "vocab_size": 100, "intermediate_size": 64, "num_attention_heads": 4, "hidden_act": "gelu",
    "num_memory_layers": 3})");
  ASSERT_TRUE(unknown.model) << unknown.text;
  EXPECT_FALSE(unknown.model->gated());
  EXPECT_THAT(unknown.text, HasSubstr("'marvel' is not an architecture known here"));
  EXPECT_THAT(unknown.text, HasSubstr("deepseek_v3"));
  EXPECT_THAT(unknown.text, HasSubstr("num_memory_layers: has no meaning here"));
  EXPECT_THAT(read(kPublished[21].json).text, HasSubstr("vocab_size: is missing: 262208 is taken"));
}

}  // namespace
}  // namespace aisle::workloads
