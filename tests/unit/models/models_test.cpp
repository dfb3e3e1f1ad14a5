// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "workloads/models/model.hpp"
#include "workloads/models/model.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>

namespace aisle::workloads {
namespace {

using testing::HasSubstr;

const std::string kModels = std::string(AISLE_SOURCE_DIR) + "/scenarios/catalogue/models/";

pb::Model read(const std::string& name) {
  pb::Model model;
  SourceMap places;
  Diagnostics diagnostics;
  EXPECT_TRUE(read_text_file(kModels + name + ".textproto", model, places, diagnostics)) << name;
  for (const Diagnostic& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
  return model;
}

ModelGraph graph_of(const pb::Model& model) {
  SourceMap places;
  Diagnostics diagnostics;
  auto graph = build_model(model, places, "", diagnostics);
  for (const Diagnostic& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
  return graph.value_or(ModelGraph{});
}

ModelGraph load(const std::string& name) {
  return graph_of(read(name));
}

const Layer& layer_of(const ModelGraph& model, LayerKind kind) {
  for (const Layer& layer : model.layers) {
    if (layer.kind == kind) return layer;
  }
  ADD_FAILURE() << "no such layer in " << model.name;
  return model.layers.front();
}

struct Expected {
  const char* name;
  double total_b, active_b;  ///< billions, embeddings and head included
};

// Sums made independently from the published sizes. GPT-4: the estimate that its assumed sizes must
// give (16 experts of 111B and 55B of attention). Pangu: published totals (active with the table).
const Expected kExpected[] = {
    {"deepseek-v2", 235.74, 21.38},
    {"deepseek-v2-lite", 15.71, 2.66},
    {"deepseek-v3", 671.03, 37.55},
    {"kimi-k2", 1026.41, 32.86},
    {"kimi-k2.5", 1026.41, 32.86},
    {"mixtral-8x7b", 46.70, 12.88},
    {"mixtral-8x22b", 140.63, 39.16},
    {"gpt-4-estimate", 1831, 280},
    {"llama-2-7b", 6.74, 6.74},
    {"llama-2-13b", 13.02, 13.02},
    {"llama-2-70b", 68.98, 68.98},
    {"llama-3.1-8b", 8.03, 8.03},
    {"llama-3.1-70b", 70.55, 70.55},
    {"llama-3.1-405b", 405.85, 405.85},
    {"llama-4-maverick", 400.71, 17.18},
    {"llama-4-scout", 107.77, 17.17},
    {"qwen3-235b-a22b", 235.09, 22.19},
    {"qwen3-30b-a3b", 30.53, 3.35},
    {"gpt-oss-120b", 116.79, 5.71},
    {"gpt-oss-20b", 20.91, 4.19},
    {"gpt-3-175b", 174.56, 174.56},
    {"megatron-22b", 22.06, 22.06},
    {"megatron-turing-530b", 529.53, 529.53},
    {"megatron-1t", 1007.94, 1007.94},
    {"nemotron-4-340b", 341.02, 341.02},
    {"nemotron-4-15b", 15.63, 15.63},
    {"pangu-ultra-moe", 718, 40.38},
    {"pangu-ultra-135b", 133.9, 133.9},
    {"dbrx", 131.60, 36.47},
    {"grok-1", 315.68, 83.76},
    {"gemma-3-12b", 11.77, 11.77},
    {"gemma-3-27b", 27.01, 27.01},
    {"deepseek-llm-67b", 67.42, 67.42},
    {"bloom-176b", 176.23, 176.23},
    {"glm-130b", 128.69, 128.69},
    {"palm-540b", 540.35, 540.35},
    {"mpt-7b", 6.65, 6.65},
    {"mpt-13b", 12.84, 12.84},
    {"mpt-30b", 29.96, 29.96},
    {"mpt-70b", 64.84, 64.84},
    {"megatron-1.7b", 1.65, 1.65},
    {"megatron-18b", 18.44, 18.44},
    {"megatron-145b", 145.6, 145.6},
    {"megatron-310b", 310.1, 310.1},
    {"megatron-h100-16b", 15.31, 15.31},
    {"bloom-trial-181b", 181.2, 181.2},
    {"deepspeed-moe-1.3b-128", 52.5, 1.31},
    {"internlm-7b", 7.32, 7.32},
    {"llama-65b", 65.29, 65.29},
    {"llama-2-34b", 33.74, 33.74},
    {"tinyllama-1.1b", 1.10, 1.10},
    {"mistral-7b", 7.24, 7.24},
    {"mistral-nemo-12b", 12.25, 12.25},
    {"nemotron-8b", 8.54, 8.54},
    {"qwen2.5-7b", 7.62, 7.62},
    {"qwen3-8b", 8.19, 8.19},
    {"qwen3-32b", 32.76, 32.76},
    {"gpt-j-6b", 6.05, 6.05},
};

TEST(ModelCatalogue, CountsMatchSumsOfPublishedSizes) {
  for (const Expected& expected : kExpected) {
    const ModelGraph model = load(expected.name);
    EXPECT_EQ(model.name, expected.name);
    const ModelCount count = count_parameters(model);
    EXPECT_NEAR(static_cast<double>(count.total) / 1e9 / expected.total_b, 1, 0.01)
        << expected.name;
    EXPECT_NEAR(static_cast<double>(count.active) / 1e9 / expected.active_b, 1, 0.01)
        << expected.name;
  }
}

// Every entry says where it is from, and why it differs where it does from what was published.
TEST(ModelCatalogue, EveryEntryIsSourcedAndExplained) {
  int entries = 0;
  for (const auto& file : std::filesystem::directory_iterator(kModels)) {
    const std::string name = file.path().stem().string();
    const pb::Model model = read(name);
    ++entries;
    EXPECT_EQ(model.name(), name);
    EXPECT_FALSE(model.source().empty()) << name;
    EXPECT_NE(model.basis(), pb::BASIS_UNSPECIFIED) << name;
    const ModelGraph graph = graph_of(model);
    EXPECT_EQ(graph.is_moe(), model.family() == "moe") << name;
    const ModelCount count = count_parameters(graph);
    const auto differs = [](std::int64_t counted, const pb::Figure& published) {
      return std::abs(static_cast<double>(counted) / std::stod(published.value()) - 1) > 0.01;
    };
    if ((model.has_published_total_parameters() &&
         differs(count.total, model.published_total_parameters())) ||
        (model.has_published_active_parameters() &&
         differs(count.active, model.published_active_parameters()))) {
      EXPECT_FALSE(model.count_note().empty())
          << name << " counts " << count.total << " and " << count.active;
    }
  }
  EXPECT_GE(entries, 75);
}

// README_WEIGHTS of DeepSeek-V3: 11.5B unique parameters in the MTP module, beside 671B.
TEST(ModelCounts, DeepSeekMtpIsApart) {
  const ModelCount count = count_parameters(load("deepseek-v3"));
  EXPECT_NEAR(static_cast<double>(count.mtp), 11.5e9, 0.01 * 11.5e9);
  EXPECT_NEAR(static_cast<double>(count.total), 671.03e9, 1e8);
  EXPECT_EQ(count.embedding, std::int64_t{129280} * 7168);
}

TEST(ModelCounts, LayersSumToTheModel) {
  for (const char* name : {"deepseek-v3", "llama-4-maverick", "gpt-3-175b", "gemma-3-27b"}) {
    const ModelGraph model = load(name);
    ParameterCount sum;
    for (const Layer& layer : model.layers) {
      if (layer.kind == LayerKind::mtp) continue;
      const ParameterCount count = count_parameters(model, layer);
      sum.total += count.total;
      EXPECT_LE(count.active, count.total);
      EXPECT_LE(count.attention + count.routed_experts, count.total);
    }
    EXPECT_EQ(sum.total, count_parameters(model).total) << name;
  }
}

TEST(ModelLayers, DenseAndMoeAlternateAsDescribed) {
  const ModelGraph deepseek = load("deepseek-v3");
  EXPECT_EQ(deepseek.transformer_layers(), 61);
  EXPECT_EQ(deepseek.layers[3].kind, LayerKind::dense);  // layers[0] is the embedding
  EXPECT_EQ(deepseek.layers[4].kind, LayerKind::moe);
  EXPECT_EQ(deepseek.layers.back().kind, LayerKind::mtp);
  const ModelGraph maverick = load("llama-4-maverick");
  EXPECT_EQ(maverick.layers[1].kind, LayerKind::dense);
  EXPECT_EQ(maverick.layers[2].kind, LayerKind::moe);
  const ModelGraph gemma = load("gemma-3-27b");
  for (int i = 1; i <= 12; ++i) {
    EXPECT_EQ(gemma.layers[static_cast<std::size_t>(i)].attention.window, i % 6 == 0 ? 0 : 1024);
  }
}

// The convention of the Megatron papers (arXiv 2104.04473, eq. 3): per step 96 B s l h^2 (1 + s/6h
// + V/16lh) with everything recomputed, the whole square of attention counted; three quarters of
// the layers' part of it without recomputation, and the head's part whole.
TEST(ModelFlops, MegatronConvention) {
  for (const char* name : {"megatron-1.7b", "megatron-18b", "megatron-39b", "megatron-145b",
                           "megatron-310b", "megatron-turing-530b", "megatron-1t", "gpt-3-175b"}) {
    const ModelGraph model = load(name);
    const double l = model.transformer_layers(), h = model.hidden, s = 2048, v = model.vocabulary;
    const double published = 72 * l * h * h * (1 + s / (6 * h) + v / (12 * l * h));
    const double counted = training_flops_per_token(model, 2048, false, false).in(units::FLOP);
    EXPECT_NEAR(counted / published, 1, 0.001) << name;
  }
}

// TFLOP of one MoE layer of DeepSeek-V3, 4,096 tokens forward, by hand from its sizes: attention
// products 1.533, causal attention 0.687, router 0.015, shared expert 0.361, routed experts 2.886.
TEST(ModelFlops, DeepSeekMoeLayer) {
  const ModelGraph model = load("deepseek-v3");
  const Layer& moe = layer_of(model, LayerKind::moe);
  const auto tflop = [&](const Layer& layer, bool causal = true) {
    return forward_flops(model, layer, 4096, 4096, causal).in(units::TFLOP);
  };
  EXPECT_NEAR(tflop(moe), 5.482, 0.002);
  EXPECT_NEAR(tflop(moe, false) - tflop(moe), 0.687, 0.001);
  Layer without = moe;
  without.feed_forward.shared = 0;
  EXPECT_NEAR(tflop(moe) - tflop(without), 0.361, 0.001);
  without.feed_forward.top_k = 0;
  EXPECT_NEAR(tflop(without), 1.533 + 0.687 + 0.015, 0.002);
}

// Megatron-Bridge release tables: 260 GFLOP per token with one MTP layer, 249.7 without.
TEST(ModelFlops, DeepSeekTraining) {
  const ModelGraph model = load("deepseek-v3");
  const auto gflop = [&](bool mtp) {
    return training_flops_per_token(model, 4096, mtp).in(units::GFLOP);
  };
  EXPECT_NEAR(gflop(true) / 260, 1, 0.005);
  EXPECT_NEAR(gflop(false) / 249.7, 1, 0.005);
  // The MTP head is computed again.
  const Layer& head = layer_of(model, LayerKind::head);
  EXPECT_GT(gflop(true) - gflop(false), 3 * forward_flops(model, head, 1, 4096).in(units::GFLOP));
}

// 405B at a sequence of 8192: 822 TFLOP/s at 326 tokens/s counts causal attention (Megatron-
// Bridge), 834 at 315 the full square (NeMo).
TEST(ModelFlops, LlamaTrainingConventions) {
  const ModelGraph model = load("llama-3.1-405b");
  EXPECT_NEAR(training_flops_per_token(model, 8192, false).in(units::TFLOP)*326 / 822, 1, 0.01);
  EXPECT_NEAR(training_flops_per_token(model, 8192, false, false).in(units::TFLOP)*315 / 834, 1,
              0.015);
}

TEST(ModelFlops, WindowsCountWhatTheySee) {
  const ModelGraph model = load("gpt-oss-120b");
  Layer local = layer_of(model, LayerKind::moe);
  ASSERT_EQ(local.attention.window, 128);
  Layer global = local;
  global.attention.window = 0;
  const auto attention = [&](Layer layer, int sequence) {
    Layer none = layer;
    none.attention.window = 1;
    return (forward_flops(model, layer, sequence, sequence) -
            forward_flops(model, none, sequence, sequence))
        .in(units::FLOP);
  };
  EXPECT_DOUBLE_EQ(attention(local, 128), attention(global, 128));
  const double pair = 2.0 * 64 * (64 + 64);
  const double pairs = 128.0 * 128 / 2 + (4096.0 - 128) * 128;
  const double pairs_of_one = 0.5 + 4095.0;
  EXPECT_NEAR(attention(local, 4096), pair * (pairs - pairs_of_one), 1e-6 * pair * pairs);
  EXPECT_LT(attention(local, 4096), attention(global, 4096));
}

TEST(ModelFlops, LinearInTokens) {
  const ModelGraph model = load("mixtral-8x7b");
  for (const Layer& layer : model.layers) {
    EXPECT_DOUBLE_EQ(forward_flops(model, layer, 8192, 4096).si(),
                     2 * forward_flops(model, layer, 4096, 4096).si());
  }
}

class ModelErrors : public testing::Test {
 protected:
  /// All errors for a small model with one piece of text format laid over it.
  std::string errors_of(const std::string& change) {
    const std::string base =
        "layers: 2\nhidden: 64\nattention {\n kind: gqa\n heads: 8\n kv_heads: 2\n head_dim: 8 }\n"
        "ffn_hidden: 128\nvocabulary: 1000\n";
    pb::Model model;
    SourceMap base_places;
    Diagnostics diagnostics;
    EXPECT_TRUE(read_text(base, "base", model, base_places, diagnostics));
    pb::Model over;
    SourceMap places;
    EXPECT_TRUE(read_text(change, "change", over, places, diagnostics));
    model.MergeFrom(over);
    EXPECT_FALSE(build_model(model, places, "", diagnostics));
    std::string all;
    for (const Diagnostic& d : diagnostics.all()) all += to_string(d) + "\n";
    return all;
  }
};

TEST_F(ModelErrors, NameFieldAndPlace) {
  EXPECT_THAT(errors_of("attention {\n  kv_heads: 3 }"), HasSubstr("change:2:"));
  EXPECT_THAT(errors_of("attention { kv_heads: 3 }"), HasSubstr("attention.kv_heads: 3 key-value"));
  EXPECT_THAT(errors_of("layers: 0"), HasSubstr("layers: must lie between 1"));
  EXPECT_THAT(errors_of("hidden: -5"), HasSubstr("hidden: must lie between 1"));
  EXPECT_THAT(errors_of("training_precision: 'bf61'"), HasSubstr("did you mean 'bf16'"));
  EXPECT_THAT(errors_of("attention { kind: mha }"), HasSubstr("kind: gqa"));
}

TEST_F(ModelErrors, LatentAttentionNeedsItsSizes) {
  const std::string errors = errors_of("attention { kind: mla }");
  for (const char* field : {"kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"}) {
    EXPECT_THAT(errors, HasSubstr(std::string("attention.") + field + ": is missing"));
  }
}

TEST_F(ModelErrors, ExpertsFitTogether) {
  EXPECT_THAT(errors_of("experts { routed: 4 top_k: 5 hidden: 8 }"), HasSubstr("experts.top_k"));
  EXPECT_THAT(errors_of("experts { routed: 10 top_k: 2 hidden: 8 groups: 4 }"),
              HasSubstr("4 groups do not divide 10 experts"));
  EXPECT_THAT(errors_of("experts { routed: 8 top_k: 4 hidden: 8 groups: 4 group_limit: 1 }"),
              HasSubstr("experts.group_limit"));
  EXPECT_THAT(errors_of("experts { every: 0 }"), HasSubstr("experts.routed: is missing"));
}

TEST_F(ModelErrors, AllAtOnce) {
  const std::string errors = errors_of("layers: 0 hidden: 0 vocabulary: -1 mtp_layers: -1");
  for (const char* field : {"layers:", "hidden:", "vocabulary:", "mtp_layers:"}) {
    EXPECT_THAT(errors, HasSubstr(field));
  }
}

TEST_F(ModelErrors, EnormousSizesAreRefused) {
  EXPECT_THAT(errors_of("layers: 4096 hidden: 1048576 ffn_hidden: 1048576 "
                        "experts { routed: 16384 top_k: 1 hidden: 1048576 }"),
              HasSubstr("parameters"));
}

}  // namespace
}  // namespace aisle::workloads
