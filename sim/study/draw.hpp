// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.hpp"
#include "power/series.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/engine/engine.hpp"
#include "sim/study/rank_power.hpp"
#include "sim/study/scenario.pb.h"

#include <optional>
#include <vector>

/// From what ran when to what was drawn when. Used by sim/study alone.
namespace aisle::sim {

/// How power over time is shown (pb::Telemetry), after defaults.
struct Telemetry {
  std::optional<power::Meter> meter;  ///< absent: in thousandths of the step
  Seconds phase_spread;
  int steps = 1;
  Seconds span, start;           ///< in place of steps, from the start of the run; 0: not asked for
  std::optional<Seconds> crash;  ///< since the start
};

std::optional<Telemetry> read_telemetry(const pb::Cluster& cluster, const SourceMap& places,
                                        Diagnostics& diagnostics);

/// What smooths the draw of a job (pb::Smoothing), for each accelerator.
struct Smoothing {
  Watts floor;
  double fall = 0;  ///< W/s; 0: any
  Joules storage;
};

std::optional<Smoothing> read_smoothing(const pb::Cluster& cluster, const power::PowerCurve& curve,
                                        const SourceMap& places, Diagnostics& diagnostics);

/// Power of one accelerator over a step: constant from each time to the next, to the makespan.
struct RankDraw {
  std::vector<double> start_s, watts;
  power::Activity activity;  ///< of the whole step
};

/// Draws of every rank of the plan: idle, what runs spread evenly over the time that it took,
/// active while kernels compute, else waiting while communication runs; at most the limit at any
/// time. `powers`: by row of the ranks.
std::vector<RankDraw> draws_of(const TimedPlan& timed, const Execution& execution,
                               const std::vector<RankPower>& powers);

/// Mean over the step.
Watts mean_of(const RankDraw& draw);

/// Of the mean accelerator.
Watts mean_of(const workloads::Plan& plan, const std::vector<RankDraw>& draws);
power::Activity mean_activity(const workloads::Plan& plan, const std::vector<RankDraw>& draws);

/// Adds the draw of `count` accelerators, in phase, to a series that is as long as the step.
void add_to(power::Series& series, const RankDraw& draw, double count);

/// Times of computation under a power cap of each accelerator, by row: the clock of every work
/// falls as far as its mean power asks for, and what the tensor cores hold up takes longer. No work
/// changes under the curve's own limit, which calibrated times contain.
void apply_power_caps(TimedPlan& timed, const std::vector<RankPower>& powers);

}  // namespace aisle::sim
