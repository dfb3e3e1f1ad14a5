// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "topology/network.hpp"
#include "workloads/traffic.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace aisle::workloads {

/// A link of the network as traffic sees it. Its capacity is what large transfers reach: line rate,
/// of the fabric's links times the fabric's efficiency.
Traffic::Link traffic_link(const topology::Cluster& cluster, std::int32_t link);

/// Collects flows over the links of a cluster's network, one traffic link per network link in use.
class TrafficBuilder {
 public:
  /// Which links of a way: those away from the sender, those towards the receiver, or all.
  enum class Half { both, outward, inward };

  TrafficBuilder(const topology::Cluster& cluster, std::uint64_t seed);

  /// A flow that would take `alone` to stream its volume if no link held it back.
  void begin_flow(std::int32_t job, std::int32_t phase, Bytes volume, Seconds alone, Seconds start);

  /// The flow puts `weight` bytes per byte of its volume on the way from a to b. With hashed paths
  /// the way is that of as many queue pairs as the fabric uses, in equal shares.
  void draw_route(int a, int b, double weight, bool relay, Half half = Half::both);

  /// Merges draws on one link and closes the flow.
  void end_flow();

  /// The first pair that faults have cut from each other, by name; empty: none.
  const std::string& cut() const { return cut_; }

  Traffic take() { return std::move(traffic_); }

 private:
  std::int32_t known_link(std::int32_t link);

  const topology::Cluster& cluster_;
  const topology::Network& network_;
  std::uint64_t seed_;
  int paths_;                           // per pair
  std::vector<std::int32_t> known_;     // [network links] traffic link, or -1
  std::vector<std::int32_t> position_;  // [traffic links] draw of the open flow, or -1
  std::vector<topology::Network::Use> uses_;
  std::string cut_;
  Traffic traffic_;
};

}  // namespace aisle::workloads
