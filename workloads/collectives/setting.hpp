// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "workloads/collectives/collective.hpp"
#include "workloads/plan.hpp"

/// Inside of workloads/collectives: what cost_of passes to the algorithms.
namespace aisle::workloads {

/// One communication on one machine: the group's shape, line rates per member and direction, and
/// the constants that time it.
struct Setting {
  CollectiveKind kind = CollectiveKind::all_reduce;
  Bytes bytes;
  int ranks = 1, domains = 1, per_domain = 1;
  BytesPerSecond link, nic;  ///< line rates
  Seconds base, hop;         ///< launch, and one step inside a domain
  Seconds network_hop;
  topology::Domain domain;
  topology::FabricTraits fabric;
  Library library = Library::automatic;
  Algorithm algorithm = Algorithm::automatic;
  Protocol protocol = Protocol::automatic;
  bool summable_in_switch = true;
  CommunicationProfile profile;

  const LibraryModel& model() const { return profile.library; }

  bool reduces() const {
    return kind == CollectiveKind::all_reduce || kind == CollectiveKind::reduce_scatter ||
           kind == CollectiveKind::reduce;
  }

  /// Steps of a ring of all ranks, and those of them that leave a domain.
  int steps() const { return (kind == CollectiveKind::all_reduce ? 2 : 1) * (ranks - 1); }

  int network_steps() const { return (kind == CollectiveKind::all_reduce ? 2 : 1) * (domains - 1); }
};

Setting setting_of(const Communication& communication, const topology::Cluster& cluster,
                   const CommunicationProfile& profile);

/// Longer of two times that overlap but for their ends: (a^p + b^p)^(1/p).
Seconds overlapped(Seconds a, Seconds b, double exponent = 6);

/// Bytes of a message of `bytes` that pass before a pipeline of `over` bytes is full.
Bytes filling(Bytes bytes, Bytes over);

/// Sets the time: `alone` in all, of which `streaming` at the rate of what binds.
void set_time(CommunicationCost& cost, Seconds alone, Seconds streaming, const char* bound_by);

constexpr bool is_pairs(CollectiveKind kind) {
  return kind == CollectiveKind::all_to_all || kind == CollectiveKind::send_recv;
}

// One function per family of algorithms; each fills in everything but cores and basis.
CommunicationCost nccl_collective(const Setting& setting);
CommunicationCost nccl_pairs(const Setting& setting);
CommunicationCost collnet(const Setting& setting);  ///< the fabric's switches add
CommunicationCost pat(const Setting& setting);      ///< one rank per domain
CommunicationCost copy_engines(const Setting& setting);
Setting cube_mesh(const Setting& setting);  ///< with the link's share that rings of V100 get
CommunicationCost mesh_collective(const Setting& setting);
CommunicationCost pcie_collective(const Setting& setting);
Setting pcie_roots(const Setting& setting);  ///< with what a card gets of the hosts' PCIe
CommunicationCost torus_collective(const Setting& setting);
CommunicationCost torus_across(const Setting& setting);   ///< tori joined by a network
CommunicationCost other_library(const Setting& setting);  ///< by setting.library
CommunicationCost forced_kernel(const Setting& setting);  ///< one_shot, two_shot, hierarchical
CommunicationCost expert_exchange(const Setting& setting, const Communication& exchange);

}  // namespace aisle::workloads
