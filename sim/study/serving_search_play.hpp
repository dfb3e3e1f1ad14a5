// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"
#include "sim/study/serving_run.hpp"
#include "sim/study/serving_search.hpp"
#include "sim/study/serving_search_load.hpp"

#include <string>
#include <vector>

/// Used by the search of serving layouts alone.
namespace aisle::sim {

/// Layouts that divide and fit.
struct Candidate {
  ServingParts parts;  ///< replicas: as many as there can be; of pools, the ratio to begin with
  PreparedServing prepared;
  FleetTimes times;
  double estimate = 0;   ///< requests/s of all replicas under the promise, closed form
  double rank = 0;       ///< larger is played first
  double lasting_s = 0;  ///< of one request, closed form
};

/// NaN where the result has no such metric.
double value_of(const pb::Result& result, const std::string& name);

/// One candidate, played at one load after the other.
class Player {
 public:
  /// They must outlive it. `share` of the requests must get what is promised.
  Player(const Candidate& candidate, const ScaledLoad& load, double share)
      : candidate_(candidate), load_(load), share_(share) {}

  /// Result of these replicas of each part at `factor` times the study's load.
  pb::Result at(double factor, const ServingParts& parts);

  bool kept(const pb::Result& result) const { return value_of(result, "goodput") >= share_; }

  /// The most that the promise allows to these replicas, as a factor of the study's load, and its
  /// result; sought from `expected` on. 0: not even a hundredth of that.
  double most(const ServingParts& parts, double expected, pb::Result& at_most);

  std::int64_t runs = 0;
  std::vector<ServingPoint> points;

 private:
  void add_point(const pb::Result& result, double factor, const ServingParts& parts);

  const Candidate& candidate_;
  const ScaledLoad& load_;
  double share_;
};

}  // namespace aisle::sim
