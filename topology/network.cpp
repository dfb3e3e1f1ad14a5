// SPDX-License-Identifier: Apache-2.0
#include "topology/network.hpp"

#include "sim/base/diagnostics.hpp"
#include "topology/network_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace aisle::topology {

namespace {

constexpr std::array<std::string_view, kLinkKinds> kKindNames = {"scale-up", "nic", "leaf", "spine",
                                                                 "global"};

}  // namespace

std::string_view to_string(LinkKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

Network::Impl::Impl(Wiring&& wiring) : w(std::move(wiring)) {
  const FabricPlan& plan = w.plan;
  const int endpoints = plan.endpoints();
  members = std::min(w.domain_size, endpoints);
  hashed = w.routing == FabricTraits::Routing::ecmp;
  copies = plan.nic_ports();
  leaves_per_copy = plan.leaves();
  const int pod_nodes = plan.pods() * plan.planes();
  spines_per_copy = pod_nodes * plan.spines_per_pod();
  const bool plus = plan.family() == FabricFamily::dragonfly_plus;
  leaf_width = hashed ? plan.leaf_uplinks() : 1;
  spine_width = hashed && !plus ? plan.spine_uplinks() : 1;
  spine_nodes = hashed ? spines_per_copy : pod_nodes;
  if (plan.pods() > 1) {
    const int cables = plus ? plan.spines_per_pod() * plan.spine_uplinks()
                            : plan.leaves_per_group() * plan.global_ports();
    cables_per_pair = cables / (plan.pods() - 1);
  }
  leaf_of.resize(static_cast<std::size_t>(endpoints));
  for (int e = 0; e < endpoints; ++e) leaf_of[static_cast<std::size_t>(e)] = plan.position(e).leaf;
  number_links();
  fill_capacities();
  faulty = !w.faults.empty();
  for (const PartFault& fault : w.faults) met.push_back(apply(fault));
  if (faulty) rebuild_tree();
}

void Network::Impl::number_links() {
  const FabricPlan& plan = w.plan;
  const int endpoints = plan.endpoints();
  const bool tree = plan.family() != FabricFamily::dragonfly;
  const bool plus = plan.family() == FabricFamily::dragonfly_plus;
  const bool mesh = w.domain.shape == DomainShape::mesh;
  const bool torus = w.domain.shape == DomainShape::torus;
  // A port binds in a mesh only where the pairs' links together exceed it.
  has_ports = !torus && (!mesh || w.domain.pair_bandwidth.value.si() * (members - 1) >
                                      w.scale_up.si() * (1 + 1e-9));
  const bool cored = tree && !plus && plan.cores_per_spine() > 0;
  std::array<int, kSections> sizes{};
  sizes[ports] = has_ports && members > 1 ? 2 * endpoints : 0;
  sizes[pairs] = mesh ? endpoints * (members - 1) : 0;
  sizes[rings] = torus ? 6 * endpoints : 0;
  sizes[nics] = 2 * copies * endpoints;
  sizes[leaves] = tree && plan.has_spines() ? 2 * copies * leaves_per_copy * leaf_width : 0;
  sizes[spines] = cored ? 2 * copies * spine_nodes * spine_width : 0;
  sizes[locals] = tree ? 0 : leaves_per_copy * (plan.leaves_per_group() - 1);
  sizes[globals] =
      tree ? (plus ? groups() * (groups() - 1) : 0) : leaves_per_copy * plan.global_ports();
  std::partial_sum(sizes.begin(), sizes.end(), first.begin() + 1);
}

void Network::Impl::fill_capacities() {
  const FabricPlan& plan = w.plan;
  capacity.resize(static_cast<std::size_t>(first.back()));
  const auto fill = [this](Section section, BytesPerSecond rate) {
    std::fill(capacity.begin() + first[section], capacity.begin() + first[section + 1U], rate);
  };
  const BytesPerSecond cable = w.nic * plan.uplink_ratio();
  fill(ports, w.scale_up);
  fill(pairs, w.domain.pair_bandwidth.value);
  for (int link = first[rings]; link < first[rings + 1U]; ++link) {
    const int axis = (link - first[rings]) / 2 % 3;
    const int e = (link - first[rings]) / 6;
    const bool back = (link - first[rings]) % 2 == 1;
    const auto a = static_cast<std::size_t>(axis);
    const int extent = w.domain.dimensions[a];
    const int x = coordinates(e)[a];
    const bool edge = !w.domain.closed[a] && x == (back ? 0 : extent - 1);
    if (extent > 1 && !edge) capacity[static_cast<std::size_t>(link)] = w.domain.axis_bandwidth[a];
  }
  fill(nics, w.nic * plan.port_ratio());
  fill(leaves, cable * (hashed ? 1.0 : plan.leaf_uplinks()));
  fill(spines, cable * (hashed ? 1.0 : plan.spines_per_pod() * plan.spine_uplinks()));
  fill(locals, cable);
  fill(globals, cable);
  if (plan.family() == FabricFamily::dragonfly_plus && groups() > 1) {
    fill(globals, cable * (static_cast<double>(plan.spines_per_pod() * plan.spine_uplinks()) /
                           (groups() - 1)));
  }
}

Network::Impl::Section Network::Impl::section_of(int link) const {
  AISLE_ASSERT(link >= 0 && link < first.back(), "links are numbered from 0");
  std::size_t section = 0;
  while (link >= first[section + 1]) ++section;
  return static_cast<Section>(section);
}

int Network::Impl::pod_node(int leaf) const {
  const int in_copy = leaf % leaves_per_copy, copy = leaf / leaves_per_copy;
  const int planes = w.plan.planes();
  return (copy * w.plan.pods() + w.plan.pod_of_leaf(in_copy)) * planes +
         w.plan.plane_of_leaf(in_copy);
}

int Network::Impl::spine_of(int leaf, int position) const {
  return pod_node(leaf) * w.plan.spines_per_pod() + position;
}

int Network::Impl::core_of(int spine, int reach) const {
  const int per_pod = w.plan.spines_per_pod(), planes = w.plan.planes();
  const int copy = spine / spines_per_copy;
  const int in_pod = spine % (planes * per_pod);
  return (copy * planes * per_pod + in_pod) * w.plan.cores_per_spine() + reach;
}

std::array<int, 3> Network::Impl::coordinates(int e) const {
  const auto& extent = w.domain.dimensions;
  const int m = e % members;
  return {m % extent[0], m / extent[0] % extent[1], m / extent[0] / extent[1]};
}

int Network::Impl::axis_stride(int axis) const {
  int stride = 1;
  for (int lower = 0; lower < axis; ++lower) {
    stride *= w.domain.dimensions[static_cast<std::size_t>(lower)];
  }
  return stride;
}

int Network::Impl::hops(int a, int b) const {
  if (w.domain.shape != DomainShape::torus) return 1;
  const auto from = coordinates(a), to = coordinates(b);
  int sum = 0;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int away = std::abs(to[axis] - from[axis]);
    sum += w.domain.closed[axis] ? std::min(away, w.domain.dimensions[axis] - away) : away;
  }
  return sum;
}

Network::Network(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Network::~Network() = default;
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;

int Network::endpoints() const {
  return impl_->w.plan.endpoints();
}

int Network::links() const {
  return impl_->first.back();
}

BytesPerSecond Network::capacity(std::int32_t link) const {
  return impl_->capacity[static_cast<std::size_t>(link)];
}

LinkKind Network::kind(std::int32_t link) const {
  switch (impl_->section_of(link)) {
    case Impl::ports:
    case Impl::pairs:
    case Impl::rings:
      return LinkKind::scale_up;
    case Impl::nics:
      return LinkKind::nic;
    case Impl::leaves:
    case Impl::locals:
      return LinkKind::leaf;
    case Impl::spines:
      return LinkKind::spine;
    case Impl::globals:
      break;
  }
  return LinkKind::global;
}

bool Network::outward(std::int32_t link) const {
  switch (const Impl::Section section = impl_->section_of(link)) {
    case Impl::ports:
    case Impl::nics:
    case Impl::leaves:
    case Impl::spines:
      return (link - impl_->first[section]) % 2 == 0;
    case Impl::pairs:
    case Impl::rings:
    case Impl::locals:
    case Impl::globals:
      break;
  }
  return true;
}

std::string Network::Impl::scale_up_name(Section section, int index) const {
  const std::string& word = w.accelerator_word;
  if (section == ports) {
    return fmt::format("scale-up {} {}", index / 2, index % 2 == 1 ? "in" : "out");
  }
  if (section == rings) {
    return fmt::format("{} {} {}{}", word, index / 6, "xyz"[index / 2 % 3],
                       index % 2 == 1 ? '-' : '+');
  }
  const int from = index / (members - 1), other = index % (members - 1);
  const int to = other + (other >= from % members ? 1 : 0);
  return fmt::format("{} {} -> {} {}", word, from, word, from / members * members + to);
}

std::string Network::Impl::tree_name(Section section, int index) const {
  std::string low, high, cable;
  const auto numbered = [&](int width) {
    if (width > 1) cable = fmt::format(" cable {}", index / 2 % width);
    return index / 2 % width;
  };
  if (section == nics) {
    const int e = index / 2 / copies, copy = index / 2 % copies;
    low = fmt::format("nic {}", e);
    high = fmt::format("leaf {}", copy * leaves_per_copy + leaf_of[static_cast<std::size_t>(e)]);
  } else if (section == leaves) {
    const int leaf = index / 2 / leaf_width, number = numbered(leaf_width);
    low = fmt::format("leaf {}", leaf);
    high = hashed ? fmt::format("spine {}", spine_of(leaf, number % w.plan.spines_per_pod()))
                  : "spines";
  } else {
    const int node = index / 2 / spine_width, number = numbered(spine_width);
    low = fmt::format("{} {}", hashed ? "spine" : "pod", node);
    high =
        hashed ? fmt::format("core {}", core_of(node, number % w.plan.cores_per_spine())) : "cores";
  }
  return (index % 2 == 1 ? high + " -> " + low : low + " -> " + high) + cable;
}

std::string Network::Impl::group_name(Section section, int index) const {
  if (section == globals && w.plan.family() == FabricFamily::dragonfly) {
    const int each = w.plan.global_ports();
    return fmt::format("leaf {} global {}", index / each, index % each);
  }
  const bool local_link = section == locals;
  const int size = local_link ? w.plan.leaves_per_group() : groups();
  const int from = index / (size - 1), other = index % (size - 1);
  const int to = other + (other >= from % size ? 1 : 0);
  const char* word = local_link ? "leaf" : "group";
  return fmt::format("{} {} -> {} {}", word, from, word, from / size * size + to);
}

std::string Network::name(std::int32_t link) const {
  const Impl::Section section = impl_->section_of(link);
  const int index = link - impl_->first[section];
  switch (section) {
    case Impl::ports:
    case Impl::pairs:
    case Impl::rings:
      return impl_->scale_up_name(section, index);
    case Impl::nics:
    case Impl::leaves:
    case Impl::spines:
      return impl_->tree_name(section, index);
    case Impl::locals:
    case Impl::globals:
      break;
  }
  return impl_->group_name(section, index);
}

const std::vector<bool>& Network::faults_met() const {
  return impl_->met;
}

bool Network::route(int a, int b, std::uint64_t hash, bool relay, std::vector<Use>& uses) const {
  if (a == b) return true;
  const std::size_t before = uses.size();
  if (a / impl_->members == b / impl_->members) {
    if (impl_->inside(a, b, uses)) return true;
    uses.resize(before);
  }
  if (impl_->outside(a, b, hash, relay, uses)) return true;
  uses.resize(before);
  return false;
}

Seconds Network::latency(int a, int b) const {
  const Impl& n = *impl_;
  if (a == b) return {};
  if (a / n.members == b / n.members) return n.hops(a, b) * n.w.scale_up_hop;
  const int from = n.leaf_of[static_cast<std::size_t>(a)];
  int to = n.leaf_of[static_cast<std::size_t>(b)];
  Seconds wire = n.w.one_leaf_hop;
  if (n.w.plan.plane_of_leaf(from) != n.w.plan.plane_of_leaf(to)) {  // over b's rail, see route()
    const int gateway = a / n.members * n.members + b % n.members;
    wire += n.hops(a, gateway) * n.w.scale_up_hop;
    if (n.leaf_of[static_cast<std::size_t>(gateway)] == to) return wire;
  } else if (from == to) {
    return wire;
  }
  const bool same_pod = n.w.plan.pod_of_leaf(from) == n.w.plan.pod_of_leaf(to);
  switch (n.w.plan.family()) {
    case FabricFamily::dragonfly:
      return wire + (same_pod ? 1.0 : 3.0) * n.w.switch_hop;
    case FabricFamily::dragonfly_plus:
      return wire + (same_pod ? 2.0 : 3.0) * n.w.switch_hop;
    case FabricFamily::fat_tree:
      break;
  }
  return wire + (same_pod ? 2.0 : 4.0) * n.w.switch_hop;
}

}  // namespace aisle::topology
