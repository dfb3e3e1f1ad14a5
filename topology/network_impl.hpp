// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "topology/fabric.hpp"
#include "topology/faults.hpp"
#include "topology/network.hpp"

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace aisle::topology {

/// What a network is built from.
struct Wiring {
  FabricPlan plan;
  int domain_size = 1;
  Domain domain;
  BytesPerSecond scale_up;  ///< one accelerator into its domain
  BytesPerSecond nic;
  FabricTraits::Routing routing = FabricTraits::Routing::adaptive;
  Seconds scale_up_hop, one_leaf_hop, switch_hop;
  std::string accelerator_word = "gpu";
  std::vector<PartFault> faults;
};

/// Links are numbered section by section; what a number stands for follows from arithmetic.
///
/// A NIC with several ports has one copy of the tree behind each port; leaf l of copy q is leaf
/// q x leaves + l, spines alike. In a dragonfly, cable n of a group leads to group
/// own + 1 + n / (cables per pair), and belongs to its leaf n / global_ports.
struct Network::Impl {
  enum Section { ports, pairs, rings, nics, leaves, spines, locals, globals };

  static constexpr std::size_t kSections = 8;

  explicit Impl(Wiring&& wiring);
  void number_links();
  void fill_capacities();

  Wiring w;
  bool hashed = false;  ///< every cable of the tree is a link
  bool faulty = false;
  bool has_ports = false;  ///< accelerators have a port into the domain that can bind
  int members = 1;         ///< accelerators in a domain
  int copies = 1, leaves_per_copy = 1, spines_per_copy = 0, cables_per_pair = 0;
  int leaf_width = 1, spine_width = 1;  ///< links of a leaf, of a spine (or pod), one direction
  int spine_nodes = 0;                  ///< spines, or with bundles the pods' planes, of one copy
  std::array<int, kSections + 1> first{};
  std::vector<int> leaf_of;  ///< of each endpoint, in copy 0
  std::vector<BytesPerSecond> capacity;
  std::vector<bool> met;  ///< of each fault, whether there is such a part
  /// Share left of the cables between two switches, where not all.
  std::map<std::pair<int, int>, double> leaf_spine, spine_core;

  int groups() const { return w.plan.pods(); }

  int at(Section section, int index) const {
    return first[static_cast<std::size_t>(section)] + index;
  }

  int port(int e, bool in) const { return at(ports, 2 * e + (in ? 1 : 0)); }

  int pair(int from, int to) const {
    const int i = from % members, j = to % members;
    return at(pairs, from * (members - 1) + (j < i ? j : j - 1));
  }

  int ring(int e, int axis, bool back) const {
    return at(rings, (e * 3 + axis) * 2 + (back ? 1 : 0));
  }

  int nic(int e, int copy, bool in) const {
    return at(nics, (e * copies + copy) * 2 + (in ? 1 : 0));
  }

  int leaf_link(int leaf, int cable, bool down) const {
    return at(leaves, (leaf * leaf_width + cable) * 2 + (down ? 1 : 0));
  }

  int spine_link(int node, int cable, bool down) const {
    return at(spines, (node * spine_width + cable) * 2 + (down ? 1 : 0));
  }

  int local(int leaf, int other) const {
    const int n = w.plan.leaves_per_group();
    const int i = leaf % n, j = other % n;
    return at(locals, leaf * (n - 1) + (j < i ? j : j - 1));
  }

  /// Dragonfly: cable `port` of a leaf outwards. Dragonfly+: all cables of group g to group h.
  int global(int leaf, int port_number) const {
    return at(globals, leaf * w.plan.global_ports() + port_number);
  }

  int group_pair(int g, int h) const {
    return at(globals, g * (groups() - 1) + (h < g ? h : h - 1));
  }

  bool live(int link) const { return capacity[static_cast<std::size_t>(link)].si() > 0; }

  Section section_of(int link) const;
  std::string scale_up_name(Section section, int index) const;
  std::string tree_name(Section section, int index) const;
  std::string group_name(Section section, int index) const;

  // Trees: leaf and pod of one copy; spines by their position within pod and plane.
  int pod_node(int leaf) const;  ///< bundle number of the pod and plane above a leaf
  int spine_of(int leaf, int position) const;
  int core_of(int spine, int reach) const;
  double leaf_spine_share(int leaf, int spine) const;
  double spine_core_share(int spine, int core) const;
  bool spines_meet(int spine_a, int spine_b) const;  ///< directly (same) or over a live core
  bool joined(int leaf_a, int leaf_b, int position) const;
  bool connected(int leaf_a, int leaf_b) const;

  // Faults.
  bool apply(const PartFault& fault);  ///< false: no cable joins the two ends
  void degrade_accelerator(int e, double rate);
  int degrade_direct(int a, int b, double rate);
  int degrade_nic(int e, int leaf, double rate);  ///< leaf -1: all ports
  int degrade_cable(const Part& end, const Part& other, double rate);
  int degrade_global(int leaf_a, int leaf_b, double rate);
  void degrade_leaf(int leaf, double rate);
  void degrade_spine(int spine, double rate);
  void rebuild_tree();
  int neighbour(int e, int axis, bool back) const;
  void scale(int link, double rate);

  // Routes.
  struct Flow {
    int from, to;
    std::uint64_t hash;
  };

  bool inside(int a, int b, std::vector<Use>& uses) const;
  bool around_mesh(int a, int b, std::vector<Use>& uses) const;
  bool through_torus(int a, int b, std::vector<Use>& uses) const;
  bool along_axis(int& at_member, int target, int axis, std::vector<Use>& uses) const;
  bool way_is_live(int from, int steps, int axis, bool back) const;
  bool nic_is_live(int e) const;
  bool outside(int a, int b, std::uint64_t hash, bool relay, std::vector<Use>& uses) const;
  bool by_gateways(int a, int out, int in, int b, std::uint64_t hash, std::vector<Use>& uses) const;
  bool cross(const Flow& flow, std::vector<Use>& uses) const;
  bool port_is_usable(int a, int b, int copy) const;
  bool climb(const Flow& flow, int copy, double share, std::vector<Use>& uses) const;
  bool hop_groups(const Flow& flow, int copy, double share, std::vector<Use>& uses) const;
  bool global_cable(int leaf_a, int leaf_b, int cable, double share, std::vector<Use>* uses) const;

  std::array<int, 3> coordinates(int e) const;
  int axis_stride(int axis) const;
  int hops(int a, int b) const;
};

}  // namespace aisle::topology
