// SPDX-License-Identifier: Apache-2.0
#include "sim/study/inference_ledger.hpp"

#include "sim/base/diagnostics.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace aisle::sim {

namespace {

using testing::HasSubstr;

const topology::Catalogue& catalogue() {
  static const std::optional<topology::Catalogue> read = [] {
    Diagnostics diagnostics;
    return topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return *read;
}

InferenceRow row() {
  InferenceRow row;
  row.id = "x-1";
  row.model = "llama-3.1-8b";
  row.chip = "H100";
  row.precision = "bf16";
  row.engine = "vLLM";
  row.mode = "server";
  row.chips = row.tensor = 1;
  row.prompt = 1024;
  row.output = 256;
  row.value = 1;
  row.metric = "output_throughput";
  row.unit = "tok/s";
  return row;
}

InferenceQuestion asked(const InferenceRow& row) {
  const auto question = express(row, catalogue());
  if (const auto* reason = std::get_if<std::string>(&question)) {
    ADD_FAILURE() << *reason;
    return {};
  }
  return std::get<InferenceQuestion>(question);
}

std::string refused(const InferenceRow& row) {
  const auto question = express(row, catalogue());
  const auto* reason = std::get_if<std::string>(&question);
  return reason == nullptr ? std::string() : *reason;
}

double answered(const InferenceRow& row) {
  InferencePredictor predictor(catalogue());
  const auto answer = predictor.predict(row, asked(row));
  if (const auto* reason = std::get_if<std::string>(&answer)) {
    ADD_FAILURE() << *reason;
    return 0;
  }
  return std::get<InferenceAnswer>(answer).figure;
}

TEST(InferenceLedger, NumbersInWords) {
  EXPECT_EQ(number_in("max 8, mean 7.98"), 8);
  EXPECT_EQ(number_after("max 8, mean 7.98", "mean "), 7.98);
  EXPECT_EQ(number_in("all at once"), std::nullopt);
  EXPECT_EQ(number_after("token budget 2048, 30 KV blocks", "token budget "), 2048);
  EXPECT_EQ(number_before("first 300 requests only", " requests only"), 300);
  EXPECT_EQ(number_before("prompts;", " prompts;"), std::nullopt);
}

TEST(InferenceLedger, LoadsByTheirWords) {
  InferenceRow one = row();
  one.batch = "64";
  EXPECT_EQ(asked(one).load.kind, InferenceLoad::Kind::closed);
  EXPECT_EQ(asked(one).load.amount, 64);
  one.batch = "max 128";
  one.rate = "2.5";
  EXPECT_EQ(asked(one).load.kind, InferenceLoad::Kind::open);
  EXPECT_EQ(asked(one).host.sequences, 128);
  one = row();
  one.batch = "8 sequences";
  one.mode = "offline";
  one.metric = "e2e_latency";
  EXPECT_EQ(asked(one).load.kind, InferenceLoad::Kind::fixed_batch);
  one.mode = "decode";
  one.metric = "token_time";
  one.batch = "128 req/GPU";
  EXPECT_EQ(asked(one).load.kind, InferenceLoad::Kind::decoding);
  EXPECT_TRUE(asked(one).load.per_group);
}

TEST(InferenceLedger, RunsAndWorkersByTheirWords) {
  InferenceRow one = row();
  one.rate = "5";
  one.note = "first 300 requests only, token budget 2048";
  EXPECT_EQ(asked(one).load.requests, 300);
  one.engine = "SGLang (PD disaggregated)";
  one.batch = "128";
  one.rate.clear();
  one.note = "1 prefill + 3 decode workers, TP2 each";
  EXPECT_TRUE(asked(one).disaggregated);
  EXPECT_EQ(asked(one).prompt_workers, 1);
  EXPECT_EQ(asked(one).workers, 3);
  one.note = "1 prefill + 1 decode workers, TP of each worker not stated (probably 4)";
  one.tensor.reset();
  EXPECT_EQ(asked(one).layouts.front().tensor, 4);
  one.engine = "SGLang + Mooncake";
  one.note = "2 regular; 50 prompts; random lengths";
  EXPECT_FALSE(asked(one).disaggregated);
  EXPECT_EQ(asked(one).load.requests, 50);
}

TEST(InferenceLedger, RunsThatEndAndPoolsArePlayed) {
  // A run of few requests starts and ends empty: less concurrency than in a steady state.
  InferenceRow one = row();
  one.rate = "20";
  one.metric = "e2e_mean";
  one.unit = "s";
  const double steady = answered(one);
  one.note = "first 100 requests only";
  EXPECT_LT(answered(one), steady);
  // Workers that generate share the requests: more of them, shorter gaps.
  one = row();
  one.engine = "SGLang (PD disaggregated)";
  one.batch = "256";
  one.metric = "itl_median";
  one.unit = "ms";
  one.note = "1 prefill + 1 decode workers";
  const double alone = answered(one);
  one.note = "1 prefill + 3 decode workers";
  EXPECT_LT(answered(one), 0.9 * alone);
}

TEST(InferenceLedger, LayoutsAreReplicas) {
  InferenceRow one = row();
  one.chips = 8;
  one.tensor = 2;
  EXPECT_EQ(asked(one).layouts.front().tensor, 2);
  one.model = "deepseek-r1";
  one.chip = "H200";
  one.tensor = 1;
  one.expert = 8;
  EXPECT_EQ(asked(one).layouts.front().data, 8);
  EXPECT_EQ(asked(one).layouts.front().expert, 8);
  one = row();
  one.model = "llama-3.1-70b";
  one.chips = 8;
  one.tensor.reset();
  EXPECT_EQ(asked(one).layouts.front().tensor, 4);
  EXPECT_FALSE(asked(one).given);
}

TEST(InferenceLedger, FormatsByTheirWords) {
  InferenceRow one = row();
  one.precision = "int4 GPTQ";
  EXPECT_EQ(asked(one).job.formats.dense.computes, topology::Precision::bf16);
  EXPECT_LT(asked(one).job.formats.dense.weight_bytes, 0.6);
  one.precision = "fp8";
  EXPECT_EQ(asked(one).job.formats.cache_bytes, 2);
  one.engine = "TensorRT-LLM";
  EXPECT_EQ(asked(one).job.formats.cache_bytes, 1);
  one.precision = "posit";
  EXPECT_THAT(refused(one), HasSubstr("'posit' is not known"));
}

TEST(InferenceLedger, WhatCannotBePutSaysWhy) {
  InferenceRow one = row();
  one.value.reset();
  EXPECT_THAT(refused(one), HasSubstr("no single number"));
  one = row();
  one.chip = "Q1";
  EXPECT_THAT(refused(one), HasSubstr("no accelerator 'Q1'"));
  one = row();
  one.metric = "mean_acceptance_length";
  EXPECT_THAT(refused(one), HasSubstr("acceptance"));
}

TEST(InferenceLedger, FiguresAgreeWithOneAnother) {
  InferenceRow one = row();
  one.batch = "32";
  const double throughput = answered(one);
  one.metric = "output_throughput_per_gpu";
  one.chips = 4;
  one.batch = "128";
  EXPECT_NEAR(answered(one) / throughput, 1, 1e-6);
  one = row();
  one.batch = "32";
  one.metric = "energy_per_output_token";
  const double energy = answered(one);
  one.metric = "gpu_power_total";
  EXPECT_NEAR(answered(one), energy * throughput, 1e-6 * energy * throughput);
  one.metric = "itl_mean";
  one.unit = "ms";
  const double gap = answered(one);
  EXPECT_LT(gap * throughput / 1000, 32.0);  // some of them wait for their first token
  EXPECT_GT(gap * throughput / 1000, 28.0);
}

TEST(InferenceLedger, LittlesLawUnderOpenLoad) {
  InferenceRow one = row();
  one.rate = "4 req/s";
  one.metric = "e2e_mean";
  one.unit = "seconds";
  const double latency = answered(one);
  one.metric = "itl_mean";
  const double gap = answered(one);
  one.metric = "ttft_mean";
  EXPECT_NEAR(latency, answered(one) + gap * 255, 1e-6);
}

}  // namespace

}  // namespace aisle::sim
