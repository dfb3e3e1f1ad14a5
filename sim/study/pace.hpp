// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/parallel/place.hpp"

#include <optional>
#include <string>
#include <vector>

/// Stragglers and jitter of cluster.straggler and cluster.jitter (docs/model/campaign.md). Used by
/// sim/study alone.
namespace aisle::sim {

/// How much longer computation lasts than on the mean accelerator at its mean pace.
struct Pace {
  std::vector<double> ranks;   ///< [ranks of the plan]; empty: all alike
  std::vector<double> jitter;  ///< equally likely factors of one operation; empty: none
  std::vector<std::string> caveats;
};

/// Mean excess of the largest of `draws` factors of mean one and relative standard deviation
/// `spread`.
double expected_excess(pb::JitterShape shape, double spread, double draws);

/// `slowest`: pace of the slowest accelerator by its speed (1 where each draws its own). Errors go
/// to their fields.
std::optional<Pace> pace_of(const pb::Scenario& scenario, const workloads::TrainingPlan& training,
                            double slowest, const SourceMap& places, Diagnostics& diagnostics);

}  // namespace aisle::sim
