// SPDX-License-Identifier: Apache-2.0
#include "sim/study/training_ledger.hpp"

#include "sim/study/training_ledger_practice.hpp"
#include "sim/study/validate.hpp"
#include "tests/command.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using aisle::Diagnostics;
using aisle::sim::express;
using aisle::sim::FlopConvention;
using aisle::sim::TrainingQuestion;
using aisle::sim::TrainingRow;
using testing::HasSubstr;
namespace pb = aisle::pb;
namespace units = aisle::units;

const aisle::topology::Catalogue& catalogue() {
  static const auto read = [] {
    Diagnostics diagnostics;
    return aisle::topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return *read;
}

/// GPT-3 on 64 A100 as Korthikanti et al. print it.
TrainingRow gpt3() {
  TrainingRow row;
  row.id = "kor-004";
  row.model = "GPT-3-175B";
  row.layers = 96;
  row.hidden = 12288;
  row.heads = row.kv_heads = 96;
  row.feed_forward = 49152;
  row.vocabulary = 51200;
  row.sequence = 2048;
  row.chip = "A100 80GB SXM";
  row.chips = 64;
  row.domain = 8;
  row.nic = 200.0 * units::Gb / units::s;
  row.tensor = 8;
  row.pipeline = 8;
  row.virtual_stages = 3;
  row.data = row.context = 1;
  row.zero = 0;
  row.micro_batch = 1;
  row.global_batch = 64;
  row.precision = "FP16";
  row.recompute = "full";
  row.schedule = "interleaved-1F1B";
  row.metric = "step_time";
  row.value = 18.13;
  return row;
}

TrainingQuestion expressed(const TrainingRow& row) {
  auto question = express(row, catalogue());
  if (const auto* reason = std::get_if<std::string>(&question)) ADD_FAILURE() << *reason;
  return std::get<TrainingQuestion>(question);
}

std::string refused(const TrainingRow& row) {
  const auto question = express(row, catalogue());
  const auto* reason = std::get_if<std::string>(&question);
  return reason == nullptr ? "expressed" : *reason;
}

double predicted(const TrainingRow& row) {
  const auto answer = aisle::sim::predict(row, expressed(row), catalogue());
  if (const auto* reason = std::get_if<std::string>(&answer)) ADD_FAILURE() << *reason;
  return std::get<aisle::sim::TrainingAnswer>(answer).figure;
}

TEST(TrainingRows, BecomeScenarios) {
  const TrainingQuestion question = expressed(gpt3());
  const pb::Training& training = question.scenario.workload().training();
  EXPECT_EQ(question.scenario.cluster().accelerator(), "a100-80gb-sxm");
  EXPECT_EQ(question.scenario.cluster().count(), 64);
  EXPECT_EQ(question.scenario.cluster().scale_up().size(), 8);
  EXPECT_EQ(question.scenario.cluster().scale_out().nic(), "25.000000 GB/s");
  EXPECT_EQ(training.what_if().name(), "gpt-3-175b");
  EXPECT_EQ(training.what_if().vocabulary(), 51200);
  EXPECT_EQ(training.parallel().schedule(), pb::interleaved);
  EXPECT_EQ(training.parallel().virtual_stages(), 3);
  ASSERT_EQ(training.parallel().stage_layers_size(), 24);
  EXPECT_EQ(training.parallel().stage_layers(23), 4);
  EXPECT_FALSE(training.parallel().overlap());
  EXPECT_EQ(training.recompute(), pb::full);
  EXPECT_TRUE(question.given);
}

TEST(TrainingRows, OtherWidthsThanTheCataloguesGiveAModelOfTheRow) {
  TrainingRow row = gpt3();
  row.heads = row.kv_heads = 128;
  const pb::Model model = expressed(row).scenario.workload().training().what_if();
  EXPECT_EQ(model.name(), "GPT-3-175B");
  EXPECT_EQ(model.attention().heads(), 128);
  EXPECT_EQ(model.attention().head_dim(), 96);
  EXPECT_FALSE(model.gated());
  row.feed_forward = 33792;
  EXPECT_TRUE(expressed(row).scenario.workload().training().what_if().gated());
}

TEST(TrainingRows, CutModelsKeepTheirWidths) {
  TrainingRow row = gpt3();
  row.model = "DeepSeek-V3 (4-layer proxy)";
  row.layers = 4;
  row.hidden = 7168;
  row.heads = row.kv_heads = 128;
  row.feed_forward = 18432;
  row.expert_width = 2048;
  row.experts = 256;
  row.top_k = 8;
  row.shared_experts = 1;
  row.pipeline = row.virtual_stages = 1;
  row.tensor = 1;
  row.data = 64;
  row.expert = 64;
  row.note = "first 1 layer dense";
  const pb::Model model = expressed(row).scenario.workload().training().what_if();
  EXPECT_EQ(model.layers(), 4);
  EXPECT_EQ(model.experts().first_dense(), 1);
  EXPECT_EQ(model.mtp_layers(), 0);
  EXPECT_EQ(model.attention().kind(), pb::Attention::mla);
}

TEST(TrainingRows, WhatTheyLeaveOpenIsSaid) {
  TrainingRow row = gpt3();
  row.recompute.clear();
  row.nic.reset();
  row.micro_batch.reset();
  const TrainingQuestion question = expressed(row);
  EXPECT_THAT(question.assumed, testing::Contains("no recomputation"));
  EXPECT_THAT(question.assumed, testing::Contains(HasSubstr("network")));
  EXPECT_FALSE(question.given);
}

TEST(TrainingRows, JobsFillDomainsEvenly) {
  TrainingRow row = gpt3();
  row.chip = "GB200 (per GPU, NVL72)";
  row.domain = 72;
  row.chips = 128;
  row.data = 2;
  EXPECT_EQ(expressed(row).scenario.cluster().scale_up().size(), 64);
}

TEST(TrainingRows, CoresOfTrainiumAreHalfChips) {
  TrainingRow row = gpt3();
  row.chip = "Trainium1";
  row.precision = "BF16";
  row.tensor = 32;
  row.pipeline = 4;
  row.virtual_stages = 1;
  row.note = "TP/DP/PP count NeuronCores (2 per chip)";
  EXPECT_EQ(expressed(row).scenario.workload().training().parallel().tensor(), 16);
}

TEST(TrainingRows, AreRefusedWithAReason) {
  TrainingRow row = gpt3();
  row.chip = "Q1";
  EXPECT_THAT(refused(row), HasSubstr("no accelerator 'Q1'"));
  row = gpt3();
  row.data = 2;
  EXPECT_THAT(refused(row), HasSubstr("is 128, not the 64 chips"));
  row = gpt3();
  row.global_batch.reset();
  EXPECT_THAT(refused(row), HasSubstr("batch is not given"));
  row = gpt3();
  row.precision = "posit16";
  EXPECT_THAT(refused(row), HasSubstr("'posit16'"));
  row = gpt3();
  row.model = "Nobody's 46B";
  row.layers.reset();
  EXPECT_THAT(refused(row), HasSubstr("sizes of 'Nobody's 46B'"));
}

TEST(TrainingRows, MetricsOfOneStepAgree) {
  TrainingRow row = gpt3();
  const double step = predicted(row);
  EXPECT_GT(step, 10);
  EXPECT_LT(step, 30);
  row.metric = "tokens_per_s_per_chip";
  EXPECT_NEAR(predicted(row), 64.0 * 2048 / step / 64, 1e-6);
  row.metric = "samples_per_s";
  EXPECT_NEAR(predicted(row), 64 / step, 1e-9);
  row.metric = "gpu_hours_per_Ttok";
  EXPECT_NEAR(predicted(row), 64 * step / 3600 / (64.0 * 2048) * 1e12, 1);
  // Narayanan et al. 2021, with recomputation: 96 B s l h^2 (1 + s/6h + V/16lh).
  row.metric = "tflops_per_chip";
  const double b = 64, s = 2048, l = 96, h = 12288, v = 51200;
  const double flops = 96 * b * s * l * h * h * (1 + s / (6 * h) + v / (16 * l * h));
  EXPECT_NEAR(predicted(row), flops / step / 64 / 1e12, 0.002 * flops / step / 64 / 1e12);
  row.note = "model FLOPs with causal attention";
  const double causal = 72 * b * s * l * h * h * (1 + s / (12 * h) + v / (12 * l * h));
  EXPECT_NEAR(predicted(row), causal / step / 64 / 1e12, 0.002 * causal / step / 64 / 1e12);
  row.metric = "joules";
  const auto answer = aisle::sim::predict(row, expressed(row), catalogue());
  EXPECT_THAT(std::get<std::string>(answer), HasSubstr("'joules'"));
}

TEST(TrainingRows, MoreIsComputedAgainOnlyWhereNothingIsStated) {
  TrainingRow row = gpt3();
  row.id = "lab-1";
  row.micro_batch = 8;
  row.recompute = "none";
  const auto answer = aisle::sim::predict(row, expressed(row), catalogue());
  EXPECT_THAT(std::get<aisle::sim::TrainingAnswer>(answer).misfit, HasSubstr("more than the"));
  row.recompute.clear();
  const auto relaxed = aisle::sim::predict(row, expressed(row), catalogue());
  EXPECT_EQ(std::get<aisle::sim::TrainingAnswer>(relaxed).misfit, "");
  EXPECT_THAT(std::get<aisle::sim::TrainingAnswer>(relaxed).assumed,
              HasSubstr("recomputation, since it does not fit"));
}

TEST(TrainingRows, SourcesBringTheirPractice) {
  TrainingRow row = gpt3();
  row.recompute = "selective";
  pb::Training training = expressed(row).scenario.workload().training();
  EXPECT_EQ(training.attention(), pb::unfused);
  EXPECT_FALSE(training.parallel().sequence_parallel());
  ASSERT_EQ(training.recompute_parts_size(), 1);
  EXPECT_EQ(training.recompute_parts(0), pb::core_attention);
  row.note = "sequence parallelism + selective recompute";
  EXPECT_TRUE(expressed(row).scenario.workload().training().parallel().sequence_parallel());
  row.id = "dgxc-053";
  row.note.clear();
  training = expressed(row).scenario.workload().training();
  EXPECT_EQ(training.attention(), pb::flash);
  EXPECT_TRUE(training.parallel().overlap_tensor());
  EXPECT_TRUE(training.parallel().overlap());
  EXPECT_EQ(training.states().gradients(), "bf16");
  row.precision = "MXFP8";
  EXPECT_EQ(expressed(row).scenario.workload().training().scaling(), pb::mx);
  row.recompute = "selective:mlp+mla_up_proj";
  EXPECT_EQ(expressed(row).scenario.workload().training().recompute_parts_size(), 2);
}

TEST(TrainingRows, SayHowTheirSoftwareRuns) {
  TrainingRow row = gpt3();
  row.id = "tt-001";
  row.chip = "H100 SXM 96GB HBM2e 500W";
  row.recompute = "selective (op level)";
  const pb::Scenario scenario = expressed(row).scenario;
  EXPECT_EQ(scenario.cluster().power_cap(), "500 W");
  EXPECT_EQ(scenario.workload().training().attention(), pb::flash_2);
  EXPECT_EQ(scenario.workload().training().recompute(), pb::selective);
  EXPECT_EQ(scenario.workload().training().recompute_parts(0), pb::every_second_product);
  row.id = "pap-004";
  row.schedule = "1F1B";
  EXPECT_FALSE(expressed(row).scenario.workload().training().parallel().overlap());
  row.pipeline = 8;
  row.schedule = "DualPipe";
  EXPECT_TRUE(expressed(row).scenario.workload().training().parallel().overlap());
}

TEST(TrainingRows, RecipesSayWhatGraphsHold) {
  TrainingRow row = gpt3();
  row.id = "mb-999";
  row.model = "Qwen3-30B-A3B";
  row.experts = 128;
  const std::pair<const char*, std::pair<const char*, pb::CudaGraphs>> cases[] = {
      {"B200 SXM 180GB", {"NeMo container 25.11; x", pb::ungraphed}},
      {"B200 SXM 180GB", {"NeMo container 26.04.01; x", pb::attention_graphed}},
      {"GB200 (per GPU, NVL72)", {"NeMo container 25.09; x", pb::all_graphed}},
      {"H100 SXM 80GB", {"NeMo container 26.06; x", pb::ungraphed}},
  };
  for (const auto& [chip, expected] : cases) {
    row.chip = chip;
    row.note = expected.first;
    EXPECT_EQ(aisle::sim::graphs_of(row), expected.second) << chip << ", " << row.note;
  }
  row.experts.reset();
  EXPECT_EQ(aisle::sim::graphs_of(row), pb::all_graphed);
}

TEST(TrainingRows, AdaptersAndShardsAreRead) {
  TrainingRow row = gpt3();
  row.model = "GPT-3-175B LoRA";
  row.chips = 1024;
  row.data = 16;
  row.note = "LoRA rank 8; optimizer states sharded over 8 GPUs (one node)";
  const pb::Training training = expressed(row).scenario.workload().training();
  EXPECT_EQ(training.adapter().rank(), 8);
  EXPECT_EQ(training.parallel().shard(), 8);
}

TEST(TrainingLedgers, BadCellsAreLocated) {
  const std::string header = "id,model,chip,n_chips,global_batch_seqs,metric,value,tp\n";
  const std::pair<std::string, const char*> cases[] = {
      {"a-1,GPT-3,H100,x,8,step_time,2,1\n", "l.csv:2:16: error: n_chips: 'x' is no count"},
      {"a-1,GPT-3,H100,8,8,step_time,2s,1\n", "l.csv:2:30: error: value: '2s' is not a number"},
      {"a-1,GPT-3,H100,8,8,step_time,2,0\n", "l.csv:2:32: error: tp: '0' is no count"},
  };
  for (const auto& [line, message] : cases) {
    const aisle::tests::Folder folder;
    Diagnostics diagnostics;
    EXPECT_FALSE(aisle::sim::validate({{folder.write("l.csv", header + line)}, {}, {}}, catalogue(),
                                      diagnostics));
    ASSERT_FALSE(diagnostics.all().empty()) << message;
    EXPECT_THAT(to_string(diagnostics.all().front()), HasSubstr(message));
  }
}

TEST(RankCorrelation, IsOfOrderAlone) {
  EXPECT_DOUBLE_EQ(aisle::sim::rank_correlation({1, 2, 30}, {4, 5, 6}), 1);
  EXPECT_DOUBLE_EQ(aisle::sim::rank_correlation({1, 2, 3}, {9, 5, 1}), -1);
  EXPECT_DOUBLE_EQ(aisle::sim::rank_correlation({1, 2, 3, 4}, {1, 3, 2, 4}), 0.8);
  EXPECT_DOUBLE_EQ(aisle::sim::rank_correlation({1, 1}, {2, 3}), 0);
}

}  // namespace
