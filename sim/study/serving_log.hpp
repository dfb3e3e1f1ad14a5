// SPDX-License-Identifier: Apache-2.0
// Internal to sim/study: what the steps of a serving run leave behind, beside sums.
#pragma once

#include "sim/study/serving_run.hpp"

#include <cstddef>
#include <vector>

namespace aisle::pb {
class Result;
}

namespace aisle::sim {

/// Steps over time: power, cache in use, batch and replicas as means over equal stretches, and the
/// first steps one by one as a timeline. How long a run takes is known at its end alone: stretches
/// are joined by pairs whenever it outgrows them.
class ServingLog {
 public:
  explicit ServingLog(const PreparedServing& prepared);

  void add(const workloads::FleetStep& step, const PoolTimes& times);

  /// Fills series and timeline of the result.
  void write(const PlayedServing& played, pb::Result& result) const;

 private:
  /// Steps of one pool in a stretch, summed; all but `work` times their length.
  struct Stretch {
    power::Activity work;
    double busy_s = 0, sequences_s = 0, blocks_s = 0, there_s = 0;

    void add(const Stretch& other, double share = 1);

    double mean(double sum) const { return busy_s > 0 ? sum / busy_s : 0; }
  };

  struct Span {
    int pool, replica, slot, name;
    double start_s, end_s;
  };

  void write_power(double end, pb::Result& result) const;
  void write_timeline(pb::Result& result) const;

  const PreparedServing& prepared_;
  double width_;
  std::vector<std::vector<Stretch>> stretches_;  ///< by pool
  std::vector<Span> first_;
};

}  // namespace aisle::sim
