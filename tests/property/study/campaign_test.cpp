// SPDX-License-Identifier: Apache-2.0
// Runs with what is around their steps, slow accelerators, adapters, evaluations and teachers, as a
// user asks for them.
#include "tests/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <map>
#include <string>

namespace {

using aisle::tests::Folder;
using aisle::tests::run_command;
using testing::HasSubstr;

struct Answer {
  std::map<std::string, double> metrics, campaign, memory;
  bool feasible = true;
  std::string reason;
};

std::map<std::string, double> numbers(simdjson::dom::object fields) {
  std::map<std::string, double> found;
  for (const auto field : fields) {
    if (field.value.is_number()) found[std::string(field.key)] = field.value.get_double().value();
  }
  return found;
}

std::string study(const std::string& training, const std::string& cluster = "") {
  return "cluster { accelerator: \"h100-sxm\" count: 64 " + cluster +
         " }\nworkload { training { model: \"llama-3.1-8b\" sequence: 4096 global_batch: 128\n"
         "  parallel { tensor: 2 pipeline: 2 zero: 1 } tokens: 1e12 " +
         training + " } }\n";
}

Answer run(const std::string& text) {
  const Folder folder;
  const auto outcome = run_command(AISLE_PROGRAM " run " + folder.write("study.textproto", text) +
                                   " --engine analytic --json -q");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  const auto document = parser.parse(simdjson::padded_string(outcome.out)).value();
  Answer result;
  result.feasible = document["feasible"].get_bool().value();
  result.reason = std::string(document["reason"].get_string().value());
  result.metrics = numbers(document["metrics"].get_object().value());
  result.memory = numbers(document["memory"].get_object().value());
  simdjson::dom::object parts;
  if (document["campaign"].get_object().get(parts) == simdjson::SUCCESS) {
    result.campaign = numbers(parts);
  }
  return result;
}

std::string refused(const std::string& text) {
  const Folder folder;
  const auto outcome = run_command(AISLE_PROGRAM " run " + folder.write("study.textproto", text) +
                                   " --engine analytic --json -q");
  EXPECT_EQ(outcome.exit_code, 2);
  return outcome.err;
}

constexpr const char* kCampaign =
    "campaign { data { bytes_per_sample: \"16 kB\" bandwidth: \"1 GB/s\" }\n"
    "  checkpoint { bandwidth_per_node: \"2 GB/s\" }\n"
    "  evaluation { every_steps: 1000 sequences: 1024 }\n"
    "  failures { mean_time_per_accelerator: \"50700 h\" restart: \"10 min\" } }";

TEST(CampaignRun, PartsAreTheRun) {
  const Answer plain = run(study(""));
  const Answer whole = run(study(kCampaign));
  EXPECT_DOUBLE_EQ(whole.metrics.at("step_time_s"), plain.metrics.at("step_time_s"));
  EXPECT_NEAR(whole.campaign.at("training"), 86400 * plain.metrics.at("run_time_days"), 1e-3);
  double sum = 0;
  for (const auto& [name, seconds] : whole.campaign) sum += seconds;
  EXPECT_NEAR(sum, 86400 * whole.metrics.at("run_time_days"), 1e-6 * sum);
  EXPECT_NEAR(whole.metrics.at("goodput"), whole.campaign.at("training") / sum, 1e-12);
  EXPECT_EQ(plain.metrics.count("goodput"), 0U);
  // 8.03e9 parameters of 2 + 4 + 8 bytes on 8 nodes at 2 GB/s each.
  EXPECT_NEAR(whole.metrics.at("checkpoint_bytes"), 8.03e9 * 14, 1e-3 * 8.03e9 * 14);
  EXPECT_NEAR(whole.metrics.at("checkpoint_write_s"), whole.metrics.at("checkpoint_bytes") / 16e9,
              1e-9);
  EXPECT_NEAR(whole.metrics.at("time_between_failures_s"), 50700.0 * 3600 / 64, 1);
  EXPECT_NEAR(whole.metrics.at("run_gpu_hours"), sum / 3600 * 64, 1e-6 * sum);
}

// Flaps and maintenance hold the run up and lose nothing; drawn runs have the mean of the closed
// form.
TEST(CampaignRun, StallsAndMaintenance) {
  const Answer plain =
      run(study("campaign { checkpoint { interval: \"30 min\" bandwidth: \"20 GB/s\" } }"));
  const Answer held = run(study(
      "campaign { checkpoint { interval: \"30 min\" bandwidth: \"20 GB/s\" } failures { draws: 200 "
      "class { name: \"link\" mean_time: \"640 h\" stall: \"60 s\" } "
      "class { name: \"upkeep\" mean_time: \"240 h\" of: whole_job planned: true restart: \"2 h\" "
      "} } }"));
  const double worked = plain.metrics.at("run_time_days") * 86400;
  const double write = held.metrics.at("checkpoint_write_s");
  const double expected = worked * (60 / (10 * 3600.0) + (7200 + 2 * write) / (240 * 3600.0));
  EXPECT_NEAR(held.campaign.at("stalls and maintenance") / expected, 1, 1e-6);
  EXPECT_EQ(held.campaign.count("lost work"), 0u);
  EXPECT_NEAR(held.metrics.at("run_time_p50_days") / held.metrics.at("run_time_days"), 1, 0.01);
}

TEST(CampaignRun, AnEvaluationIsAThirdOfAStepWithoutTheOptimizer) {
  const Answer step = run(study(""));
  const Answer forward = run(study("passes: forward_only"));
  EXPECT_NEAR(forward.metrics.at("step_time_s") / step.metrics.at("step_time_s"), 0.33, 0.06);
  EXPECT_EQ(forward.memory.at("gradients"), 0);
  EXPECT_EQ(forward.memory.at("optimizer"), 0);
  EXPECT_EQ(forward.memory.at("activations"), 0);
  // Of whichever stage is the fullest.
  EXPECT_NEAR(forward.memory.at("weights") / step.memory.at("weights"), 1, 0.15);
}

TEST(CampaignRun, ASlowAcceleratorHoldsItsPipeline) {
  const double even = run(study("", "speed_spread: 0")).metrics.at("step_time_s");
  const double slow = run(study("", "speed_spread: 0 straggler { accelerator: 3 rate: 0.5 }"))
                          .metrics.at("step_time_s");
  EXPECT_GT(slow, 1.6 * even);
  EXPECT_LT(slow, 2.05 * even);
  EXPECT_DOUBLE_EQ(
      run(study("", "speed_spread: 0 straggler { share: 0 }")).metrics.at("step_time_s"), even);
  EXPECT_THAT(refused(study("", "straggler { accelerator: 64 }")), HasSubstr("0 to 63"));
  EXPECT_THAT(refused(study("", "straggler { rate: 0.5 }")), HasSubstr("name one accelerator"));
}

TEST(CampaignRun, AdaptersTrainLittleAndTakeLittle) {
  const Answer full = run(study(""));
  const Answer adapted = run(study("adapter { rank: 16 }"));
  const double ratio = adapted.metrics.at("step_time_s") / full.metrics.at("step_time_s");
  EXPECT_GT(ratio, 0.6);
  EXPECT_LT(ratio, 0.9);
  // qkv: 4096 + 6144 wide, o: 8192, 32 layers of rank 16, cut in two, and 17 of them on one stage.
  const double trained = 32 * 16.0 * (4096 + 6144 + 8192) / 4;
  EXPECT_NEAR(adapted.memory.at("gradients"), trained * 4, 0.1 * trained * 4);
  EXPECT_NEAR(adapted.memory.at("weights") - full.memory.at("weights"), trained * 2,
              0.1 * trained * 2);
  EXPECT_NEAR(adapted.metrics.at("tflops_per_chip") * adapted.metrics.at("step_time_s"),
              2.0 / 3 * full.metrics.at("tflops_per_chip") * full.metrics.at("step_time_s"), 1e-6);
}

TEST(CampaignRun, ATeacherOnTheSamePoolTakesItsForwardTime) {
  const std::string teacher = "teacher: \"llama-3.1-70b\" parallel { tensor: 8 } logits: 64";
  const Answer same = run(study("campaign { distillation { " + teacher + " } }"));
  ASSERT_TRUE(same.feasible) << same.reason;
  const double step = same.metrics.at("step_time_s");
  EXPECT_NEAR(same.campaign.at("teacher") / same.campaign.at("training"),
              same.metrics.at("teacher_forward_s") / step, 1e-9);
  const Answer other = run(
      study("campaign { distillation { " + teacher + " pool: other_pool accelerators: 512 } }"));
  EXPECT_LT(other.metrics.at("teacher_forward_s"), 0.2 * same.metrics.at("teacher_forward_s"));
  const Answer cached = run(study("campaign { data { bandwidth: \"10 GB/s\" } distillation { " +
                                  teacher + " pool: cached epochs: 4 } }"));
  EXPECT_NEAR(cached.campaign.at("teacher"), same.campaign.at("teacher") / 4,
              1e-6 * same.campaign.at("teacher"));
  EXPECT_NEAR(cached.metrics.at("predictions_bytes"), 1e12 / 4 * 64 * 6, 1e6);
  const Answer large = run(study("campaign { distillation { teacher: \"llama-3.1-405b\" } }"));
  EXPECT_FALSE(large.feasible);
  EXPECT_THAT(large.reason, HasSubstr("teacher"));
}

TEST(CampaignRun, WhatIsMissingIsSaid) {
  EXPECT_THAT(refused(study("campaign { checkpoint { bandwidth: \"1 GB/s\" } }")),
              HasSubstr("campaign.checkpoint.interval: is missing"));
  EXPECT_THAT(refused(study("campaign { checkpoint { interval: \"1 h\" } }")),
              HasSubstr("nothing says how fast storage is"));
  EXPECT_THAT(refused(study("campaign { failures { restart: \"1 h\" } }")),
              HasSubstr("mean_time_per_accelerator"));
  EXPECT_THAT(refused(study("campaign { distillation { teacher: \"lama\" } }")),
              HasSubstr("distillation.teacher"));
  EXPECT_THAT(refused(study("adapter { attention: false }")), HasSubstr("nothing is adapted"));
}

}  // namespace
