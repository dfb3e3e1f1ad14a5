// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traffic.hpp"

#include <cstdint>
#include <vector>

namespace aisle::sim {

/// Max-min fair rates of the running flows of a traffic by progressive filling: all rates rise
/// together; a flow stops at its own limit, or when a link that it draws on is full. Exact up to
/// rounding.
class WaterFilling {
 public:
  explicit WaterFilling(const workloads::Traffic& traffic);

  void start(std::int32_t flow);
  void end(std::int32_t flow);

  /// Finds the rates of all running flows.
  void solve();

  const std::vector<std::int32_t>& running() const { return running_; }

  double rate(std::int32_t flow) const { return rate_[static_cast<std::size_t>(flow)]; }

  /// The link that stopped the flow in the last solution, or -1: its own limit.
  std::int32_t held_by(std::int32_t flow) const { return held_by_[static_cast<std::size_t>(flow)]; }

  /// Links that running flows draw on, and the rate that is left on one.
  const std::vector<std::int32_t>& touched() const { return touched_; }

  double left(std::int32_t link) const { return left_[static_cast<std::size_t>(link)]; }

 private:
  struct Use {
    std::int32_t flow;
    double weight;
  };

  bool rises(std::int32_t flow) const {
    return at_[static_cast<std::size_t>(flow)] >= 0 &&
           is_frozen_[static_cast<std::size_t>(flow)] == 0;
  }

  void prepare();
  void freeze(std::int32_t flow, double rate, std::int32_t link);

  const workloads::Traffic& traffic_;
  std::vector<std::int32_t> first_use_;  // [links + 1] rows of uses_
  std::vector<Use> uses_;                // who draws on a link
  std::vector<std::int32_t> running_;
  std::vector<std::int32_t> by_limit_;  // all flows, lowest limit first
  std::vector<std::int32_t> at_;        // [flows] index in running_, or -1
  std::vector<char> is_frozen_;
  std::vector<double> rate_;
  std::vector<std::int32_t> held_by_;
  std::vector<double> left_, load_;   // [links] rate left; weight of the flows that still rise
  std::vector<std::int32_t> rising_;  // [links] flows that still rise
  std::vector<std::int32_t> touched_;
};

}  // namespace aisle::sim
