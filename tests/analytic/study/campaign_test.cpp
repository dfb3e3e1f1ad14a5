// SPDX-License-Identifier: Apache-2.0
// The run around the steps, and pace that varies, against their closed forms.
#include "sim/study/campaign.hpp"

#include "sim/base/statistics.hpp"
#include "sim/study/pace.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace aisle::sim {
namespace {

using namespace units;

/// A thousand steps of ten seconds, checkpoints of a minute every half hour, a failure a day.
CampaignInput day_of_failures() {
  CampaignInput input;
  input.steps = 100'000;
  input.step = 10 * s;
  input.checkpoint = 1 * TB;
  input.write = input.stall = 60 * s;
  input.interval = 1800 * s;
  input.between_failures = 86'400 * s;
  input.restart = 600 * s;
  return input;
}

TEST(Campaign, PlainStepsTakeTheirTime) {
  CampaignInput input;
  input.steps = 100;
  input.step = 10 * s;
  const Campaign run = run_campaign(input);
  EXPECT_DOUBLE_EQ(run.whole().si(), 1000);
  EXPECT_DOUBLE_EQ(run.goodput(), 1);
  EXPECT_EQ(run.failures, 0);
}

TEST(Campaign, DataIsWaitedForAsFarAsItIsSlowerThanTheStep) {
  CampaignInput input;
  input.steps = 100;
  input.step = 10 * s;
  input.loading = 8 * s;
  EXPECT_DOUBLE_EQ(run_campaign(input).data.si(), 0);
  input.loading = 12 * s;
  EXPECT_DOUBLE_EQ(run_campaign(input).data.si(), 200);
  input.ahead = false;
  EXPECT_DOUBLE_EQ(run_campaign(input).data.si(), 1200);
}

TEST(Campaign, EvaluationsAndCheckpointsAdd) {
  CampaignInput input = day_of_failures();
  input.between_failures = {};
  input.evaluations = 20;
  input.evaluation = 100 * s;
  const Campaign run = run_campaign(input);
  EXPECT_DOUBLE_EQ(run.evaluation.si(), 2000);
  EXPECT_DOUBLE_EQ(run.checkpoints, (1e6 + 2000) / 1800);
  EXPECT_DOUBLE_EQ(run.checkpoint.si(), (1e6 + 2000) / 1800 * 60);
  EXPECT_DOUBLE_EQ(run.whole().si(), 1e6 + 2000 + run.checkpoint.si());
}

TEST(Campaign, FailuresCostWhatDalyDerived) {
  const CampaignInput input = day_of_failures();
  const Campaign run = run_campaign(input);
  const double mean = 86'400;
  EXPECT_NEAR(run.whole().si(), mean * std::exp(600 / mean) * std::expm1(1860 / mean) * 1e6 / 1800,
              1e-3);
  // As many failures as the time holds, each losing half of a stretch and a restart.
  EXPECT_NEAR(run.failures, run.whole().si() / mean, 1e-6);
  EXPECT_NEAR(run.lost / run.failures / s, 1860.0 / 2, 0.02 * 930);
  EXPECT_NEAR(run.restart / run.failures / s, 600, 0.01 * 600);
}

TEST(Campaign, BestIntervalIsTheShortestRunAndTendsToYoungs) {
  CampaignInput input = day_of_failures();
  input.interval = {};
  const Campaign best = run_campaign(input);
  const double t = best.interval.si(), mean = 86'400;
  EXPECT_NEAR((1 - t / mean) * std::exp((t + 60) / mean), 1, 1e-9);
  EXPECT_NEAR(t, std::sqrt(2 * 60 * mean), 0.03 * t);
  for (const double factor : {0.8, 0.95, 1.05, 1.25}) {
    input.interval = factor * best.interval;
    EXPECT_GT(run_campaign(input).whole(), best.whole()) << factor;
  }
  EXPECT_NEAR(best_checkpoint_interval(1e-3 * s, 1e6 * s).si(), std::sqrt(2e-3 * 1e6), 0.05);
}

TEST(Campaign, AsynchronousWritesStallLessAndLoseMore) {
  CampaignInput input = day_of_failures();
  const Campaign synchronous = run_campaign(input);
  input.stall = 2 * s;
  const Campaign asynchronous = run_campaign(input);
  EXPECT_NEAR(asynchronous.checkpoint / synchronous.checkpoint, 2.0 / 60, 1e-12);
  EXPECT_GT(asynchronous.lost / asynchronous.failures, synchronous.lost / synchronous.failures);
  EXPECT_LT(asynchronous.whole(), synchronous.whole());
  input.interval = 10 * s;  // before the one before is written
  EXPECT_DOUBLE_EQ(run_campaign(input).interval.si(), 58);
}

TEST(Jitter, ExpectedExcessOfTheUnluckiest) {
  EXPECT_EQ(expected_excess(pb::gaussian, 0.1, 1), 0);
  EXPECT_DOUBLE_EQ(expected_excess(pb::gaussian, 0.1, 8), 0.1 * expected_maximum(8));
  EXPECT_DOUBLE_EQ(expected_excess(pb::exponential, 0.1, 4), 0.1 * (1.0 / 2 + 1.0 / 3 + 1.0 / 4));
  // Narrow log-normal draws are normal.
  EXPECT_NEAR(expected_excess(pb::lognormal, 0.001, 64), 0.001 * expected_maximum(64), 1e-5);
}

}  // namespace
}  // namespace aisle::sim
