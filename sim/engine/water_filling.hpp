// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traffic.hpp"

#include <cstdint>
#include <vector>

namespace aisle::sim {

/// Max-min fair rates of the running flows of a traffic by progressive filling: all rates rise
/// together; a flow stops at its own limit, or when a link that it draws on is full. Exact up to
/// rounding.
///
/// What a start or an end cannot reach keeps its rate: max-min rates are those where each flow is
/// at its limit or is among the fastest of a full link that holds it. So only flows that are joined
/// to a started or ended one by links that hold somebody, before or after, are solved anew.
class WaterFilling {
 public:
  explicit WaterFilling(const workloads::Traffic& traffic);

  void start(std::int32_t flow);
  void end(std::int32_t flow);

  /// Finds the rates of all running flows.
  void solve();

  const std::vector<std::int32_t>& running() const { return running_; }

  /// Flows that the last solution found rates for, and links that they draw on; all others are as
  /// they were.
  const std::vector<std::int32_t>& solved() const { return region_; }

  const std::vector<std::int32_t>& touched() const { return touched_; }

  double rate(std::int32_t flow) const { return rate_[static_cast<std::size_t>(flow)]; }

  /// The link that stopped the flow, or -1: its own limit.
  std::int32_t held_by(std::int32_t flow) const { return held_by_[static_cast<std::size_t>(flow)]; }

  /// Rate that is left on a link.
  double left(std::int32_t link) const { return left_[static_cast<std::size_t>(link)]; }

 private:
  void add(std::int32_t flow);
  void add_all_of(std::int32_t link);
  bool close();
  void release();
  void prepare();
  void fill();
  void freeze(std::int32_t flow, double rate, std::int32_t link);

  const workloads::Traffic& traffic_;
  std::vector<std::int32_t> first_use_;  // [links + 1] rows of uses_
  std::vector<std::int32_t> uses_;       // flows that draw on a link
  std::vector<std::int32_t> running_;
  std::vector<std::int32_t> limit_rank_;  // [flows] place among all limits, lowest first
  std::vector<std::int32_t> at_;          // [flows] index in running_, or -1
  std::vector<double> rate_;              // [flows] 0 before the first solution
  std::vector<std::int32_t> held_by_;
  std::vector<double> left_;            // [links]
  std::vector<std::int32_t> on_link_;   // [links] running flows
  std::vector<std::int32_t> held_on_;   // [links] running flows that the link holds
  std::vector<std::int32_t> loosened_;  // links that ended flows drew on since the last solution
  std::vector<std::int32_t> started_;   // flows since the last solution

  // Of the solution at hand:
  std::vector<std::int32_t> region_;   // flows, and links of theirs
  std::vector<std::int32_t> touched_;  //
  std::vector<char> in_region_;        // [flows]
  std::vector<char> is_closed_;        // [links] all running flows of the link are in the region
  std::vector<char> rises_;            // [flows]
  std::vector<double> load_;           // [links] weight of the flows that still rise
  std::vector<std::int32_t> rising_;   // [links] how many they are
};

}  // namespace aisle::sim
