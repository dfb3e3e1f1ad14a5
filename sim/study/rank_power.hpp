// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/engine/engine.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/cluster.hpp"

#include <optional>
#include <vector>

/// Caps and coolant of a cluster, and of its rows (cluster.power_cap, thermal, row). Used by
/// sim/study alone.
namespace aisle::sim {

/// What holds the accelerators of one row (workloads::Rank::row; 0: those of none).
struct RankPower {
  power::PowerCurve curve;  ///< as measured
  power::PowerCurve warm;   ///< at the chip's temperature, limited by the cap; set by hold_power
  Watts asked;              ///< the curve's own limit where no cap is asked for
  Watts cap;                ///< that, or less where the chip would get too warm
  std::optional<power::Coolant> coolant;  ///< none: as warm as the curve was measured
  Watts mean;                             ///< over the step, where there is a coolant

  RankPower() = default;

  RankPower(const power::PowerCurve& measured, Watts limit)
      : curve(measured), warm(measured), asked(limit), cap(limit) {
    warm.limit = limit;
  }
};

/// The cluster's own and those of its rows, in their order.
std::optional<std::vector<RankPower>> read_rank_powers(const pb::Cluster& asked,
                                                       const power::PowerCurve& curve,
                                                       const topology::Cluster& cluster,
                                                       const SourceMap& places,
                                                       Diagnostics& diagnostics);

/// The cluster's own, for workloads whose ranks are not told apart: rows are errors.
std::optional<RankPower> read_own_power(const pb::Cluster& asked, const power::PowerCurve& curve,
                                        const topology::Cluster& cluster, const SourceMap& places,
                                        Diagnostics& diagnostics);

/// The lowest cap, for which all of a job wait at last.
const RankPower& tightest(const std::vector<RankPower>& powers);

/// Mean power of an activity on a chip that is as warm as that makes it.
Watts warm_mean(const RankPower& power, const power::Activity& activity);

/// Applies the caps to the plan's works. Where a coolant is given, first finds how warm the chips
/// get over a step on the analytic engine: what leaks goes into the curve, and where a chip would
/// be warmer than it may, the cap falls until its mean power keeps it.
void hold_power(TimedPlan& timed, std::vector<RankPower>& powers);

}  // namespace aisle::sim
