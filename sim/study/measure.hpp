// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.hpp"
#include "sim/engine/engine.hpp"
#include "sim/study/draw.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/whole_run.hpp"
#include "topology/cluster.hpp"
#include "workloads/parallel/place.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// From an execution to the figures of a result. Used by sim/study alone.
namespace aisle::sim {

/// Everything that the figures of one run follow from.
struct Measured {
  const workloads::TrainingPlan& training;  ///< as placed: layout, FLOPs, tokens, memory
  const TimedPlan& timed;                   ///< as executed (folded or not)
  const Execution& execution;
  const topology::Cluster& cluster;
  const std::vector<RankPower>& powers;  ///< by row of the ranks; 0: of the cluster
  const power::SiteModel& site;
  Flops full_attention_flops;  ///< model FLOPs of the step with the whole square of attention
  double run_tokens = 0;       ///< of the whole run; 0: not given
  Basis run_tokens_basis = Basis::assumed;
  int chunk_layers = 0;     ///< of a chunk in place of a step
  bool individual = false;  ///< every rank for itself
  double run_stretch = 1;   ///< time of the whole run over that of its steps
  const Telemetry* telemetry = nullptr;
  Joules storage;                   ///< beside each accelerator, between it and the feed
  const WholeRun* whole = nullptr;  ///< what is around the steps, where that is asked for
  const Around* around = nullptr;

  const power::PowerCurve& curve() const { return powers.front().warm; }
};

pb::Basis to_pb(Basis basis);
void add_metric(pb::Result& result, const std::string& name, double value, Basis basis);
/// The value of a metric; nothing where the result has no such metric.
std::optional<double> metric_of(const pb::Result& result, std::string_view name);

/// Fills metrics, breakdown and families.
void measure(const Measured& run, topology::Precision precision, pb::Result& result);

/// What a job costs, trained or served: energy, money, carbon and water, in all and for each of the
/// tokens that it handled (0: none). Rental that nobody stated is left out.
void add_costs(const power::Bill& bill, double tokens, Basis power, Basis money,
               pb::Result& result);

/// Fills power over time and what it swings by.
void add_power_over_time(const Measured& run, const std::vector<RankDraw>& draws, Basis basis,
                         pb::Result& result);

/// Fills the step's time by resource, mean over accelerators: every instant of an accelerator
/// counts once, as computation if it computes (divided by what binds each kernel), else as the
/// communication that runs, else as waiting; sums to the makespan.
void add_resources(const TimedPlan& timed, const Execution& execution, pb::Result& result);

/// Fills the phases (operations of one name, with waiting and hiding) and the uses of collectives
/// (communications alike in all that is told of them), mean over accelerators.
void add_phases(const TimedPlan& timed, const Execution& execution, pb::Result& result);
/// From the phases: the mean time of one operation of each.
void add_phase_metrics(Basis basis, pb::Result& result);
/// From the phases: how long ranks wait for one another, and how much communication is hidden.
void add_waiting_metrics(Basis basis, pb::Result& result);

/// Fills the timeline: spans by rank and stream, in nanoseconds, and the critical path.
void record_timeline(const TimedPlan& timed, const Execution& execution, pb::Result& result);

}  // namespace aisle::sim
