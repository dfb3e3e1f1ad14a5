// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "topology/fabric.hpp"

#include <memory>
#include <string>
#include <vector>

namespace aisle::topology {

/// Rates and latencies that the edges of the graph carry; latencies sum along a path.
struct LinkRates {
  BytesPerSecond scale_up;  ///< accelerator into its domain
  BytesPerSecond nic;       ///< one cable of the fabric, one direction
  Seconds scale_up_hop;     ///< accelerator to accelerator inside a domain
  Seconds one_leaf_hop;     ///< accelerator to accelerator below one leaf
  Seconds switch_hop;       ///< each further switch
};

/// The cluster as an undirected graph: accelerators, one scale-up vertex per domain, one NIC per
/// accelerator, leaves, spines, core switches. Cables that run in parallel are one edge; a path
/// uses one of them. Building it costs a few milliseconds per ten thousand accelerators.
class Graph {
 public:
  Graph(const FabricPlan& plan, int domain_size, const LinkRates& rates);
  ~Graph();

  struct Path {
    std::vector<int> vertices;
    BytesPerSecond narrowest;
    Seconds latency;
  };

  /// A shortest path from accelerator a to b; among equals the hash of the pair decides, as ECMP
  /// does. Accelerators forward for others only where there is no other way (separate planes).
  Path path(int a, int b) const;

  /// Kind of a vertex and its number within the kind.
  enum class Kind { accelerator, domain, nic, leaf, spine, core };

  struct Vertex {
    Kind kind;
    int number;
  };

  Vertex vertex(int id) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aisle::topology
