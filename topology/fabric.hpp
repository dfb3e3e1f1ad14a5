// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "topology/cluster.hpp"

#include <algorithm>
#include <span>
#include <string>

namespace aisle::topology {

/// The plan that leaves, spines and what is above them are joined by.
enum class FabricFamily {
  fat_tree,
  dragonfly,       ///< groups of leaves, each joined to each; every two groups joined
  dragonfly_plus,  ///< groups of leaves and spines, each joined to each; every two groups joined
};

/// What a fabric is built of, before the number of endpoints is known.
struct FabricShape {
  FabricFamily family = FabricFamily::fat_tree;
  int switch_ports = 64;
  int tiers = 2;
  int rails = 1;
  int planes = 1;
  int endpoints_per_leaf = 0;  ///< 0: half the ports
  int endpoints_per_unit = 0;  ///< 0: as many as one leaf of each rail holds
  int endpoints_per_pod = 0;   ///< 0: as many as the ports of a spine allow
  double oversubscription = 1;
  double core_oversubscription = 1;
  int nic_ports = 1;  ///< ports of one NIC, each on a copy of the tree of its own (dual plane)
  double uplink_ratio = 0;  ///< rate of a cable between switches over that of a NIC; 0: of its port
  int leaves_per_group = 0;  ///< dragonflies; 0: half the ports
  int global_ports = 0;      ///< dragonflies: of a leaf (spine with plus); 0: a quarter (half)
};

/// A fat tree sized for a number of endpoints: which leaf an endpoint hangs on, how leaves, spines
/// and core switches are cabled, and what crosses a cut.
///
/// A unit is the group of leaves that whole scale-up domains share: accelerator i of a domain hangs
/// on rail i modulo rails. Spines of a pod: leaves x uplinks / ports, rounded up to a divisor of
/// the uplinks so that every leaf reaches every spine by equally many cables; this gives the
/// published switch counts of DGX SuperPOD H100, B200 and B300 XDR and of the trees priced in arXiv
/// 2505.09343. With one pod the spines have no way up; a third tier is added where the leaves have
/// more spines to reach than uplinks, or where the shape asks for it.
///
/// A dragonfly's group is a unit and a pod of its own; its leaves take the domains in order.
class FabricPlan {
 public:
  FabricPlan(int endpoints, int domain_size, const FabricShape& shape);

  struct Position {
    int unit, leaf, plane, pod;
  };

  Position position(int endpoint) const;
  FabricCounts counts() const;
  /// Why the description does not join all endpoints, in a sentence; empty where it does.
  std::string problem() const;

  FabricFamily family() const { return shape_.family; }

  int endpoints() const { return endpoints_; }

  int leaves() const { return leaves_; }

  int units() const { return units_; }

  int pods() const { return pods_; }

  int planes() const { return planes_; }

  int rails() const { return rails_; }

  int tiers() const { return tiers_; }

  int endpoints_per_pod() const { return units_per_pod_ * domains_per_unit_ * domain_size_; }

  /// Whether a spine has as many uplinks as core switches to reach, as real switches must.
  bool within_reach() const { return cores_per_spine_ <= std::max(1, spine_up_); }

  /// Whether any leaf has uplinks: false where one leaf holds a whole plane.
  bool has_spines() const { return spines_per_pod_ > 0; }

  int spines_per_pod() const { return spines_per_pod_; }  ///< of one plane

  int cores_per_spine() const { return cores_per_spine_; }  ///< cores that one spine reaches

  double oversubscription() const { return shape_.oversubscription; }

  int leaf_uplinks() const { return leaf_up_; }

  int spine_uplinks() const { return spine_up_; }  ///< towards cores or other groups

  int leaves_per_group() const { return leaves_per_unit_; }

  int global_ports() const { return shape_.global_ports; }  ///< dragonfly: of a leaf

  int nic_ports() const { return shape_.nic_ports; }

  int rail_of_leaf(int leaf) const { return leaf % leaves_per_unit_ % rails_; }

  int pod_of_leaf(int leaf) const { return leaf / leaves_per_unit_ / units_per_pod_; }

  int plane_of_leaf(int leaf) const { return rail_of_leaf(leaf) % planes_; }

  /// Rate of a NIC's port, and of a cable between switches, over that of a NIC.
  double port_ratio() const { return 1.0 / shape_.nic_ports; }

  double uplink_ratio() const { return shape_.uplink_ratio; }

  /// Capacity, one direction, from the endpoints named to all others, with NICs of `rate`. Exact
  /// for the tree: traffic stays as low as it can. Dragonflies: an upper bound.
  BytesPerSecond cut(std::span<const int> group, BytesPerSecond rate) const;

 private:
  void place(int unit_endpoints);
  void plan_groups();
  void plan_pods();

  FabricShape shape_;
  int endpoints_, domain_size_;
  int rails_, planes_, tiers_ = 2;
  int per_rail_;  ///< endpoints of one domain on one rail
  int leaf_down_, leaf_up_;
  int domains_per_unit_, leaves_per_unit_, units_, leaves_;
  int units_per_pod_, pods_ = 1;
  int spines_per_pod_ = 0, spine_up_ = 0, cores_per_spine_ = 0;
};

}  // namespace aisle::topology
