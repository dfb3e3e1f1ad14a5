// SPDX-License-Identifier: Apache-2.0
#include "sim/base/hash.hpp"
#include "topology/network_impl.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace aisle::topology {

namespace {

using Hash = std::uint64_t;

template <typename... T>
Hash combined(T... values) {
  Hash h = 0x51ed270b;
  ((h = mixed(std::rotl(h, 23) + 0x2545f4914f6cdd1dULL * static_cast<Hash>(values))), ...);
  return h;
}

/// Rates a billionth apart are one: they come from different orders of multiplication.
Hash rate_hash(BytesPerSecond rate) {
  return static_cast<Hash>(std::llround(rate.si() / 1e3));
}

std::vector<std::int32_t> numbered(const std::vector<Hash>& hashes) {
  std::vector<Hash> distinct = hashes;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<std::int32_t> numbers;
  numbers.reserve(hashes.size());
  for (const Hash h : hashes) {
    numbers.push_back(static_cast<std::int32_t>(
        std::lower_bound(distinct.begin(), distinct.end(), h) - distinct.begin()));
  }
  return numbers;
}

/// Colour refinement over what routes depend on: endpoints, their domains, local indices and rails,
/// leaves, pods and planes. A vertex's colour becomes the hash of its own and of its neighbours'
/// until no class splits any more.
class Refinement {
 public:
  Refinement(const Network::Impl& network, std::span<const std::int32_t> given)
      : n_(network), given_(given) {
    const FabricPlan& plan = n_.w.plan;
    fabric_ = plan.endpoints() > n_.members || n_.faulty;
    unique_ = (n_.hashed && (plan.has_spines() || !is_tree()) && fabric_) ||
              (n_.faulty && !is_tree()) || (n_.faulty && torus()) ||
              (torus() && !is_tree() && fabric_);
    if (!unique_ && !is_tree() && fabric_) unique_ = !groups_are_alike();
    refine();
    if (torus() && !unique_ && !rings_are_even()) {
      unique_ = true;
      refine();
    }
  }

  Network::Colours colours() const {
    std::vector<Hash> links(n_.capacity.size());
    for (std::size_t link = 0; link < links.size(); ++link) {
      const int id = static_cast<int>(link);
      links[link] = unique_
                        ? combined(link)
                        : combined(n_.section_of(id), link_hash(id), rate_hash(n_.capacity[link]));
    }
    return {numbered(endpoint_), numbered(links)};
  }

 private:
  bool torus() const { return n_.w.domain.shape == DomainShape::torus && n_.members > 1; }

  bool is_tree() const { return n_.w.plan.family() != FabricFamily::dragonfly; }

  int pod_nodes() const { return n_.w.plan.pods() * n_.w.plan.planes(); }

  /// Dragonfly: turning the groups by one is a symmetry where all are full and coloured alike.
  bool groups_are_alike() const {
    const int per_group = group_endpoints();
    if (n_.w.plan.endpoints() % per_group != 0) return false;
    for (std::size_t e = 0; e < given_.size(); ++e) {
      if (given_[e] != given_[e % static_cast<std::size_t>(per_group)]) return false;
    }
    return true;
  }

  int group_endpoints() const {
    const int size = n_.w.plan.leaves_per_group();
    const auto second =
        std::find_if(n_.leaf_of.begin(), n_.leaf_of.end(), [&](int leaf) { return leaf >= size; });
    return static_cast<int>(second - n_.leaf_of.begin());
  }

  /// Along an open axis only mirror images are alike; along a closed one all are.
  Hash place_in_torus(int e) const {
    if (!torus()) return 0;
    const auto at = n_.coordinates(e);
    Hash h = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (n_.w.domain.closed[axis]) continue;
      h = combined(h, axis, std::min(at[axis], n_.w.domain.dimensions[axis] - 1 - at[axis]));
    }
    return h;
  }

  bool rings_are_even() const {
    for (int e = 0; e < n_.w.plan.endpoints(); e += n_.members) {
      std::vector<std::pair<Hash, Hash>> seen;
      for (int m = e; m < e + n_.members; ++m) {
        seen.emplace_back(place_in_torus(m), endpoint_[static_cast<std::size_t>(m)]);
      }
      std::sort(seen.begin(), seen.end());
      for (std::size_t i = 1; i < seen.size(); ++i) {
        if (seen[i].first == seen[i - 1].first && seen[i].second != seen[i - 1].second) {
          return false;
        }
      }
    }
    return true;
  }

  /// Whether live leaves of one plane have lost each other: then neighbours stand in everywhere.
  bool tree_is_cut() const {
    std::vector<int> touched;
    for (const auto& [ends, share] : n_.leaf_spine) touched.push_back(ends.first);
    for (const auto& [ends, share] : n_.spine_core) {
      for (int leaf = 0; leaf < n_.copies * n_.leaves_per_copy; ++leaf) {
        const int position = ends.first % n_.w.plan.spines_per_pod();
        if (n_.spine_of(leaf, position) != ends.first) continue;
        touched.push_back(leaf);
        break;  // leaves of one pod share their spines
      }
    }
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    std::vector<bool> live(static_cast<std::size_t>(n_.leaves_per_copy * n_.copies));
    for (int e = 0; e < n_.w.plan.endpoints(); ++e) {
      for (int copy = 0; copy < n_.copies; ++copy) {
        if (n_.live(n_.nic(e, copy, false))) live[leaf_index(e, copy)] = true;
      }
    }
    const auto tree_of = [&](int leaf) {
      return std::pair(leaf / n_.leaves_per_copy,
                       n_.w.plan.plane_of_leaf(leaf % n_.leaves_per_copy));
    };
    for (const int leaf : touched) {
      for (std::size_t l = 0; live[static_cast<std::size_t>(leaf)] && l < live.size(); ++l) {
        const int other = static_cast<int>(l);
        if (live[l] && tree_of(leaf) == tree_of(other) && !n_.connected(leaf, other)) return true;
      }
    }
    return false;
  }

  /// Domains with a fault: who stands in for whom there goes by local index.
  std::vector<bool> pinned_domains() const {
    std::vector<bool> pinned(domain_.size(), is_tree() && tree_is_cut());
    for (int e = 0; e < n_.w.plan.endpoints(); ++e) {
      bool whole = n_.nic_is_live(e);
      const auto check = [&](int link) { whole = whole && n_.live(link); };
      if (n_.has_ports && n_.members > 1) {
        check(n_.port(e, false));
        check(n_.port(e, true));
      }
      if (n_.w.domain.shape == DomainShape::mesh) {
        const int base = e / n_.members * n_.members;
        for (int other = base; other < base + n_.members; ++other) {
          if (other == e) continue;
          const auto link = static_cast<std::size_t>(n_.pair(e, other));
          whole = whole && n_.capacity[link] == n_.w.domain.pair_bandwidth.value;
        }
      }
      if (!whole) pinned[static_cast<std::size_t>(e / n_.members)] = true;
    }
    return pinned;
  }

  void start() {
    const FabricPlan& plan = n_.w.plan;
    const auto endpoints = static_cast<std::size_t>(plan.endpoints());
    endpoint_.assign(endpoints, 0);
    domain_.assign((endpoints - 1) / static_cast<std::size_t>(n_.members) + 1, 1);
    index_.assign(static_cast<std::size_t>(n_.members), 2);
    rail_.assign(static_cast<std::size_t>(plan.rails()), 3);
    leaf_.assign(static_cast<std::size_t>(n_.copies * n_.leaves_per_copy), 4);
    pod_.assign(static_cast<std::size_t>(n_.copies * pod_nodes()), 5);
    plane_.assign(static_cast<std::size_t>(n_.copies * plan.planes()), 6);
    const std::vector<bool> pinned = n_.faulty ? pinned_domains() : std::vector<bool>();
    for (std::size_t e = 0; e < endpoints; ++e) {
      const int id = static_cast<int>(e);
      const bool pin = n_.faulty && pinned[e / static_cast<std::size_t>(n_.members)];
      Hash h = combined(given_[e], place_in_torus(id), pin ? id % n_.members + 1 : 0);
      if (n_.has_ports && n_.members > 1) {
        h = combined(h, rate(n_.port(id, false)), rate(n_.port(id, true)));
      }
      if (!is_tree() && fabric_) h = combined(h, id % group_size_);
      endpoint_[e] = unique_ ? combined(e) : h;
    }
    if (!fabric_ || n_.hashed || !plan.has_spines()) return;
    for (std::size_t l = 0; l < leaf_.size(); ++l) {
      leaf_[l] = combined(rate(n_.leaf_link(static_cast<int>(l), 0, false)));
    }
    const bool cored = n_.first[Network::Impl::spines] < n_.first[Network::Impl::spines + 1U];
    for (std::size_t p = 0; cored && p < pod_.size(); ++p) {
      pod_[p] = combined(rate(n_.spine_link(static_cast<int>(p), 0, false)));
    }
  }

  Hash rate(int link) const { return rate_hash(n_.capacity[static_cast<std::size_t>(link)]); }

  std::size_t classes() const {
    std::vector<Hash> all;
    for (const auto* level : {&endpoint_, &domain_, &index_, &rail_, &leaf_, &pod_, &plane_}) {
      all.insert(all.end(), level->begin(), level->end());
    }
    std::sort(all.begin(), all.end());
    return static_cast<std::size_t>(std::unique(all.begin(), all.end()) - all.begin());
  }

  void refine() {
    group_size_ = is_tree() ? 1 : std::max(1, group_endpoints());
    start();
    if (unique_) return;
    for (std::size_t before = 0, now = classes(); now != before; now = classes()) {
      before = now;
      gather_endpoints();
      if (fabric_) gather_tree();
      spread();
    }
  }

  void gather_endpoints() {
    std::vector<Hash> domain(domain_.size()), index(index_.size()), leaf(leaf_.size());
    for (std::size_t e = 0; e < endpoint_.size(); ++e) {
      const int id = static_cast<int>(e);
      domain[e / index_.size()] += mixed(endpoint_[e]);
      if (!fabric_) continue;
      index[e % index_.size()] += mixed(endpoint_[e]);
      for (int copy = 0; copy < n_.copies; ++copy) {
        leaf[leaf_index(id, copy)] += combined(endpoint_[e], rate(n_.nic(id, copy, false)));
      }
    }
    for (std::size_t d = 0; d < domain.size(); ++d) domain_[d] = combined(domain_[d], domain[d]);
    if (!fabric_) return;
    for (std::size_t i = 0; i < index.size(); ++i) index_[i] = combined(index_[i], index[i]);
    for (std::size_t l = 0; l < leaf.size(); ++l) leaf_[l] = combined(leaf_[l], leaf[l]);
  }

  void gather_tree() {
    std::vector<Hash> rail(rail_.size()), pod(pod_.size()), plane(plane_.size());
    for (std::size_t i = 0; i < index_.size(); ++i) rail[i % rail.size()] += mixed(index_[i]);
    for (std::size_t l = 0; l < leaf_.size(); ++l) {
      pod[static_cast<std::size_t>(n_.pod_node(static_cast<int>(l)))] += mixed(leaf_[l]);
    }
    for (std::size_t r = 0; r < rail.size(); ++r) rail_[r] = combined(rail_[r], rail[r]);
    for (std::size_t p = 0; p < pod.size(); ++p) pod_[p] = combined(pod_[p], pod[p]);
    for (std::size_t p = 0; p < pod.size(); ++p) plane[plane_index(p)] += mixed(pod_[p]);
    for (std::size_t p = 0; p < plane.size(); ++p) plane_[p] = combined(plane_[p], plane[p]);
  }

  void spread() {
    if (fabric_) {
      for (std::size_t p = 0; p < pod_.size(); ++p) {
        pod_[p] = combined(pod_[p], plane_[plane_index(p)]);
      }
      for (std::size_t l = 0; l < leaf_.size(); ++l) {
        const auto pod = static_cast<std::size_t>(n_.pod_node(static_cast<int>(l)));
        leaf_[l] = combined(leaf_[l], pod_[pod]);
      }
      for (std::size_t i = 0; i < index_.size(); ++i) {
        index_[i] = combined(index_[i], rail_[i % rail_.size()]);
      }
    }
    for (std::size_t e = 0; e < endpoint_.size(); ++e) {
      Hash around = 0;
      for (int copy = 0; fabric_ && copy < n_.copies; ++copy) {
        const int id = static_cast<int>(e);
        around += combined(leaf_[leaf_index(id, copy)], rate(n_.nic(id, copy, false)));
      }
      endpoint_[e] = combined(endpoint_[e], domain_[e / index_.size()], around,
                              fabric_ ? index_[e % index_.size()] : 0);
    }
  }

  std::size_t leaf_index(int e, int copy) const {
    return static_cast<std::size_t>(copy * n_.leaves_per_copy +
                                    n_.leaf_of[static_cast<std::size_t>(e)]);
  }

  std::size_t plane_index(std::size_t pod) const {
    const auto nodes = static_cast<std::size_t>(pod_nodes());
    const auto planes = static_cast<std::size_t>(n_.w.plan.planes());
    return pod / nodes * planes + pod % planes;
  }

  Hash endpoint(int e) const { return endpoint_[static_cast<std::size_t>(e)]; }

  Hash link_hash(int link) const {
    const Network::Impl::Section section = n_.section_of(link);
    const int index = link - n_.first[section];
    switch (section) {
      case Network::Impl::ports:
        return combined(endpoint(index / 2), index % 2);
      case Network::Impl::pairs: {
        const int from = index / (n_.members - 1), other = index % (n_.members - 1);
        const int to = other + (other >= from % n_.members ? 1 : 0);
        return combined(endpoint(from), endpoint(from / n_.members * n_.members + to));
      }
      case Network::Impl::rings: {
        const auto axis = static_cast<std::size_t>(index / 2 % 3);
        const int x = n_.coordinates(index / 6)[axis];
        const bool back = index % 2 == 1;
        const int along = back ? n_.w.domain.dimensions[axis] - 1 - x : x;
        return combined(endpoint(index / 6), axis, n_.w.domain.closed[axis] ? 0 : along + 1);
      }
      case Network::Impl::nics: {
        const int e = index / 2 / n_.copies;
        return combined(endpoint(e), leaf_[leaf_index(e, index / 2 % n_.copies)], index % 2);
      }
      case Network::Impl::leaves:
        return combined(leaf_[static_cast<std::size_t>(index / 2 / n_.leaf_width)], index % 2);
      case Network::Impl::spines:
        return n_.hashed ? 0 : combined(pod_[static_cast<std::size_t>(index / 2)], index % 2);
      case Network::Impl::locals: {
        const int size = n_.w.plan.leaves_per_group();
        return combined(index % (size * (size - 1)));
      }
      case Network::Impl::globals:
        break;
    }
    if (!is_tree())
      return combined(index % (n_.w.plan.leaves_per_group() * n_.w.plan.global_ports()));
    const int from = index / (n_.groups() - 1), other = index % (n_.groups() - 1);
    return combined(pod_[static_cast<std::size_t>(from)],
                    pod_[static_cast<std::size_t>(other + (other >= from ? 1 : 0))]);
  }

  const Network::Impl& n_;
  std::span<const std::int32_t> given_;
  bool fabric_ = true;   ///< traffic may leave the domain
  bool unique_ = false;  ///< no symmetry known
  int group_size_ = 1;
  std::vector<Hash> endpoint_, domain_, index_, rail_, leaf_, pod_, plane_;
};

}  // namespace

Network::Colours Network::symmetry(std::span<const std::int32_t> endpoint_colour) const {
  AISLE_ASSERT(static_cast<int>(endpoint_colour.size()) == endpoints(),
               "every endpoint has a colour");
  return Refinement(*impl_, endpoint_colour).colours();
}

}  // namespace aisle::topology
