// SPDX-License-Identifier: Apache-2.0
// Laws that hold for any study: folding changes nothing, width of data parallelism costs nothing,
// more bandwidth never hurts.
#include "tests/command.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <map>
#include <random>
#include <string>

namespace {

using aisle::tests::Folder;
using aisle::tests::run_command;

std::map<std::string, double> metrics_of(const std::string& arguments) {
  const auto outcome = run_command(std::string(AISLE_PROGRAM " run ") + arguments + " --json -q");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  const auto document = parser.parse(simdjson::padded_string(outcome.out)).value();
  EXPECT_TRUE(document["feasible"].get_bool().value()) << outcome.out;
  std::map<std::string, double> metrics;
  const simdjson::dom::object fields = document["metrics"];
  for (const auto field : fields) {
    metrics[std::string(field.key)] = field.value.get_double().value();
  }
  for (const auto field : simdjson::dom::object(document["resources"])) {
    metrics["resource " + std::string(field.key)] = field.value.get_double().value();
  }
  metrics["operations"] = static_cast<double>(document["operations"].get_int64().value());
  return metrics;
}

/// 64 accelerators with tensor, pipeline, data and expert parallelism; small enough to simulate
/// each one.
std::string small_job(const Folder& folder, const std::string& schedule, const std::string& zero) {
  return folder.write("study.textproto",
                      "cluster { accelerator: \"h100-sxm\" count: 64 }\n"
                      "workload { training { model: \"mixtral-8x7b\" sequence: 2048 global_batch: "
                      "64 recompute: full\n"
                      "  parallel { tensor: 2 pipeline: 4 data: 8 expert: 4 zero: " +
                          zero + " schedule: " + schedule + " } } }\n");
}

class Folding : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Folding, ChangesNothingOn64Accelerators) {
  const Folder folder;
  const std::string study = small_job(folder, GetParam().first, GetParam().second);
  for (const std::string engine : {"event", "analytic"}) {
    const auto folded = metrics_of(study + " --engine " + engine);
    const auto unfolded = metrics_of(study + " --no-fold --engine " + engine);
    EXPECT_GT(unfolded.at("operations"), 4 * folded.at("operations"));
    for (const auto& [name, value] : folded) {
      if (name == "operations") continue;
      EXPECT_NEAR(unfolded.at(name), value, 1e-9 * std::abs(value) + 1e-9)
          << name << " (" << engine << ")";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Schedules, Folding,
                         testing::Values(std::pair{"one_f_one_b", "1"}, std::pair{"dual_pipe", "1"},
                                         std::pair{"gpipe", "2"}, std::pair{"one_f_one_b", "3"}));

TEST(Width, OfDataParallelismCostsNoOperations) {
  const auto narrow = metrics_of("deepseek-v3-h800 --engine analytic");
  const auto wide = metrics_of(
      "deepseek-v3-h800 --engine analytic --set cluster.count=16384 --set "
      "workload.training.parallel.data=1024 "
      "--set workload.training.global_batch=122880");
  EXPECT_EQ(narrow.at("operations"), wide.at("operations"));
}

TEST(Bandwidth, MoreNeverHurts) {
  const std::string base = "deepseek-v3-h800 --engine analytic --set ";
  double slower = INFINITY;
  for (const char* nic : {"100 Gb/s", "200 Gb/s", "400 Gb/s", "800 Gb/s", "1600 Gb/s"}) {
    const double step = metrics_of(base + "cluster.scale_out.nic='" + nic + "'").at("step_time_s");
    EXPECT_LE(step, slower * (1 + 1e-3)) << nic;
    slower = step;
  }
  slower = INFINITY;
  for (const char* hbm : {"2 TB/s", "3.35 TB/s", "4.8 TB/s", "8 TB/s"}) {
    const double step =
        metrics_of(base + "cluster.what_if.hbm_bandwidth='" + hbm + "'").at("step_time_s");
    EXPECT_LE(step, slower * (1 + 1e-3)) << hbm;
    slower = step;
  }
}

// Every instant of every accelerator belongs to one resource, whatever the layout.
TEST(Resources, SumToTheStep) {
  std::mt19937 random(20260730);
  const auto pick = [&](std::initializer_list<int> from) {
    return *(from.begin() + std::uniform_int_distribution<std::ptrdiff_t>(
                                0, static_cast<std::ptrdiff_t>(from.size()) - 1)(random));
  };
  const char* const schedules[] = {"one_f_one_b", "interleaved", "dual_pipe", "gpipe"};
  for (int trial = 0; trial < 24; ++trial) {
    const int tensor = pick({1, 2, 4}), pipeline = pick({1, 2, 4}), schedule = pick({0, 1, 2, 3});
    const bool cut = pipeline > 1;
    const bool chunked = cut && schedule == 1;
    const std::string layout = fmt::format(
        "tensor: {} pipeline: {} data: {} expert: {} zero: {} schedule: {} virtual_stages: {}",
        tensor, pipeline, 32 / tensor / pipeline, pick({1, 2}), pick({0, 1}),
        cut ? schedules[schedule] : "one_f_one_b", chunked ? 2 : 1);
    const Folder folder;
    const std::string study = folder.write(
        "study.textproto",
        fmt::format("cluster {{ accelerator: \"h200-sxm\" count: 32 }}\nworkload {{ training {{ "
                    "model: \"mixtral-8x7b\" sequence: 2048 global_batch: 64 recompute: full "
                    "what_if {{ layers: 8 experts {{ hidden: 4096 }} }} ranks: {} parallel {{ {} "
                    "}} }} }}\n",
                    trial % 3 == 0 ? "individual" : "alike", layout));
    const auto metrics = metrics_of(study + " --engine analytic" +
                                    (trial % 3 == 0 ? "" : " --set seed=" + std::to_string(trial)));
    double sum = 0;
    for (const auto& [name, value] : metrics) {
      if (name.starts_with("resource ")) sum += value;
    }
    EXPECT_NEAR(sum / metrics.at("step_time_s"), 1, 1e-9) << layout;
    EXPECT_GT(metrics.at("resource tensor cores"), 0) << layout;
    EXPECT_EQ(metrics.count("resource exposed PP") > 0, cut) << layout;
    EXPECT_EQ(metrics.count("resource other"), 0) << layout;
  }
}

TEST(Energy, IsPowerTimesTime) {
  const auto metrics = metrics_of("llama3-405b-h100 --engine analytic");
  EXPECT_NEAR(metrics.at("energy_mwh") * 3.6e9,
              metrics.at("facility_power_w") * metrics.at("step_time_s"),
              1e-6 * metrics.at("energy_mwh") * 3.6e9);
}

TEST(Engines, AgreeOnTheShippedStudies) {
  for (const std::string study : {"deepseek-v3-h800", "llama3-405b-h100"}) {
    const double event = metrics_of(study + " --engine event").at("step_time_s");
    const double analytic = metrics_of(study + " --engine analytic").at("step_time_s");
    EXPECT_NEAR(analytic / event, 1.0, 0.02) << study;
  }
}

TEST(DieToDie, ANarrowLinkHoldsWhatCrosses) {
  const Folder folder;
  const auto step = [&](const std::string& package) {
    const std::string study = folder.write(
        "study.textproto",
        "cluster { accelerator: \"b200-sxm\" count: 8 what_if { package { " + package +
            " } } }\nworkload { training { model: \"llama-3.1-8b\" sequence: 4096 global_batch: 32 "
            "parallel { zero: 1 } } }\n");
    return metrics_of(study + " --engine analytic").at("step_time_s");
  };
  const double whole = step("");
  EXPECT_DOUBLE_EQ(step("die_crossing { value: \"0\" }"), whole);
  EXPECT_DOUBLE_EQ(step("die_to_die_bandwidth { value: \"100 TB/s\" }"), whole);
  const double tenth = step("die_to_die_bandwidth { value: \"1 TB/s\" }");
  EXPECT_GT(tenth, 1.02 * whole);
  EXPECT_GT(step("die_to_die_bandwidth { value: \"0.1 TB/s\" }"), 2 * tenth);
}

}  // namespace
