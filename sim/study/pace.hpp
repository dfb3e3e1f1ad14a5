// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/parallel/individual.hpp"
#include "workloads/parallel/place.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Stragglers, rows and jitter of cluster.straggler, row and jitter (docs/model/campaign.md,
/// power.md). Used by sim/study alone.
namespace aisle::sim {

/// How much longer computation lasts than on the mean accelerator at its mean pace.
struct Pace {
  /// Where one representative stands for replicas that differ, those that it is to be split into.
  std::vector<workloads::ReplicaKind> kinds;
  bool experts_meet = false;       ///< exchanges of experts are among replicas of several kinds
  std::vector<double> ranks;       ///< [ranks of the plan, split]; empty: all alike
  std::vector<std::int32_t> rows;  ///< [ranks of the plan, split] number in cluster.row from 1
  std::vector<double> jitter;      ///< equally likely factors of one operation; empty: none
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
