// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/estimate.hpp"
#include "sim/base/units.hpp"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace aisle {
class SourceMap;
}

namespace aisle::pb {
class Cluster;
}

namespace aisle::topology {

class Catalogue;
class Network;

enum class Precision { fp64, fp32, tf32, bf16, fp16, fp8, fp6, fp4, int8 };
inline constexpr int kPrecisions = 9;
std::string_view to_string(Precision precision);
std::optional<Precision> parse_precision(std::string_view name);
/// Bytes of one number of the format.
Bytes size_of(Precision precision);

/// One device as the rest of Aisle sees it: capacities, each with its basis. Rates are dense peaks.
struct Accelerator {
  std::string name;
  std::array<Estimate<FlopsPerSecond>, kPrecisions> peak{};  ///< 0: the format is not supported
  int cores = 1;
  Estimate<Bytes> hbm_capacity;
  Estimate<BytesPerSecond> hbm_bandwidth;
  int compute_dies = 1;
  Estimate<BytesPerSecond> die_to_die;  ///< one direction; 0: one die, or nothing published
  double die_crossing = 0;              ///< share of memory traffic that crosses; 0: not counted
  int io_dies = 0;
  int hbm_stacks = 0;
  double silicon = 1;  ///< dies x area, over those of the accelerator as sold
  Estimate<Watts> tdp;
  Estimate<Watts> idle_power;
  Estimate<DollarsPerSecond> rental;
  Estimate<Kilograms> embodied_carbon;

  Estimate<FlopsPerSecond> peak_of(Precision precision) const {
    return peak[static_cast<std::size_t>(precision)];
  }
};

/// How a group of accelerators lies in the cluster: `domains` scale-up domains with `per_domain`
/// members in each (the fewest where uneven).
struct Hierarchy {
  int size = 1;
  int domains = 1;
  int per_domain = 1;
  int pods = 1;  ///< leaf groups (rails' scalable units) that the group spans
};

/// One tier of the network as a member of a group sees it.
struct Tier {
  Estimate<BytesPerSecond>
      bandwidth;    ///< per accelerator, one direction, line rate after oversubscription
  Seconds latency;  ///< one hop, end to end
};

/// How the accelerators of a scale-up domain are joined.
enum class DomainShape {
  switched,  ///< every member one port into a switch (NVSwitch, UB): any pair at the full rate
  mesh,      ///< a direct link between every pair (xGMI, HCCS)
  torus,     ///< rings along up to three dimensions (ICI, NeuronLink)
  pcie,      ///< through the host's PCIe root or switches: shared, no peer links
};

struct Domain {
  DomainShape shape = DomainShape::switched;
  Estimate<BytesPerSecond> pair_bandwidth;         ///< between two members, one direction
  std::array<int, 3> dimensions{1, 1, 1};          ///< torus: members along each
  bool wraps = true;                               ///< torus: rings are closed along every axis
  std::array<bool, 3> closed{true, true, true};    ///< torus: which axes are
  std::array<BytesPerSecond, 3> axis_bandwidth{};  ///< torus: one link, one direction
  bool in_switch_reduction = false;                ///< the switch adds and multicasts (NVLS)
};

/// How the scale-out fabric treats traffic, beside its tier's rate and latency.
struct FabricTraits {
  enum class Routing { spray, adaptive, ecmp };
  Routing routing = Routing::adaptive;
  int queue_pairs = 1;                ///< per connection, each hashed to a path of its own (ecmp)
  double efficiency = 0.95;           ///< share of line rate that a large transfer reaches
  bool in_network_reduction = false;  ///< switches add (SHARP)
  std::string transport = "infiniband";  ///< infiniband, roce, efa, tcp, ub, none
};

/// One link on the package, by the names of its ends ("die 0", "io 1", "stack 3").
struct PackageLink {
  std::string from, to;
  Estimate<BytesPerSecond> bandwidth;  ///< one direction; 0: nothing published
};

/// Switches and cables of the scale-out fabric, as built for the cluster.
struct FabricCounts {
  int leaf_switches = 0;
  int spine_switches = 0;
  int core_switches = 0;
  int links = 0;
};

/// One line of a bill of materials. A price or a draw of 0 is not published.
struct BillRow {
  std::string item;
  long count = 0;
  Estimate<Dollars> price;  ///< of one
  Estimate<Watts> power;    ///< of one
  std::string note;
};

/// What one accelerator's part of a node takes in, beside the accelerator, as far as it is
/// measured.
struct NodePower {
  Estimate<Watts> rest;             ///< of the node at rest, accelerators included; 0: not known
  double supply_efficiency = 0.96;  ///< of its power supplies under load
  double liquid_share = 0;  ///< of its heat that a liquid takes; the rest is blown away by fans
};

/// The machine of one scenario: what one device is, how devices are joined, and the graph behind it
/// (Boost.Graph, hidden). Accelerator ids run 0..count()-1, domain by domain. Assumes equal
/// accelerators; faults of links show in network() only.
class Cluster {
 public:
  struct Impl;
  explicit Cluster(std::unique_ptr<Impl> impl);
  ~Cluster();
  Cluster(Cluster&&) noexcept;
  Cluster& operator=(Cluster&&) noexcept;

  int count() const;
  const Accelerator& accelerator() const;
  int domain_size() const;  ///< accelerators in one scale-up domain
  const Tier& scale_up() const;
  const Tier& scale_out() const;  ///< NIC and fabric together, for traffic that leaves the domain
  const Domain& domain() const;
  const FabricTraits& fabric() const;
  /// The wires, built when first asked for.
  const Network& network() const;
  Watts host_power() const;  ///< per accelerator, beside the accelerator itself
  Basis host_power_basis() const;
  const NodePower& node_power() const;
  /// Time of computation on the slowest of the cluster's accelerators over that on the mean one:
  /// 1 + spread x expected largest of count() draws.
  double slowest_factor() const;
  const std::string& system_name() const;
  const std::string& fabric_name() const;
  FabricCounts fabric_counts() const;
  /// What joins the accelerators: switches, cables, optics, NICs; the scale-up domain's first. One
  /// domain on its own has no fabric.
  const std::vector<BillRow>& bill_of_materials() const;
  /// What was filled in from defaults or weak sources, in sentences.
  const std::vector<std::string>& notes() const;

  Hierarchy hierarchy(std::span<const int> group) const;
  /// Vertices passed from accelerator a to b, by name ("gpu 0", "nvswitch 0", "leaf 3", ...),
  /// deterministic.
  std::vector<std::string> path(int a, int b) const;
  /// Latency of that path and its narrowest link, one direction.
  Tier path_tier(int a, int b) const;
  /// Capacity, one direction, between the accelerators named and all others: their scale-up
  /// domains' and the fabric's.
  BytesPerSecond cut_capacity(std::span<const int> group) const;
  /// Links on the package of one accelerator: compute and I/O dies, memory stacks.
  std::vector<PackageLink> package() const;

 private:
  std::unique_ptr<Impl> impl_;
};

/// Where oversubscription shows: in the bandwidth of the scale-out tier, for closed forms that see
/// no links; or only in the links of network(), for those who share them.
enum class Oversubscription { in_tier, in_links };

/// Builds the cluster that `spec` describes from catalogue entries. Reports every unknown name
/// (with the nearest), bad quantity, and count that does not divide into domains, at its place;
/// `places` finds fields below the path "cluster".
std::optional<Cluster> build_cluster(const pb::Cluster& spec, const SourceMap& places,
                                     const Catalogue& catalogue, Diagnostics& diagnostics,
                                     Oversubscription oversubscription = Oversubscription::in_tier);

}  // namespace aisle::topology
