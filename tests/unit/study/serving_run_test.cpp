// SPDX-License-Identifier: Apache-2.0
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "tests/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace aisle::sim {
namespace {

using testing::HasSubstr;

const topology::Catalogue& catalogue() {
  static const topology::Catalogue all = [] {
    Diagnostics diagnostics;
    return *topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return all;
}

constexpr const char* kStudy = R"(
cluster { accelerator: "h100-sxm" count: 8 }
workload { serving {
  model: "llama-3.1-8b" parallel { tensor: 2 }
  requests { rate: 20 count: 500 prompt { mean: 500 } output { mean: 100 } }
  slo { first_token: "1 s" }
} }
)";

/// Metrics of the study with these assignments, or what is wrong with it.
struct Answer {
  std::map<std::string, double> metrics;
  std::string said, reason;
};

Answer answer(const std::vector<std::string>& assignments, const std::string& text = kStudy) {
  const aisle::tests::Folder folder;
  Diagnostics diagnostics;
  Answer got;
  const auto study = load(folder.write("study.textproto", text), assignments, diagnostics);
  if (study) {
    if (const auto result = run(*study, catalogue(), {}, diagnostics)) {
      for (const pb::Metric& metric : result->metric()) got.metrics[metric.name()] = metric.value();
      got.reason = result->reason();
    }
  }
  for (const Diagnostic& one : diagnostics.all()) got.said += to_string(one) + "\n";
  return got;
}

TEST(ServingRuns, AllAreServedAndBusierMeansLater) {
  const Answer calm = answer({});
  EXPECT_EQ(calm.said, "");
  EXPECT_EQ(calm.metrics.at("requests_served"), 500);
  EXPECT_NEAR(calm.metrics.at("output_tokens_per_s"), 2000, 400);
  EXPECT_EQ(calm.metrics.at("goodput"), 1);
  const Answer busy = answer({"workload.serving.requests.rate=400"});
  EXPECT_GT(busy.metrics.at("tpot_p50_s"), calm.metrics.at("tpot_p50_s"));
  EXPECT_GT(busy.metrics.at("ttft_p99_s"), calm.metrics.at("ttft_p99_s"));
  const Answer narrow = answer({"workload.serving.replicas=1"});
  EXPECT_GT(narrow.metrics.at("engine_busy_share"), calm.metrics.at("engine_busy_share"));
}

TEST(ServingRuns, SeriesAddUpToTheRun) {
  const aisle::tests::Folder folder;
  Diagnostics diagnostics;
  const auto study = load(folder.write("study.textproto", kStudy), {}, diagnostics);
  ASSERT_TRUE(study.has_value());
  const auto result = run(*study, catalogue(), {}, diagnostics);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->requests().arrival_s_size(), 500);
  std::map<std::string, double> sums;
  for (const pb::Series& series : result->series()) {
    const double width = series.time_s(1) - series.time_s(0);
    for (const double value : series.value()) sums[series.name()] += value * width;
  }
  double prompts = 0, outputs = 0, inside = 0;
  for (int i = 0; i < 500; ++i) {
    prompts += result->requests().prompt_tokens(i);
    outputs += result->requests().output_tokens(i);
    inside += result->requests().end_s(i) - result->requests().arrival_s(i);
  }
  EXPECT_NEAR(sums.at("arrivals_per_s"), 500, 1e-6);
  EXPECT_NEAR(sums.at("prompt_tokens_per_s"), prompts, 1e-6 * prompts);
  EXPECT_NEAR(sums.at("output_tokens_per_s"), outputs, 1e-6 * outputs);
  EXPECT_NEAR(sums.at("waiting_requests") + sums.at("running_requests"), inside, 1e-6 * inside);
}

TEST(ServingRuns, SmallCachesPreempt) {
  const Answer small =
      answer({"workload.serving.requests.rate=400", "workload.serving.engine.cache_tokens=4000"});
  EXPECT_EQ(small.metrics.at("requests_served"), 500);
  EXPECT_GT(small.metrics.at("preemptions"), 0);
  EXPECT_LE(small.metrics.at("kv_occupancy_peak"), 1);
  const Answer tiny = answer({"workload.serving.engine.cache_tokens=400"});
  EXPECT_EQ(tiny.metrics.at("requests_refused"), 500);
}

TEST(ServingRuns, WhatDoesNotFitSaysWhatFillsTheMemory) {
  const Answer large = answer({"workload.serving.model=llama-3.1-405b"});
  EXPECT_TRUE(large.metrics.empty());
  EXPECT_THAT(large.reason, HasSubstr("weights"));
}

TEST(ServingRuns, FaultsAreExplained) {
  const std::pair<const char*, const char*> cases[] = {
      {"workload.serving.parallel.tensor=16", "more than the 8 accelerators"},
      {"workload.serving.replicas=5", "at most 4"},
      {"workload.serving.precision=fp9", "bf16, fp8, int8"},
      {"workload.serving.cache=int3", "bf16 or fp8"},
      {"workload.serving.parallel.expert=3", "does not divide"},
      {"workload.serving.engine.profile=vlm", "vllm"},
      {"workload.serving.engine.watermark=1", "below 1"},
      {"workload.serving.engine.step_tokens=10", "leave no room"},
      {"workload.serving.slo.first_token=2", "unit"},
      {"workload.serving.requests.trace=none.csv", "none.csv"},
  };
  for (const auto& [assignment, message] : cases) {
    EXPECT_THAT(answer({assignment}).said, HasSubstr(message)) << assignment;
  }
}

}  // namespace
}  // namespace aisle::sim
