// SPDX-License-Identifier: Apache-2.0
#include "sim/base/hash.hpp"
#include "topology/network_impl.hpp"

#include <algorithm>

namespace aisle::topology {

namespace {

std::uint64_t flow_hash(std::uint64_t hash, int a, int b) {
  const auto pair =
      (static_cast<std::uint64_t>(a) << 32) | static_cast<std::uint64_t>(static_cast<unsigned>(b));
  return mixed(hash ^ mixed(pair));
}

/// One of `count` choices by hash: the hashed one where it is usable, else another hash picks among
/// those that are; -1 where none is.
template <typename Usable>
int pick(int count, std::uint64_t hash, std::uint64_t tier, const Usable& usable) {
  const std::uint64_t draw = mixed(hash + tier);
  const int choice = static_cast<int>(draw % static_cast<std::uint64_t>(count));
  if (usable(choice)) return choice;
  int left = 0;
  for (int i = 0; i < count; ++i) left += usable(i) ? 1 : 0;
  if (left == 0) return -1;
  auto skip = static_cast<int>(mixed(draw) % static_cast<std::uint64_t>(left));
  for (int i = 0;; ++i) {
    if (usable(i) && skip-- == 0) return i;
  }
}

}  // namespace

// Scale-up domains.

bool Network::Impl::inside(int a, int b, std::vector<Use>& uses) const {
  switch (w.domain.shape) {
    case DomainShape::torus:
      return through_torus(a, b, uses);
    case DomainShape::mesh:
      if (!live(pair(a, b))) return around_mesh(a, b, uses);
      if (has_ports) {
        if (!live(port(a, false)) || !live(port(b, true))) return false;
        uses.push_back({port(a, false), 1});
      }
      uses.push_back({pair(a, b), 1});
      if (has_ports) uses.push_back({port(b, true), 1});
      return true;
    case DomainShape::switched:
    case DomainShape::pcie:
      break;
  }
  if (!live(port(a, false)) || !live(port(b, true))) return false;
  uses.push_back({port(a, false), 1});
  uses.push_back({port(b, true), 1});
  return true;
}

/// A dead direct link: over the next member that both ends still reach.
bool Network::Impl::around_mesh(int a, int b, std::vector<Use>& uses) const {
  const int base = a / members * members;
  for (int step = 1; step < members; ++step) {
    const int via = base + (a - base + step) % members;
    if (via == b || !live(pair(a, via)) || !live(pair(via, b))) continue;
    const std::size_t before = uses.size();
    if (inside(a, via, uses) && inside(via, b, uses)) return true;
    uses.resize(before);
  }
  return false;
}

bool Network::Impl::way_is_live(int from, int steps, int axis, bool back) const {
  const auto a = static_cast<std::size_t>(axis);
  const int extent = w.domain.dimensions[a], stride = axis_stride(axis);
  const int base = from - coordinates(from)[a] * stride;
  int x = coordinates(from)[a];
  for (int step = 0; step < steps; ++step) {
    if (!live(ring(base + x * stride, axis, back))) return false;
    x = (x + (back ? extent - 1 : 1)) % extent;
  }
  return true;
}

/// Along one ring to coordinate `target`: the shorter way, both ways by halves where equal, the
/// other way where the one is dead.
bool Network::Impl::along_axis(int& at_member, int target, int axis, std::vector<Use>& uses) const {
  const auto a = static_cast<std::size_t>(axis);
  const int extent = w.domain.dimensions[a], stride = axis_stride(axis);
  const int x = coordinates(at_member)[a];
  if (x == target) return true;
  const int forward = (target - x + extent) % extent, backward = extent - forward;
  // An open axis has no link past its ends: the way round is dead there.
  const bool can_go = way_is_live(at_member, forward, axis, false);
  const bool can_return = way_is_live(at_member, backward, axis, true);
  if (!can_go && !can_return) return false;
  const bool both = can_go && can_return && forward == backward;
  const int base = at_member - x * stride;
  for (const bool back : {false, true}) {
    const bool shorter = back ? backward < forward : forward < backward;
    const bool only = back ? !can_go : !can_return;
    if (!both && !only && !(shorter && can_go && can_return)) continue;
    int here = x;
    for (int step = 0; step < (back ? backward : forward); ++step) {
      uses.push_back({ring(base + here * stride, axis, back), both ? 0.5 : 1.0});
      here = (here + (back ? extent - 1 : 1)) % extent;
    }
  }
  at_member = base + target * stride;
  return true;
}

/// Dimension by dimension, x first; with faults any order that is left.
bool Network::Impl::through_torus(int a, int b, std::vector<Use>& uses) const {
  std::array<int, 3> order{0, 1, 2};
  const auto target = coordinates(b);
  do {
    const std::size_t before = uses.size();
    int at_member = a;
    const bool arrived = std::all_of(order.begin(), order.end(), [&](int axis) {
      return along_axis(at_member, target[static_cast<std::size_t>(axis)], axis, uses);
    });
    if (arrived) return true;
    uses.resize(before);
  } while (faulty && std::next_permutation(order.begin(), order.end()));
  return false;
}

// Between domains.

bool Network::Impl::nic_is_live(int e) const {
  for (int copy = 0; copy < copies; ++copy) {
    if (live(nic(e, copy, false))) return true;
  }
  return false;
}

bool Network::Impl::outside(int a, int b, std::uint64_t hash, bool relay,
                            std::vector<Use>& uses) const {
  const int leaf_a = leaf_of[static_cast<std::size_t>(a)];
  const int leaf_b = leaf_of[static_cast<std::size_t>(b)];
  const int home = a / members * members, there = b / members * members;
  const bool other_rail = w.plan.rail_of_leaf(leaf_a) != w.plan.rail_of_leaf(leaf_b);
  const bool other_plane = w.plan.plane_of_leaf(leaf_a) != w.plan.plane_of_leaf(leaf_b);
  const bool over_neighbour = home != there && (other_plane || (relay && other_rail));
  if (by_gateways(a, over_neighbour ? home + b % members : a, b, b, hash, uses)) return true;
  if (!faulty) return false;
  for (int i = 0; i < members; ++i) {
    const int in = there + (b + i) % members;
    if (!nic_is_live(in)) continue;
    for (int j = -1; j < members; ++j) {  // first the member on the same rail, then from a on
      const int out = home + (j < 0 ? in : a + j) % members;
      if (nic_is_live(out) && by_gateways(a, out, in, b, hash, uses)) return true;
    }
  }
  return false;
}

/// From a inside its domain to `out`, over the fabric to `in`, inside that domain to b.
bool Network::Impl::by_gateways(int a, int out, int in, int b, std::uint64_t hash,
                                std::vector<Use>& uses) const {
  const std::size_t before = uses.size();
  const bool arrived = (a == out || inside(a, out, uses)) &&
                       (out == in || cross({out, in, flow_hash(hash, a, b)}, uses)) &&
                       (in == b || inside(in, b, uses));
  if (!arrived) uses.resize(before);
  return arrived;
}

bool Network::Impl::port_is_usable(int a, int b, int copy) const {
  if (!live(nic(a, copy, false)) || !live(nic(b, copy, true))) return false;
  const int offset = copy * leaves_per_copy;
  return connected(offset + leaf_of[static_cast<std::size_t>(a)],
                   offset + leaf_of[static_cast<std::size_t>(b)]);
}

/// NIC to NIC: bytes are dealt evenly over the ports that both ends have left.
bool Network::Impl::cross(const Flow& flow, std::vector<Use>& uses) const {
  int usable = 0;
  for (int copy = 0; copy < copies; ++copy) usable += port_is_usable(flow.from, flow.to, copy);
  if (usable == 0) return false;
  const double share = 1.0 / usable;
  for (int copy = 0; copy < copies; ++copy) {
    if (!port_is_usable(flow.from, flow.to, copy)) continue;
    uses.push_back({nic(flow.from, copy, false), share});
    const bool arrived = w.plan.family() == FabricFamily::dragonfly
                             ? hop_groups(flow, copy, share, uses)
                             : climb(flow, copy, share, uses);
    if (!arrived) return false;
    uses.push_back({nic(flow.to, copy, true), share});
  }
  return true;
}

double Network::Impl::leaf_spine_share(int leaf, int spine) const {
  const auto found = leaf_spine.find({leaf, spine});
  return found == leaf_spine.end() ? 1 : found->second;
}

double Network::Impl::spine_core_share(int spine, int core) const {
  const auto found = spine_core.find({spine, core});
  return found == spine_core.end() ? 1 : found->second;
}

bool Network::Impl::spines_meet(int spine_a, int spine_b) const {
  if (spine_a == spine_b || w.plan.family() == FabricFamily::dragonfly_plus) return true;
  for (int reach = 0; reach < w.plan.cores_per_spine(); ++reach) {
    const int core = core_of(spine_a, reach);
    if (spine_core_share(spine_a, core) > 0 && spine_core_share(spine_b, core) > 0) return true;
  }
  return false;
}

/// Whether traffic from one leaf to the other can go over the spines at this position.
bool Network::Impl::joined(int leaf_a, int leaf_b, int position) const {
  const int spine_a = spine_of(leaf_a, position), spine_b = spine_of(leaf_b, position);
  return leaf_spine_share(leaf_a, spine_a) > 0 && leaf_spine_share(leaf_b, spine_b) > 0 &&
         spines_meet(spine_a, spine_b);
}

bool Network::Impl::connected(int leaf_a, int leaf_b) const {
  if (leaf_a == leaf_b || w.plan.family() == FabricFamily::dragonfly) return true;
  const int in_copy_a = leaf_a % leaves_per_copy, in_copy_b = leaf_b % leaves_per_copy;
  if (w.plan.plane_of_leaf(in_copy_a) != w.plan.plane_of_leaf(in_copy_b)) return false;
  if (!faulty) return true;
  for (int position = 0; position < w.plan.spines_per_pod(); ++position) {
    if (joined(leaf_a, leaf_b, position)) return true;
  }
  return false;
}

/// Up from a leaf as far as needed and down again; `connected` has said that there is a way.
bool Network::Impl::climb(const Flow& flow, int copy, double share, std::vector<Use>& uses) const {
  const int offset = copy * leaves_per_copy;
  const int a = offset + leaf_of[static_cast<std::size_t>(flow.from)];
  const int b = offset + leaf_of[static_cast<std::size_t>(flow.to)];
  if (a == b) return true;
  const int pod_a = pod_node(a), pod_b = pod_node(b);
  const bool plus = w.plan.family() == FabricFamily::dragonfly_plus;
  const auto middle = [&] {
    if (plus && pod_a != pod_b) uses.push_back({group_pair(pod_a, pod_b), share});
  };
  if (!hashed) {
    uses.push_back({leaf_link(a, 0, false), share});
    if (!plus && pod_a != pod_b) {
      uses.push_back({spine_link(pod_a, 0, false), share});
      uses.push_back({spine_link(pod_b, 0, true), share});
    }
    middle();
    uses.push_back({leaf_link(b, 0, true), share});
    return true;
  }
  const int spines_in_pod = w.plan.spines_per_pod();
  const std::uint64_t hash = flow.hash + static_cast<std::uint64_t>(copy) * 16;
  const int up = pick(leaf_width, hash, 1, [&](int cable) {
    return live(leaf_link(a, cable, false)) && (!faulty || joined(a, b, cable % spines_in_pod));
  });
  if (up < 0) return false;
  const int position = up % spines_in_pod;
  uses.push_back({leaf_link(a, up, false), share});
  if (!plus && pod_a != pod_b) {
    const int spine_a = spine_of(a, position), spine_b = spine_of(b, position);
    const int reach = w.plan.cores_per_spine();
    const auto core_lives = [&](int cable) {
      return !faulty || spine_core_share(spine_b, core_of(spine_b, cable % reach)) > 0;
    };
    const int across = pick(spine_width, hash, 2, [&](int cable) {
      return live(spine_link(spine_a, cable, false)) && core_lives(cable);
    });
    if (across < 0) return false;
    const int down = pick(spine_width, hash, 3, [&](int cable) {
      return cable % reach == across % reach && live(spine_link(spine_b, cable, true));
    });
    if (down < 0) return false;
    uses.push_back({spine_link(spine_a, across, false), share});
    uses.push_back({spine_link(spine_b, down, true), share});
  }
  middle();
  const int parallel = leaf_width / spines_in_pod;
  const int last = pick(parallel, hash, 4, [&](int cable) {
    return live(leaf_link(b, position + cable * spines_in_pod, true));
  });
  if (last < 0) return false;
  uses.push_back({leaf_link(b, position + last * spines_in_pod, true), share});
  return true;
}

/// The cable from the group of one leaf to that of another: local hop, cable, local hop. False
/// where a part of it is dead.
bool Network::Impl::global_cable(int leaf_a, int leaf_b, int cable, double share,
                                 std::vector<Use>* uses) const {
  const int n = groups(), size = w.plan.leaves_per_group(), ports_each = w.plan.global_ports();
  const int group_a = leaf_a / size, group_b = leaf_b / size;
  const int ahead = (group_b - group_a + n) % n;
  const int out = (ahead - 1) * cables_per_pair + cable;
  const int back = (n - ahead - 1) * cables_per_pair + cable;
  const int leaf_out = group_a * size + out / ports_each;
  const int leaf_in = group_b * size + back / ports_each;
  const int link = global(leaf_out, out % ports_each);
  const bool whole = live(link) && (leaf_a == leaf_out || live(local(leaf_a, leaf_out))) &&
                     (leaf_in == leaf_b || live(local(leaf_in, leaf_b)));
  if (!whole || uses == nullptr) return whole;
  if (leaf_a != leaf_out) uses->push_back({local(leaf_a, leaf_out), share});
  uses->push_back({link, share});
  if (leaf_in != leaf_b) uses->push_back({local(leaf_in, leaf_b), share});
  return true;
}

/// Dragonfly, minimal routing: dealt over the live cables between two groups (hashed: one of them);
/// where faults leave none, over another leaf or another group.
bool Network::Impl::hop_groups(const Flow& flow, int /*copy*/, double share,
                               std::vector<Use>& uses) const {
  const int a = leaf_of[static_cast<std::size_t>(flow.from)];
  const int b = leaf_of[static_cast<std::size_t>(flow.to)];
  if (a == b) return true;
  const int size = w.plan.leaves_per_group();
  const auto step = [&](int from, int to, double part) {
    if (from == to) return true;
    if (from / size == to / size) {
      if (!live(local(from, to))) return false;
      uses.push_back({local(from, to), part});
      return true;
    }
    const auto usable = [&](int cable) { return global_cable(from, to, cable, 0, nullptr); };
    if (hashed) {
      const int cable = pick(cables_per_pair, flow.hash, 1, usable);
      return cable >= 0 && global_cable(from, to, cable, part, &uses);
    }
    int left = 0;
    for (int cable = 0; cable < cables_per_pair; ++cable) left += usable(cable);
    for (int cable = 0; cable < cables_per_pair; ++cable) {
      global_cable(from, to, cable, part / std::max(1, left), &uses);
    }
    return left > 0;
  };
  if (step(a, b, share)) return true;
  if (!faulty) return false;
  const int base = a / size * size;
  for (int shift = 1; shift < leaves_per_copy; ++shift) {  // own group first, then the others
    const int via =
        shift < size ? base + (a - base + shift) % size : (base + shift) % leaves_per_copy;
    if (via == a || via == b) continue;
    const std::size_t before = uses.size();
    if (step(a, via, share) && step(via, b, share)) return true;
    uses.resize(before);
  }
  return false;
}

}  // namespace aisle::topology
