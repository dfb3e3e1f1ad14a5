// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "topology/fabric.hpp"
#include "topology/faults.hpp"
#include "topology/graph.hpp"
#include "topology/network.hpp"

#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace aisle::topology {

struct Cluster::Impl {
  int count = 1;
  int domain_size = 1;
  Accelerator accelerator;
  std::string accelerator_word = "gpu";  ///< how a path names accelerators
  std::string domain_word = "nvswitch";  ///< how a path names the middle of a scale-up domain
  Tier scale_up, scale_out;
  Estimate<BytesPerSecond> nic;             ///< before oversubscription
  Estimate<BytesPerSecond> pair_bandwidth;  ///< between two accelerators of a domain
  Domain domain;
  FabricTraits traits;
  Seconds switch_latency;
  Estimate<Watts> host_power;
  NodePower node_power;
  double slowest_factor = 1;
  std::string system_name, fabric_name;
  std::vector<std::string> notes;
  std::optional<FabricPlan> fabric;
  std::vector<PartFault> faults;
  int switch_ports = 64;
  std::vector<BillRow> bill;

  /// The graph, built when a path is first asked for.
  const Graph& graph() const;

  /// The wires, built when first asked for.
  const Network& network() const;

  mutable std::once_flag graph_once, network_once;
  mutable std::optional<Graph> built_graph;
  mutable std::optional<Network> built_network;
};

}  // namespace aisle::topology
