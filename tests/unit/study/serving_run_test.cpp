// SPDX-License-Identifier: Apache-2.0
#include "sim/study/measure.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "tests/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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
  std::map<std::string, double> most;
  for (const pb::Series& series : result->series()) {
    const double width = series.time_s(1) - series.time_s(0);
    most[series.name()] = *std::max_element(series.value().begin(), series.value().end());
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
  // Energy is the integral of power; the last stretch is cut at the end of the run.
  const double energy = *metric_of(*result, "energy_mwh") * 3.6e9;
  EXPECT_NEAR(sums.at("facility_power_w"), energy, 0.02 * energy);
  EXPECT_LE(most.at("kv_occupancy"), *metric_of(*result, "kv_occupancy_peak"));
  EXPECT_GT(most.at("batch_sequences"), *metric_of(*result, "batch_mean"));
}

TEST(ServingRuns, StepsAreATimeline) {
  const aisle::tests::Folder folder;
  Diagnostics diagnostics;
  const auto study = load(folder.write("study.textproto", kStudy), {}, diagnostics);
  ASSERT_TRUE(study.has_value());
  const auto result = run(*study, catalogue(), {}, diagnostics);
  ASSERT_TRUE(result.has_value());
  const pb::Timeline& timeline = result->timeline();
  ASSERT_EQ(timeline.rank_size(), 4);
  int spans = 0;
  for (const pb::TimelineRank& rank : timeline.rank()) {
    EXPECT_EQ(rank.multiplicity(), 2);
    const pb::TimelineStream& stream = rank.stream(0);
    spans += stream.start_ns_size();
    for (int i = 1; i < stream.start_ns_size(); ++i) {
      EXPECT_GE(stream.start_ns(i), stream.start_ns(i - 1) + stream.duration_ns(i - 1) - 1);
    }
  }
  EXPECT_EQ(spans, *metric_of(*result, "engine_steps"));
}

TEST(ServingRuns, UrgentOnesWaitLess) {
  const Answer two =
      answer({"workload.serving.requests.rate=600", "workload.serving.requests.urgent_share=0.1",
              "workload.serving.engine.sequences=16"});
  EXPECT_LT(two.metrics.at("urgent_ttft_p90_s"), 0.5 * two.metrics.at("ttft_p90_s"));
  EXPECT_FALSE(answer({}).metrics.contains("urgent_ttft_p90_s"));
}

TEST(ServingRuns, WhatPromptsAndAnswersCostIsTheWhole) {
  const Answer calm = answer({});
  // Prompts of 500 tokens, answers of 100.
  EXPECT_NEAR(5 * calm.metrics.at("usd_per_million_input_tokens") +
                  calm.metrics.at("usd_per_million_generated_tokens"),
              calm.metrics.at("usd_per_million_output_tokens"), 1e-9);
  EXPECT_GT(calm.metrics.at("usd_per_million_input_tokens"), 0);
  EXPECT_GT(calm.metrics.at("usd_per_million_generated_tokens"),
            5 * calm.metrics.at("usd_per_million_input_tokens"));
}

TEST(ServingRuns, WhereNothingIsServedThereAreNoRates) {
  const Answer none = answer({"workload.serving.max_context=100"});
  EXPECT_EQ(none.metrics.at("requests_refused"), 500);
  for (const auto& [name, value] : none.metrics) EXPECT_TRUE(std::isfinite(value)) << name;
}

TEST(ServingRuns, EnergyAndMoneyFollowLoadAndTime) {
  const Answer calm = answer({}), busy = answer({"workload.serving.requests.rate=400"});
  const double kilowatt_hours = 1000 * calm.metrics.at("energy_mwh");
  EXPECT_NEAR(kilowatt_hours,
              calm.metrics.at("facility_power_w") * calm.metrics.at("serving_time_s") / 3.6e6,
              1e-9 * kilowatt_hours);
  EXPECT_GT(busy.metrics.at("accelerator_power_w"), calm.metrics.at("accelerator_power_w"));
  EXPECT_LT(busy.metrics.at("usd_per_million_tokens"), calm.metrics.at("usd_per_million_tokens"));
  EXPECT_LT(busy.metrics.at("joules_per_output_token"), calm.metrics.at("joules_per_output_token"));
  // Answers of 100 tokens to prompts of 500.
  EXPECT_NEAR(calm.metrics.at("usd_per_million_output_tokens"),
              6 * calm.metrics.at("usd_per_million_tokens"), 1e-9);
  const Answer capped = answer({"workload.serving.requests.rate=400", "cluster.power_cap=250 W"});
  EXPECT_LE(capped.metrics.at("accelerator_power_w"), 250 + 1e-9);
  EXPECT_GT(capped.metrics.at("ttft_p50_s"), busy.metrics.at("ttft_p50_s"));
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

TEST(ServingRuns, LayoutsDifferInWhatTheyAreFor) {
  // Two accelerators a replica in three ways: as many requests, other times.
  const std::string tensor = "workload.serving.parallel.tensor=1";
  const Answer cut = answer({"workload.serving.requests.rate=200"});
  const Answer stages = answer(
      {"workload.serving.requests.rate=200", tensor, "workload.serving.parallel.pipeline=2"});
  const Answer groups =
      answer({"workload.serving.requests.rate=200", tensor, "workload.serving.parallel.data=2"});
  for (const Answer* one : {&cut, &stages, &groups}) {
    EXPECT_EQ(one->said, "");
    EXPECT_EQ(one->metrics.at("requests_served"), 500);
  }
  // A pass goes through all layers one after the other, whoever holds them.
  EXPECT_LT(cut.metrics.at("tpot_p50_s"), stages.metrics.at("tpot_p50_s"));
  EXPECT_LT(cut.metrics.at("tpot_p50_s"), groups.metrics.at("tpot_p50_s"));
}

TEST(ServingRuns, PoolsPassPromptsOn) {
  const std::string base = "workload.serving.pools.";
  const std::vector<std::string> two{base + "prefill.replicas=1", base + "decode.replicas=3"};
  const Answer apart = answer(two);
  EXPECT_EQ(apart.said, "");
  EXPECT_EQ(apart.metrics.at("requests_served"), 500);
  EXPECT_GT(apart.metrics.at("prefill_busy_share"), 0);
  EXPECT_GT(apart.metrics.at("decode_busy_share"), 0);
  // 500 tokens of 64 KiB on each of two accelerators, over NVLink; then over a link of 1 GB/s.
  const double near = apart.metrics.at("cache_transfer_mean_s");
  auto assigned = two;
  assigned.push_back(base + "bandwidth=1 GB/s");
  EXPECT_GT(answer(assigned).metrics.at("cache_transfer_mean_s"), 0.0327);
  EXPECT_LT(near, 0.02);
  // Older chips generate.
  assigned = two;
  assigned.push_back(base + "decode.accelerator=a100-80gb-sxm");
  assigned.push_back(base + "decode.replicas=4");
  const Answer mixed = answer(assigned);
  EXPECT_EQ(mixed.said, "");
  EXPECT_GT(mixed.metrics.at("tpot_p50_s"), apart.metrics.at("tpot_p50_s"));
  EXPECT_THAT(answer({base + "prefill.replicas=1", base + "decode.replicas=9"}).said,
              HasSubstr("more than the cluster's 8"));
  EXPECT_THAT(answer({base + "prefill.replicas=1"}).said, HasSubstr("decode.replicas"));
  assigned = two;
  assigned.push_back(base + "decode.accelerator=a1000");
  EXPECT_THAT(answer(assigned).said, HasSubstr("pools.decode.accelerator"));
}

TEST(ServingRuns, DraftsSaveTimeWhereTheyAreCheap) {
  const std::string base = "workload.serving.engine.drafts.";
  const Answer plain = answer({});
  const Answer free = answer({base + "count=3"});
  EXPECT_NEAR(free.metrics.at("tokens_per_pass"), 2.95, 0.05);  // 1 + 0.8 + 0.64 + 0.51
  EXPECT_LT(free.metrics.at("tpot_p50_s"), 0.6 * plain.metrics.at("tpot_p50_s"));
  const Answer dear = answer({base + "count=3", base + "model=llama-3.1-8b"});
  EXPECT_GT(dear.metrics.at("tpot_p50_s"), plain.metrics.at("tpot_p50_s"));
  EXPECT_THAT(answer({base + "acceptance=1.5"}).said, HasSubstr("from 0 to 1"));
}

TEST(ServingRuns, OptionsShowInWhatTheyCount) {
  const std::string base = "workload.serving.";
  const std::string busy = base + "requests.rate=400", small = base + "engine.cache_tokens=4000";
  const Answer swapped =
      answer({busy, small, base + "engine.swap=true", base + "engine.host_cache=10 GB"});
  EXPECT_GT(swapped.metrics.at("swaps"), 0);
  EXPECT_THAT(answer({base + "engine.swap=true"}).said, HasSubstr("host_cache"));
  const Answer shed = answer({busy, small, base + "slo.shed=true"});
  EXPECT_GT(shed.metrics.at("requests_too_late"), 0);
  EXPECT_GE(shed.metrics.at("goodput"), answer({busy, small}).metrics.at("goodput"));
  EXPECT_EQ(answer({base + "max_context=599"}).metrics.at("requests_too_long"), 500);
  const Answer scaled = answer({busy, base + "scaling.least=1", base + "scaling.start=1 s"});
  EXPECT_GT(scaled.metrics.at("replica_starts"), 0);
  const Answer fixed = answer({base + "engine.batching=fixed"});
  EXPECT_EQ(fixed.metrics.at("requests_served"), 500);
  EXPECT_GT(fixed.metrics.at("e2e_mean_s"), answer({}).metrics.at("e2e_mean_s"));
}

TEST(ServingRuns, RecordedExpertLoadsSlowTheBusiestRank) {
  // Of eight experts on eight ranks one has three times the mean; copies take its load apart.
  const std::string text = R"(
cluster { accelerator: "h100-sxm" count: 8 }
workload { serving {
  model: "mixtral-8x7b" parallel { data: 8 expert: 8 }
  requests { concurrency: 256 count: 512 prompt { mean: 2000 } output { mean: 5 } }
} })";
  const aisle::tests::Folder folder;
  const std::string loads =
      "workload.serving.parallel.loads=" + folder.write("loads.csv",
                                                        "layer,e0,e1,e2,e3,e4,e5,e6,e7\n"
                                                        "0,300,60,60,60,80,80,80,80\n");
  const Answer even = answer({}, text);
  const Answer uneven = answer({loads}, text);
  const Answer copied = answer({loads, "workload.serving.parallel.redundant=8"}, text);
  EXPECT_EQ(uneven.said, "");
  EXPECT_EQ(copied.said, "");
  EXPECT_GT(uneven.metrics.at("ttft_mean_s"), 1.3 * even.metrics.at("ttft_mean_s"));
  EXPECT_LT(copied.metrics.at("ttft_mean_s"), uneven.metrics.at("ttft_mean_s"));
  EXPECT_THAT(answer({loads, "workload.serving.parallel.redundant=3"}, text).said,
              HasSubstr("do not divide over 8 ranks"));
}

TEST(ServingRuns, FaultsAreExplained) {
  const std::pair<const char*, const char*> cases[] = {
      {"workload.serving.parallel.tensor=16", "more than the 8 accelerators"},
      {"workload.serving.replicas=5", "at most 4"},
      {"workload.serving.precision=fp9", "bf16, fp8, int8"},
      {"workload.serving.cache=int3", "bf16 or fp8"},
      {"workload.serving.parallel.expert=3", "does not divide"},
      {"workload.serving.parallel.busiest=0.5", "no less than the mean"},
      {"workload.serving.scaling.least=5", "more than the 4 replicas"},
      {"workload.serving.requests.urgent_share=2", "urgent_share"},
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
