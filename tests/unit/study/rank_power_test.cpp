// SPDX-License-Identifier: Apache-2.0
// Rows with caps and coolant of their own, and how warm chips get.
#include "sim/study/rank_power.hpp"

#include "sim/study/measure.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "tests/folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace aisle::sim {
namespace {

using namespace units;  // NOLINT: literals of a test
using testing::HasSubstr;

class Rows : public testing::Test {
 protected:
  /// Sixteen replicas of two stages of two ranks.
  std::optional<pb::Result> answer(const std::string& cluster, bool folded = true,
                                   const std::string& training = "") {
    static const auto catalogue = [] {
      Diagnostics said;
      return topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", said);
    }();
    folder_.file("study.textproto",
                 "engine: analytic cluster { accelerator: \"h100-sxm\" count: 64 " + cluster +
                     " } workload { training { model: \"llama-3.1-8b\" sequence: 8192 "
                     "global_batch: 64 recompute: selective parallel { tensor: 2 pipeline: 2 "
                     "data: 16 zero: 1 } " +
                     training + " } }");
    Diagnostics diagnostics;
    RunOptions options;
    options.fold = folded;
    const auto study = load(folder_.path() + "/study.textproto", {}, diagnostics);
    std::optional<pb::Result> result;
    if (study) result = run(*study, *catalogue, options, diagnostics);
    errors_.clear();
    for (const Diagnostic& d : diagnostics.all()) errors_ += to_string(d) + "\n";
    return result;
  }

  double metric(const std::string& name, const std::string& cluster, bool folded = true) {
    const auto result = answer(cluster, folded);
    EXPECT_TRUE(result) << errors_;
    return result ? metric_of(*result, name).value_or(0) : 0;
  }

  TestFolder folder_{"rows"};
  std::string errors_;
};

constexpr const char* kRow = "row { first: 8 count: 8 power_cap: \"300 W\" }";

TEST_F(Rows, ACappedRowIsWaitedFor) {
  const double plain = metric("step_time_s", ""), row = metric("step_time_s", kRow);
  const double all = metric("step_time_s", "power_cap: \"300 W\"");
  EXPECT_GT(row, 1.05 * plain);
  EXPECT_LE(row, all * (1 + 1e-9));
  // Four of sixteen replicas hold the others up, who draw less, though more than the row may.
  EXPECT_LT(metric("accelerator_power_w", kRow), metric("accelerator_power_w", ""));
  EXPECT_GT(metric("accelerator_power_w", kRow),
            metric("accelerator_power_w", "power_cap: \"300 W\""));
}

// Representatives of each kind of replica do what every accelerator on its own does.
TEST_F(Rows, FoldExactly) {
  for (const char* cluster :
       {kRow, "straggler { accelerator: 5 rate: 0.7 }",
        "row { first: 40 count: 4 power_cap: \"250 W\" } straggler { accelerator: 2 rate: 0.9 }"}) {
    for (const char* name : {"step_time_s", "accelerator_power_w", "it_power_peak_w"}) {
      // Whoever shares a tensor group with a slow one only waits; here both count as slow.
      EXPECT_NEAR(metric(name, cluster) / metric(name, cluster, false), 1, 5e-3)
          << name << " of " << cluster;
    }
    EXPECT_NEAR(metric("step_time_s", cluster) / metric("step_time_s", cluster, false), 1, 1e-9);
  }
}

TEST_F(Rows, StandForAllAccelerators) {
  const auto result = answer(kRow);
  ASSERT_TRUE(result) << errors_;
  std::int64_t accelerators = 0;
  bool named = false;
  for (const auto& rank : result->timeline().rank()) {
    accelerators += rank.multiplicity();
    named = named || rank.name() == "pipeline 0 row 1";
  }
  EXPECT_EQ(accelerators, 64);
  EXPECT_TRUE(named);
}

TEST_F(Rows, WarmChipsLeakAndHotOnesSlowDown) {
  // Energy of a step: cool chips are faster where the board's limit holds them.
  const auto energy = [&](const std::string& cluster) {
    return metric("accelerator_power_w", cluster) * metric("step_time_s", cluster);
  };
  const double cool = energy("thermal { coolant: liquid inlet_celsius: 20 }");
  const double warm = energy("thermal { coolant: air inlet_celsius: 45 }");
  EXPECT_GT(warm, cool * 1.03);
  EXPECT_LT(warm, cool * 1.15);
  const double plain = metric("step_time_s", "");
  EXPECT_LT(metric("step_time_s", "thermal { coolant: liquid }"), plain);
  EXPECT_GT(metric("step_time_s", "thermal { coolant: air inlet_celsius: 45 }"), plain);
  const auto hot = answer("thermal { inlet_celsius: 70 kelvin_per_watt: 0.06 }");
  ASSERT_TRUE(hot) << errors_;
  EXPECT_GT(*metric_of(*hot, "step_time_s"), plain * 1.02);
  EXPECT_NEAR(*metric_of(*hot, "chip_celsius"), 87, 0.2);
  EXPECT_NEAR(*metric_of(*hot, "accelerator_power_w"), 17 / 0.06, 3);
  EXPECT_THAT(hot->caveat(hot->caveat_size() - 1).empty() ? "" : hot->DebugString(),
              HasSubstr("would get warmer than 87 C"));
}

TEST_F(Rows, AreCheckedInTheirPlace) {
  answer("row { first: 60 count: 8 power_cap: \"300 W\" }");
  EXPECT_THAT(errors_, HasSubstr("accelerators 60 to 67 are not all there"));
  answer("row { count: 8 }");
  EXPECT_THAT(errors_, HasSubstr("a row has a cap or a coolant of its own"));
  answer("row { count: 8 inlet_celsius: 45 }");
  EXPECT_THAT(errors_, HasSubstr("nothing says what cools"));
  answer("row { count: 8 power_cap: \"80 W\" }");
  EXPECT_THAT(errors_, HasSubstr("leaves nothing to work with"));
  answer("thermal { inlet_celsius: 90 }");
  EXPECT_THAT(errors_, HasSubstr("does not keep a chip below 87 C"));
}

// The start, evaluations, a checkpoint and a crash stand in the draw over a stretch of the run.
TEST_F(Rows, ARunHasEdges) {
  const auto result = answer("telemetry { span: \"200 s\" start: \"20 s\" crash: \"120 s\" }", true,
                             "tokens: 1e9 campaign { evaluation { every_steps: 10 sequences: 64 } "
                             "checkpoint { interval: \"40 s\" bandwidth: \"20 GB/s\" } failures { "
                             "mean_time_per_accelerator: \"50000 h\" restart: \"15 s\" } }");
  ASSERT_TRUE(result) << errors_;
  const pb::Series& power = result->series(0);
  ASSERT_EQ(power.name(), "it_power_w");
  const auto at = [&](double time) {
    int i = 0;
    while (i + 1 < power.time_s_size() && power.time_s(i + 1) <= time) ++i;
    return power.value(i);
  };
  const double working = *metric_of(*result, "it_power_w");
  EXPECT_LT(at(10), 0.6 * working);
  EXPECT_LT(at(125), 0.6 * working);  // after the crash
  EXPECT_NEAR(at(10), at(125), 1e-6 * working);
  EXPECT_GT(*metric_of(*result, "it_power_peak_w"), working);
  const double evaluating = *metric_of(*result, "evaluation_power_w");
  EXPECT_GT(evaluating, at(10));
}

TEST(Warmth, IsNothingAtTheTemperatureOfTheMeasurement) {
  power::PowerCurve curve;
  curve.idle = 118 * W;
  curve.deep_idle = 75 * W;
  curve.leakage = 44 * W;
  EXPECT_EQ(power::warmed(curve, 60).idle, curve.idle);
  EXPECT_NEAR(power::warmed(curve, 90).idle.si(), 118 + 44, 1e-9);
  EXPECT_NEAR(power::warmed(curve, 30).deep_idle.si(), 75 - 22, 1e-9);
}

}  // namespace
}  // namespace aisle::sim
