// SPDX-License-Identifier: Apache-2.0
#include "topology/cluster.hpp"

#include "topology/cluster_impl.hpp"
#include "topology/network_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace aisle::topology {

const Graph& Cluster::Impl::graph() const {
  std::call_once(graph_once, [this] {
    built_graph.emplace(*fabric, domain_size,
                        LinkRates{pair_bandwidth.value, nic.value, scale_up.latency,
                                  scale_out.latency, switch_latency});
  });
  return *built_graph;
}

const Network& Cluster::Impl::network() const {
  std::call_once(network_once, [this] {
    built_network.emplace(std::make_unique<Network::Impl>(
        Wiring{*fabric, domain_size, domain, scale_up.bandwidth.value, nic.value, traits.routing,
               scale_up.latency, scale_out.latency, switch_latency, accelerator_word, faults}));
  });
  return *built_network;
}

Cluster::Cluster(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Cluster::~Cluster() = default;
Cluster::Cluster(Cluster&&) noexcept = default;
Cluster& Cluster::operator=(Cluster&&) noexcept = default;

int Cluster::count() const {
  return impl_->count;
}

const Accelerator& Cluster::accelerator() const {
  return impl_->accelerator;
}

int Cluster::domain_size() const {
  return impl_->domain_size;
}

const Tier& Cluster::scale_up() const {
  return impl_->scale_up;
}

const Tier& Cluster::scale_out() const {
  return impl_->scale_out;
}

const Domain& Cluster::domain() const {
  return impl_->domain;
}

const FabricTraits& Cluster::fabric() const {
  return impl_->traits;
}

const Network& Cluster::network() const {
  return impl_->network();
}

Watts Cluster::host_power() const {
  return impl_->host_power.value;
}

double Cluster::slowest_factor() const {
  return impl_->slowest_factor;
}

Basis Cluster::host_power_basis() const {
  return impl_->host_power.basis;
}

const NodePower& Cluster::node_power() const {
  return impl_->node_power;
}

const std::string& Cluster::system_name() const {
  return impl_->system_name;
}

const std::string& Cluster::fabric_name() const {
  return impl_->fabric_name;
}

FabricCounts Cluster::fabric_counts() const {
  return impl_->fabric->counts();
}

const std::vector<BillRow>& Cluster::bill_of_materials() const {
  return impl_->bill;
}

const std::vector<std::string>& Cluster::notes() const {
  return impl_->notes;
}

Hierarchy Cluster::hierarchy(std::span<const int> group) const {
  AISLE_ASSERT(!group.empty(), "a group has members");
  std::vector<int> domains, units;
  for (const int member : group) {
    AISLE_ASSERT(member >= 0 && member < impl_->count, "members are accelerators of the cluster");
    domains.push_back(member / impl_->domain_size);
    units.push_back(impl_->fabric->position(member).unit);
  }
  std::sort(domains.begin(), domains.end());
  std::sort(units.begin(), units.end());
  Hierarchy result{static_cast<int>(group.size()), 0, static_cast<int>(group.size()), 0};
  for (auto from = domains.begin(); from != domains.end();) {
    const auto to = std::upper_bound(from, domains.end(), *from);
    ++result.domains;
    result.per_domain = std::min(result.per_domain, static_cast<int>(to - from));
    from = to;
  }
  result.pods = static_cast<int>(std::unique(units.begin(), units.end()) - units.begin());
  return result;
}

std::vector<std::string> Cluster::path(int a, int b) const {
  const Graph& graph = impl_->graph();
  std::vector<std::string> names;
  for (const int id : graph.path(a, b).vertices) {
    const auto [kind, number] = graph.vertex(id);
    std::string_view word;
    switch (kind) {
      case Graph::Kind::accelerator:
        word = impl_->accelerator_word;
        break;
      case Graph::Kind::domain:
        word = impl_->domain_word;
        break;
      case Graph::Kind::nic:
        word = "nic";
        break;
      case Graph::Kind::leaf:
        word = "leaf";
        break;
      case Graph::Kind::spine:
        word = "spine";
        break;
      case Graph::Kind::core:
        word = "core";
        break;
    }
    names.push_back(fmt::format("{} {}", word, number));
  }
  return names;
}

Tier Cluster::path_tier(int a, int b) const {
  const Graph::Path path = impl_->graph().path(a, b);
  if (a == b) return {impl_->accelerator.hbm_bandwidth, Seconds{}};
  const bool inside = a / impl_->domain_size == b / impl_->domain_size;
  return {{path.narrowest, inside ? impl_->pair_bandwidth.basis : impl_->nic.basis}, path.latency};
}

BytesPerSecond Cluster::cut_capacity(std::span<const int> group) const {
  std::vector<int> inside(static_cast<std::size_t>((impl_->count - 1) / impl_->domain_size + 1));
  for (const int member : group) ++inside[static_cast<std::size_t>(member / impl_->domain_size)];
  const int size = std::min(impl_->count, impl_->domain_size);
  int pairs = 0;
  for (const int members : inside) pairs += std::min(members, size - members);
  return static_cast<double>(pairs) * impl_->scale_up.bandwidth.value +
         impl_->fabric->cut(group, impl_->nic.value);
}

std::vector<PackageLink> Cluster::package() const {
  const Accelerator& chip = impl_->accelerator;
  const bool has_io_dies = chip.io_dies > 0;
  const int hubs = has_io_dies ? chip.io_dies : chip.compute_dies;
  const std::string hub = has_io_dies ? "io" : "die";
  const auto name = [](std::string_view word, int number) {
    return fmt::format("{} {}", word, number);
  };
  std::vector<PackageLink> links;
  // More than two hubs stand in a ring, each link with what is published between two of them.
  for (int h = 0; h + 1 < hubs || (h + 1 == hubs && hubs > 2); ++h) {
    links.push_back({name(hub, h), name(hub, (h + 1) % hubs), chip.die_to_die});
  }
  for (int die = 0; has_io_dies && die < chip.compute_dies; ++die) {
    links.push_back({name(hub, die * hubs / chip.compute_dies), name("die", die), {}});
  }
  for (int stack = 0; stack < chip.hbm_stacks; ++stack) {
    links.push_back({name(hub, stack * hubs / chip.hbm_stacks),
                     name("stack", stack),
                     {chip.hbm_bandwidth.value / chip.hbm_stacks, chip.hbm_bandwidth.basis}});
  }
  return links;
}

}  // namespace aisle::topology
