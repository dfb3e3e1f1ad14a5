// SPDX-License-Identifier: Apache-2.0
#include "topology/graph.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/base/hash.hpp"

#include <boost/graph/adjacency_list.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

namespace aisle::topology {

namespace {

struct Link {
  BytesPerSecond cable;  ///< what one flow can get
  Seconds latency;
};

using Adjacency =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS, boost::no_property, Link>;

constexpr int kKinds = 6;
constexpr int kUnreached = std::numeric_limits<int>::max();

std::uint64_t pair_hash(int a, int b, std::size_t step) {
  const auto pair = (static_cast<std::uint64_t>(a) << 32) | static_cast<std::uint64_t>(b);
  return mixed(mixed(pair) + step);
}

}  // namespace

struct Graph::Impl {
  std::array<int, kKinds + 1> first{};  ///< first vertex of each kind
  Adjacency adjacency;

  int id(Kind kind, int number) const { return first[static_cast<std::size_t>(kind)] + number; }

  void join(int a, int b, BytesPerSecond cable, Seconds latency) {
    boost::add_edge(static_cast<std::size_t>(a), static_cast<std::size_t>(b), Link{cable, latency},
                    adjacency);
  }

  void add_endpoints(const FabricPlan& plan, int domain_size, const LinkRates& rates) {
    for (int i = 0; i < plan.endpoints(); ++i) {
      const int accelerator = id(Kind::accelerator, i), nic = id(Kind::nic, i);
      join(accelerator, id(Kind::domain, i / domain_size), rates.scale_up,
           rates.scale_up_hop / 2.0);
      join(accelerator, nic, rates.nic, Seconds{});
      join(nic, id(Kind::leaf, plan.position(i).leaf), rates.nic, rates.one_leaf_hop / 2.0);
    }
  }

  void add_spines(const FabricPlan& plan, const LinkRates& rates) {
    const int spines = plan.spines_per_pod();
    std::vector<bool> seen(static_cast<std::size_t>(plan.leaves()));
    for (int i = 0; i < plan.endpoints(); ++i) {
      const auto at = plan.position(i);
      if (seen[static_cast<std::size_t>(at.leaf)]) continue;
      seen[static_cast<std::size_t>(at.leaf)] = true;
      const int first_spine = (at.pod * plan.planes() + at.plane) * spines;
      for (int s = 0; s < spines; ++s) {
        join(id(Kind::leaf, at.leaf), id(Kind::spine, first_spine + s), rates.nic,
             rates.switch_hop);
      }
    }
    const int reach = plan.cores_per_spine();
    for (int spine = 0; spine < plan.pods() * plan.planes() * spines; ++spine) {
      for (int c = 0; c < reach; ++c) {
        join(id(Kind::spine, spine), id(Kind::core, spine % (plan.planes() * spines) * reach + c),
             rates.nic, rates.switch_hop);
      }
    }
  }

  /// Dragonflies: leaves of a group to each other (with plus over its spines), and the cables
  /// between groups, dealt in order over the switches that have the ports for them.
  void add_groups(const FabricPlan& plan, const LinkRates& rates) {
    const bool plus = plan.family() == FabricFamily::dragonfly_plus;
    const Kind hub = plus ? Kind::spine : Kind::leaf;
    const int groups = plan.pods(), size = plus ? plan.spines_per_pod() : plan.leaves_per_group();
    const int each = plus ? plan.spine_uplinks() : plan.global_ports();
    for (int leaf = 0; !plus && leaf < plan.leaves(); ++leaf) {
      for (int other = leaf + 1; other < (leaf / size + 1) * size; ++other) {
        join(id(hub, leaf), id(hub, other), rates.nic, rates.switch_hop);
      }
    }
    const int cables = groups > 1 ? size * each / (groups - 1) : 0;
    for (int g = 0; g < groups; ++g) {
      for (int ahead = 1; ahead <= groups / 2; ++ahead) {
        const int h = (g + ahead) % groups;
        if (2 * ahead == groups && g > h) continue;  // met from the other side
        for (int cable = 0; cable < cables; ++cable) {
          const int out = ((ahead - 1) * cables + cable) / each;
          const int back = ((groups - ahead - 1) * cables + cable) / each;
          join(id(hub, g * size + out), id(hub, h * size + back), rates.nic, rates.switch_hop);
        }
      }
    }
  }

  /// Steps from every vertex to `target`, breadth first; other accelerators pass nothing on unless
  /// `forwarding`.
  std::vector<int> distances(int target, bool forwarding) const {
    std::vector<int> distance(boost::num_vertices(adjacency), kUnreached);
    std::vector<int> queue{target};
    distance[static_cast<std::size_t>(target)] = 0;
    for (std::size_t head = 0; head < queue.size(); ++head) {
      const int v = queue[head];
      const bool ends_here = v != target && v < first[1] && !forwarding;
      if (ends_here) continue;
      const auto [begin, end] = boost::adjacent_vertices(static_cast<std::size_t>(v), adjacency);
      for (auto next = begin; next != end; ++next) {
        if (distance[*next] != kUnreached) continue;
        distance[*next] = distance[static_cast<std::size_t>(v)] + 1;
        queue.push_back(static_cast<int>(*next));
      }
    }
    return distance;
  }
};

Graph::Graph(const FabricPlan& plan, int domain_size, const LinkRates& rates)
    : impl_(std::make_unique<Impl>()) {
  const int domains = (plan.endpoints() + domain_size - 1) / domain_size;
  const FabricCounts counts = plan.counts();
  const std::array<int, kKinds> sizes = {plan.endpoints(),      domains,
                                         plan.endpoints(),      counts.leaf_switches,
                                         counts.spine_switches, counts.core_switches};
  for (std::size_t k = 0; k < sizes.size(); ++k) impl_->first[k + 1] = impl_->first[k] + sizes[k];
  impl_->adjacency = Adjacency(static_cast<std::size_t>(impl_->first[kKinds]));
  impl_->add_endpoints(plan, domain_size, rates);
  if (plan.has_spines()) impl_->add_spines(plan, rates);
  if (plan.family() != FabricFamily::fat_tree) impl_->add_groups(plan, rates);
}

Graph::~Graph() = default;

Graph::Path Graph::path(int a, int b) const {
  std::vector<int> distance = impl_->distances(b, false);
  if (distance[static_cast<std::size_t>(a)] == kUnreached) distance = impl_->distances(b, true);
  AISLE_ASSERT(distance[static_cast<std::size_t>(a)] != kUnreached, "the graph is connected");
  Path path{{a}, BytesPerSecond::from_si(std::numeric_limits<double>::infinity()), Seconds{}};
  for (int at = a; at != b; at = path.vertices.back()) {
    std::vector<std::pair<int, Link>> next;
    const auto [begin, end] = boost::out_edges(static_cast<std::size_t>(at), impl_->adjacency);
    for (auto edge = begin; edge != end; ++edge) {
      const auto to = boost::target(*edge, impl_->adjacency);
      if (distance[to] != kUnreached &&
          distance[to] + 1 == distance[static_cast<std::size_t>(at)]) {
        next.emplace_back(static_cast<int>(to), impl_->adjacency[*edge]);
      }
    }
    const auto& [to, link] = next[pair_hash(a, b, path.vertices.size()) % next.size()];
    path.vertices.push_back(to);
    path.narrowest = std::min(path.narrowest, link.cable);
    path.latency += link.latency;
  }
  return path;
}

Graph::Vertex Graph::vertex(int id) const {
  std::size_t kind = 0;
  while (id >= impl_->first[kind + 1]) ++kind;
  return {static_cast<Kind>(kind), id - impl_->first[kind]};
}

}  // namespace aisle::topology
