// SPDX-License-Identifier: Apache-2.0
#include "topology/fabric.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace aisle::topology {

namespace {

int divided_up(int a, int b) {
  return (a + b - 1) / b;
}

/// The smallest divisor of `whole` that is at least `least`, or 0 where `least` exceeds it.
int divisor_from(int least, int whole) {
  for (int d = std::max(1, least); d <= whole; ++d) {
    if (whole % d == 0) return d;
  }
  return 0;
}

/// Spines that join `leaves` leaves of `uplinks` each with `down` ports of every spine; 0 where two
/// tiers do not reach.
int spine_count(int leaves, int uplinks, int down) {
  if (leaves > down * std::max(1, uplinks)) return 0;
  return divisor_from(divided_up(leaves * uplinks, down), uplinks);
}

struct Side {
  double out = 0, in = 0;  ///< what must leave upwards, and what can come down, in cables
};

/// Joins the sides below one switch level: what can meet there does, the rest goes up as far as
/// `uplink` allows.
Side join(const Side& below, double uplink, double& met) {
  const double here = std::min(below.out, below.in);
  met += here;
  return {std::min(below.out - here, uplink), std::min(below.in - here, uplink)};
}

}  // namespace

FabricPlan::FabricPlan(int endpoints, int domain_size, const FabricShape& shape)
    : shape_(shape), endpoints_(endpoints), domain_size_(domain_size) {
  AISLE_ASSERT(endpoints > 0 && domain_size > 0 && shape.switch_ports > 1 && shape.nic_ports > 0,
               "a fabric needs endpoints and switches");
  if (shape_.uplink_ratio <= 0) shape_.uplink_ratio = port_ratio();
  if (shape.family != FabricFamily::fat_tree) {
    plan_groups();
    return;
  }
  rails_ = std::gcd(std::max(1, shape.rails), domain_size);
  planes_ = std::min(std::max(1, shape.planes), rails_);
  per_rail_ = domain_size / rails_;
  const int ports = shape.switch_ports;
  leaf_down_ = shape.endpoints_per_leaf > 0 ? shape.endpoints_per_leaf : ports / 2;
  const double fed = leaf_down_ * port_ratio() / shape_.uplink_ratio;
  leaf_up_ = std::max(1, static_cast<int>(std::ceil(fed / shape.oversubscription)));
  if (shape.endpoints_per_leaf == 0) leaf_up_ = std::min(leaf_up_, ports - leaf_down_);
  place(shape.endpoints_per_unit > 0 ? shape.endpoints_per_unit : leaf_down_ * rails_);
  plan_pods();
}

void FabricPlan::place(int unit_endpoints) {
  domains_per_unit_ = std::max(1, unit_endpoints / domain_size_);
  leaves_per_unit_ = rails_ * divided_up(domains_per_unit_ * per_rail_, leaf_down_);
  const int domains = divided_up(endpoints_, domain_size_);
  units_ = divided_up(domains, domains_per_unit_);
  const int domains_in_last = domains - (units_ - 1) * domains_per_unit_;
  leaves_ = (units_ - 1) * leaves_per_unit_ +
            rails_ * divided_up(domains_in_last * per_rail_, leaf_down_);
  units_per_pod_ = units_;
}

void FabricPlan::plan_pods() {
  const int ports = shape_.switch_ports;
  const int leaves_per_plane = divided_up(leaves_, planes_);
  if (leaves_per_plane == 1) return;
  spines_per_pod_ = spine_count(leaves_per_plane, leaf_up_, ports);
  if (spines_per_pod_ > 0 && shape_.tiers < 3) return;

  tiers_ = 3;
  const double core_share = shape_.core_oversubscription / (1 + shape_.core_oversubscription);
  const int down = std::clamp(static_cast<int>(std::lround(ports * core_share)), 1, ports - 1);
  const int unit_leaves_per_plane = divided_up(leaves_per_unit_, planes_);
  const int pod_units = shape_.endpoints_per_pod > 0
                            ? shape_.endpoints_per_pod / (domains_per_unit_ * domain_size_)
                            : down / unit_leaves_per_plane;
  units_per_pod_ = std::clamp(pod_units, 1, units_);
  pods_ = divided_up(units_, units_per_pod_);
  const int leaves_per_pod = std::min(units_per_pod_ * unit_leaves_per_plane, leaves_per_plane);
  spines_per_pod_ = spine_count(leaves_per_pod, leaf_up_, down);
  if (spines_per_pod_ == 0) spines_per_pod_ = leaf_up_;  // a unit larger than the ports allow
  if (pods_ == 1) return;
  spine_up_ = ports - down;
  cores_per_spine_ = divided_up(pods_ * spine_up_, ports);
}

void FabricPlan::plan_groups() {
  const bool plus = shape_.family == FabricFamily::dragonfly_plus;
  const int ports = shape_.switch_ports;
  rails_ = planes_ = 1;
  per_rail_ = domain_size_;
  leaf_down_ = shape_.endpoints_per_leaf;
  if (leaf_down_ == 0) leaf_down_ = std::max(1, plus ? ports / 2 : ports / 4);
  const int leaves = shape_.leaves_per_group > 0 ? shape_.leaves_per_group : ports / 2;
  if (shape_.global_ports == 0) shape_.global_ports = std::max(1, plus ? ports / 2 : ports / 4);
  place(leaves * leaf_down_);
  leaves_per_unit_ = leaves;  // groups are built whole
  leaves_ = units_ * leaves;
  units_per_pod_ = 1;
  pods_ = units_;
  leaf_up_ = spines_per_pod_ = spine_up_ = 0;
  if (!plus) return;
  leaf_up_ = std::min(
      ports - leaf_down_,
      std::max(1, static_cast<int>(std::ceil(leaf_down_ * port_ratio() / shape_.uplink_ratio /
                                             shape_.oversubscription))));
  spines_per_pod_ = leaf_up_;
  spine_up_ = shape_.global_ports;
}

std::string FabricPlan::problem() const {
  const int ports = shape_.switch_ports;
  const double down = leaf_down_ * port_ratio() / shape_.uplink_ratio;
  if (shape_.family != FabricFamily::fat_tree) {
    const bool plus = shape_.family == FabricFamily::dragonfly_plus;
    const int reach = leaves_per_unit_ * shape_.global_ports;
    const int needed = plus ? leaves_per_unit_ + shape_.global_ports
                            : leaf_down_ + leaves_per_unit_ - 1 + shape_.global_ports;
    if (needed > ports || (plus && leaf_up_ < 1)) {
      return "a switch of " + std::to_string(ports) + " ports would need " +
             std::to_string(needed) + " to join its group and the others";
    }
    if (pods_ - 1 > (plus ? spines_per_pod_ * spine_up_ : reach)) {
      return std::to_string(pods_) + " groups do not reach each other with " +
             std::to_string(plus ? spines_per_pod_ * spine_up_ : reach) + " global cables of each";
    }
    if (domain_size_ > leaves_per_unit_ * leaf_down_) {
      return "a group holds " + std::to_string(leaves_per_unit_ * leaf_down_) +
             " endpoints, less than one scale-up domain";
    }
    return {};
  }
  if (!has_spines()) return {};
  if (shape_.tiers < 2) {
    return "one tier holds the " + std::to_string(leaf_down_ * rails_) +
           " endpoints of its leaves, not " + std::to_string(endpoints_);
  }
  if (down / shape_.oversubscription < 1 - 1e-9) {
    return "oversubscription leaves a leaf of " + std::to_string(leaf_down_) +
           " endpoints less than one uplink";
  }
  if (leaf_up_ < 1 || down + leaf_up_ > ports) {
    return "a leaf of " + std::to_string(ports) + " ports cannot carry " +
           std::to_string(leaf_down_) + " endpoints and " + std::to_string(leaf_up_) + " uplinks";
  }
  return {};
}

FabricPlan::Position FabricPlan::position(int endpoint) const {
  const int domain = endpoint / domain_size_;
  const int index = endpoint % domain_size_;
  const int rail = index % rails_;
  const int unit = domain / domains_per_unit_;
  const int in_rail = domain % domains_per_unit_ * per_rail_ + index / rails_;
  const int leaf = unit * leaves_per_unit_ + in_rail / leaf_down_ * rails_ + rail;
  return {unit, leaf, rail % planes_, unit / units_per_pod_};
}

FabricCounts FabricPlan::counts() const {
  const int copies = shape_.nic_ports;
  FabricCounts counts;
  counts.leaf_switches = copies * leaves_;
  counts.spine_switches = copies * pods_ * planes_ * spines_per_pod_;
  counts.core_switches = copies * planes_ * spines_per_pod_ * cores_per_spine_;
  counts.links = copies * endpoints_;
  if (has_spines()) counts.links += counts.leaf_switches * leaf_up_;
  if (cores_per_spine_ > 0) counts.links += counts.spine_switches * spine_up_;
  if (shape_.family == FabricFamily::dragonfly) {
    counts.links += counts.leaf_switches * (leaves_per_unit_ - 1 + shape_.global_ports) / 2;
  } else if (shape_.family == FabricFamily::dragonfly_plus) {
    counts.links += counts.spine_switches * spine_up_ / 2;
  }
  return counts;
}

BytesPerSecond FabricPlan::cut(std::span<const int> group, BytesPerSecond rate) const {
  std::vector<Side> leaf(static_cast<std::size_t>(leaves_));
  for (int e = 0; e < endpoints_; ++e) ++leaf[static_cast<std::size_t>(position(e).leaf)].in;
  for (const int e : group) {
    Side& side = leaf[static_cast<std::size_t>(position(e).leaf)];
    ++side.out;
    --side.in;
  }
  double met = 0;
  const double cable = shape_.nic_ports * shape_.uplink_ratio;
  const bool direct = shape_.family == FabricFamily::dragonfly;
  const double leaf_uplink = direct ? (leaves_per_unit_ - 1 + shape_.global_ports) * cable
                                    : (has_spines() ? leaf_up_ * cable : 0);
  const double pod_uplink =
      (direct ? leaves_per_unit_ * shape_.global_ports : spines_per_pod_ * spine_up_) * cable;
  std::vector<Side> pod(static_cast<std::size_t>(pods_ * planes_));
  for (int l = 0; l < leaves_; ++l) {
    const Side up = join(leaf[static_cast<std::size_t>(l)], leaf_uplink, met);
    Side& above = pod[static_cast<std::size_t>(pod_of_leaf(l) * planes_ + plane_of_leaf(l))];
    above.out += up.out;
    above.in += up.in;
  }
  std::vector<Side> plane(static_cast<std::size_t>(planes_));
  for (int p = 0; p < pods_ * planes_; ++p) {
    const Side up = join(pod[static_cast<std::size_t>(p)], pod_uplink, met);
    plane[static_cast<std::size_t>(p % planes_)].out += up.out;
    plane[static_cast<std::size_t>(p % planes_)].in += up.in;
  }
  for (const Side& side : plane) met += std::min(side.out, side.in);
  return met * rate;
}

}  // namespace aisle::topology
