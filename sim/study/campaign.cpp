// SPDX-License-Identifier: Apache-2.0
#include "sim/study/campaign.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::sim {

namespace {

/// Adds what failures cost to `segments` equal stretches of `s` each.
void add_failures(const CampaignInput& input, double segments, Seconds s, Campaign& run) {
  const Seconds mean = input.between_failures;
  const double failed = std::expm1(s / mean);  // attempts of one stretch that fail
  const double failed_restarts = std::exp(input.restart / mean);
  run.failures = segments * failed * failed_restarts;
  run.lost = segments * (failed * mean - s);
  run.restart = segments * failed * (std::expm1(input.restart / mean) * mean);
  // Work since the snapshot before the newest, where the newest was not yet whole.
  const Seconds late = std::max(Seconds{}, input.write - input.stall);
  run.lost += segments * failed * late;
}

}  // namespace

Seconds best_checkpoint_interval(Seconds stall, Seconds between_failures) {
  // In units of the mean time between failures: f falls from exp(stall) - 1 > 0 to -1 at t = 1.
  const double c = stall / between_failures;
  double low = 0, high = 1;
  for (int i = 0; i < 200; ++i) {
    const double t = (low + high) / 2;
    // log of (1 - t) exp(t + c), which is above 0 left of the root.
    (std::log1p(-t) + t + c > 0 ? low : high) = t;
  }
  return between_failures * ((low + high) / 2);
}

Campaign run_campaign(const CampaignInput& input) {
  Campaign run;
  run.training = input.steps * input.step;
  run.data =
      input.steps * (input.ahead ? std::max(Seconds{}, input.loading - input.step) : input.loading);
  run.evaluation = input.evaluations * input.evaluation;
  const Seconds work = run.training + run.data + run.evaluation;
  const bool fails = input.between_failures.si() > 0;
  Seconds segment = work;
  double segments = 1;
  if (input.checkpoint.si() > 0) {
    if (fails) run.best_interval = best_checkpoint_interval(input.stall, input.between_failures);
    run.interval = input.interval.si() > 0 ? input.interval : run.best_interval;
    // The next one is not begun before this one is written.
    run.interval = std::max(run.interval, input.write - input.stall);
    run.interval = std::min(run.interval, work);
    segments = work / run.interval;
    run.checkpoints = segments;
    run.checkpoint = segments * input.stall;
    segment = run.interval + input.stall;
  }
  if (fails) add_failures(input, segments, segment, run);
  run.stalled = input.stalled * (work + run.checkpoint + run.lost);
  return run;
}

}  // namespace aisle::sim
