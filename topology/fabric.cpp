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
  AISLE_ASSERT(endpoints > 0 && domain_size > 0 && shape.switch_ports > 1,
               "a fabric needs endpoints and switches");
  rails_ = std::gcd(std::max(1, shape.rails), domain_size);
  planes_ = std::min(std::max(1, shape.planes), rails_);
  per_rail_ = domain_size / rails_;

  const int ports = shape.switch_ports;
  leaf_down_ = shape.endpoints_per_leaf > 0 ? shape.endpoints_per_leaf : ports / 2;
  leaf_up_ = std::max(1, static_cast<int>(std::ceil(leaf_down_ / shape.oversubscription)));
  if (shape.endpoints_per_leaf == 0) leaf_up_ = std::min(leaf_up_, ports - leaf_down_);

  const int unit_endpoints =
      shape.endpoints_per_unit > 0 ? shape.endpoints_per_unit : leaf_down_ * rails_;
  domains_per_unit_ = std::max(1, unit_endpoints / domain_size);
  leaves_per_unit_ = rails_ * divided_up(domains_per_unit_ * per_rail_, leaf_down_);
  const int domains = divided_up(endpoints, domain_size);
  units_ = divided_up(domains, domains_per_unit_);
  const int domains_in_last = domains - (units_ - 1) * domains_per_unit_;
  leaves_ = (units_ - 1) * leaves_per_unit_ +
            rails_ * divided_up(domains_in_last * per_rail_, leaf_down_);

  units_per_pod_ = units_;
  const int leaves_per_plane = divided_up(leaves_, planes_);
  if (leaves_per_plane == 1) return;
  spines_per_pod_ = spine_count(leaves_per_plane, leaf_up_, ports);
  if (spines_per_pod_ > 0 && shape.tiers < 3) return;

  tiers_ = 3;
  const double core_share = shape.core_oversubscription / (1 + shape.core_oversubscription);
  const int down = std::clamp(static_cast<int>(std::lround(ports * core_share)), 1, ports - 1);
  const int unit_leaves_per_plane = divided_up(leaves_per_unit_, planes_);
  const int pod_units = shape.endpoints_per_pod > 0
                            ? shape.endpoints_per_pod / (domains_per_unit_ * domain_size)
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
  FabricCounts counts;
  counts.leaf_switches = leaves_;
  counts.spine_switches = pods_ * planes_ * spines_per_pod_;
  counts.core_switches = planes_ * spines_per_pod_ * cores_per_spine_;
  counts.links = endpoints_;
  if (has_spines()) counts.links += leaves_ * leaf_up_;
  if (cores_per_spine_ > 0) counts.links += counts.spine_switches * spine_up_;
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
  const double leaf_uplink = has_spines() ? leaf_up_ : 0;
  std::vector<Side> pod(static_cast<std::size_t>(pods_ * planes_));
  for (int l = 0; l < leaves_; ++l) {
    const Side up = join(leaf[static_cast<std::size_t>(l)], leaf_uplink, met);
    Side& above = pod[static_cast<std::size_t>(pod_of_leaf(l) * planes_ + plane_of_leaf(l))];
    above.out += up.out;
    above.in += up.in;
  }
  std::vector<Side> plane(static_cast<std::size_t>(planes_));
  for (int p = 0; p < pods_ * planes_; ++p) {
    const Side up = join(pod[static_cast<std::size_t>(p)], spines_per_pod_ * spine_up_, met);
    plane[static_cast<std::size_t>(p % planes_)].out += up.out;
    plane[static_cast<std::size_t>(p % planes_)].in += up.in;
  }
  for (const Side& side : plane) met += std::min(side.out, side.in);
  return met * rate;
}

}  // namespace aisle::topology
