// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "topology/cluster.hpp"
#include "workloads/collectives/schedule.hpp"

#include <cstddef>
#include <string>
#include <vector>

/// Exchanges among many ranks that differ by chance. Used by sim/study alone.
namespace aisle::sim {

/// Times drawn for ranks.
class Spread {
 public:
  void add(Seconds value);

  /// How far the largest draw lies above what is expected of the largest of so many (normal).
  Seconds luck() const;

  /// Half of the range that holds 90 % of largest draws: sigma pi / sqrt(12 ln n) (Gumbel).
  Seconds half_range() const;

 private:
  double mean() const { return sum_ / count_; }

  double deviation() const;

  Seconds largest_;
  double count_ = 0, sum_ = 0, squares_ = 0;
};

/// Ranks that stand for all of an exchange: whole domains, a quarter of them those with the last
/// and the most loaded ranks, which decide the end, the others evenly spaced. Within 0.01 % of the
/// whole where no link is short (docs/model/collectives-cost.md).
class RankSample {
 public:
  /// Leaves in `job` only what is sampled, about `wanted` of its ranks.
  RankSample(workloads::CollectiveJob& job, int wanted);

  /// What the sampled ranks leave of the links that they share with the others.
  void thin_out(workloads::Traffic& traffic, const topology::Cluster& cluster) const;

  struct Range {
    Seconds low, high;
  };

  /// Where the end lies in 90 % of draws: this draw's end, less the luck that it had. The end
  /// follows the last arrival and, after it, the most loaded rank.
  Range range(Seconds end) const;

  std::string caveat() const;

 private:
  std::vector<std::size_t> choose_domains(const workloads::CollectiveJob& job,
                                          std::size_t per_domain, std::size_t taken);

  std::size_t all_, sampled_ = 0;
  bool has_arrivals_;
  Spread arrivals_, loads_;
};

}  // namespace aisle::sim
