// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/schedule.hpp"

#include "sim/base/diagnostics.hpp"
#include "topology/network.hpp"
#include "workloads/collectives/exchange.hpp"
#include "workloads/collectives/traffic_builder.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

namespace aisle::workloads {

namespace {

using topology::DomainShape;

/// Members by scale-up domain, in order of rank.
std::vector<std::vector<int>> by_domain(const CollectiveJob& job,
                                        const topology::Cluster& cluster) {
  std::vector<std::vector<int>> domains;
  std::vector<int> at(static_cast<std::size_t>(cluster.count() / cluster.domain_size() + 1), -1);
  for (const int member : job.members) {
    int& domain = at[static_cast<std::size_t>(member / cluster.domain_size())];
    if (domain < 0) {
      domain = static_cast<int>(domains.size());
      domains.emplace_back();
    }
    domains[static_cast<std::size_t>(domain)].push_back(member);
  }
  return domains;
}

/// A directed edge between domains, by index.
struct Edge {
  int from, to;
};

std::vector<Edge> ring_edges(int domains) {
  std::vector<Edge> edges;
  for (int d = 0; d < domains; ++d) edges.push_back({d, (d + 1) % domains});
  return edges;
}

/// Parent in a balanced binary tree over 0..size-1 in order, with 0 above its root: the lowest set
/// bit moves up by one place, or is dropped where that leads outside.
int parent_in_tree(int node, int size) {
  const int lowest = node & -node;
  const int above = (node ^ lowest) | (lowest << 1);
  return above < size ? above : node ^ lowest;
}

/// Both directions of the edges of a double binary tree, each tree with half of the data. The
/// second tree numbers the domains backwards (even size) or from the second on (odd): inner nodes
/// of one tree are leaves of the other.
std::vector<Edge> tree_edges(int domains) {
  std::vector<Edge> edges;
  const auto second = [&](int node) {
    return domains % 2 == 0 ? domains - 1 - node : (node + 1) % domains;
  };
  for (int node = 1; node < domains; ++node) {
    const int parent = parent_in_tree(node, domains);
    edges.push_back({node, parent});
    edges.push_back({parent, node});
    edges.push_back({second(node), second(parent)});
    edges.push_back({second(parent), second(node)});
  }
  return edges;
}

/// Lays one job's algorithm out over the network.
class Layout {
 public:
  Layout(const CollectiveJob& job, std::int32_t number, const topology::Cluster& cluster,
         TrafficBuilder& builder)
      : job_(job),
        number_(number),
        cluster_(cluster),
        builder_(builder),
        domains_(by_domain(job, cluster)) {}

  void coupled() {
    const auto k = static_cast<int>(domains_.size());
    if (job_.cost.scale_out_out.si() <= 0 || k < 2) return inside_only();
    if (is_logarithmic()) return logarithmic();
    const bool tree =
        job_.cost.algorithm == Algorithm::tree || job_.cost.algorithm == Algorithm::nvls_tree;
    const std::vector<Edge> edges = tree ? tree_edges(k) : ring_edges(k);
    // What one edge carries, so that the mean over domains is the cost's.
    const double per_edge = static_cast<double>(k) / static_cast<double>(edges.size());
    for (std::size_t r = 0; r < rails(); ++r) {
      begin(job_.cost.scale_out_out, 0);
      across(edges, r, per_edge);
      inside(job_.cost.scale_up_out / job_.cost.scale_out_out / static_cast<double>(rails()));
      builder_.end_flow();
    }
  }

 private:
  bool is_logarithmic() const {
    return job_.cost.algorithm == Algorithm::pat || job_.cost.algorithm == Algorithm::recursive;
  }

  std::size_t rails() const {
    std::size_t rails = domains_.front().size();
    for (const auto& domain : domains_) rails = std::min(rails, domain.size());
    return rails;
  }

  /// A flow of the job whose calibrated time is `share` of the whole.
  void begin(Bytes volume, std::int32_t phase, double share = 1) {
    Seconds start = phase == 0 ? job_.cost.latency : Seconds{};
    if (volume.si() <= 0) start = job_.cost.alone;  // a barrier
    if (phase == 0 && !job_.arrival.empty()) {
      start += *std::max_element(job_.arrival.begin(), job_.arrival.end());
    }
    const Seconds streaming = (job_.cost.alone - job_.cost.latency) * share;
    builder_.begin_flow(number_, phase, volume, streaming, start);
  }

  void inside_only() {
    begin(job_.cost.scale_up_out, 0);
    if (job_.cost.scale_up_out.si() > 0) inside(1);
    builder_.end_flow();
  }

  void across(const std::vector<Edge>& edges, std::size_t rail, double weight) {
    for (const Edge& edge : edges) {
      const int a = domains_[static_cast<std::size_t>(edge.from)][rail];
      const int b = domains_[static_cast<std::size_t>(edge.to)][rail];
      builder_.draw_route(a, b, weight, true);
    }
  }

  /// `weight` bytes out of and into every member over its scale-up links, as evenly as the domain's
  /// links allow.
  void inside(double weight) {
    if (weight <= 0) return;
    for (const std::vector<int>& members : domains_) {
      if (members.size() < 2) continue;
      if (cluster_.domain().shape == DomainShape::mesh) {
        spread_over_pairs(members, weight);
      } else if (cluster_.domain().shape == DomainShape::torus) {
        spread_over_neighbours(members, weight);
      } else {
        for (std::size_t i = 0; i < members.size(); ++i) {
          builder_.draw_route(members[i], members[(i + 1) % members.size()], weight, true);
        }
      }
    }
  }

  void spread_over_pairs(const std::vector<int>& members, double weight) {
    const double each = weight / static_cast<double>(members.size() - 1);
    for (const int a : members) {
      for (const int b : members) {
        if (a != b) builder_.draw_route(a, b, each, true);
      }
    }
  }

  /// Rings along every dimension, both ways round.
  void spread_over_neighbours(const std::vector<int>& members, double weight) {
    const auto& size = cluster_.domain().dimensions;
    const int first = members.front() / cluster_.domain_size() * cluster_.domain_size();
    int directions = 0;
    for (const int n : size) directions += n > 2 ? 2 : n > 1 ? 1 : 0;
    for (const int a : members) {
      int stride = 1;
      for (const int n : size) {
        const int here = (a - first) / stride % n;
        for (const int step : {1, -1}) {
          if (n < 2 || (n == 2 && step < 0)) continue;
          const int there = (here + step + n) % n;
          builder_.draw_route(a, a + (there - here) * stride, weight / directions, true);
        }
        stride *= n;
      }
    }
  }

  /// One phase per distance: with doubling distances, rank i exchanges with rank i +- 2^p. Of an
  /// all-gather the last phase moves half of all bytes; of a reduce-scatter the first.
  void logarithmic() {
    const auto k = static_cast<int>(domains_.size());
    const int phases = static_cast<int>(std::bit_width(static_cast<unsigned>(k - 1)));
    const double whole = static_cast<double>(k - 1);
    for (int p = 0; p < phases; ++p) {
      const int blocks = std::min(1 << p, k - (1 << p));
      const double share = blocks / whole;
      std::vector<Edge> edges;
      for (int d = 0; d < k; ++d) edges.push_back({d, (d + (1 << p)) % k});
      for (std::size_t r = 0; r < rails(); ++r) {
        begin(job_.cost.scale_out_out * share, p, share);
        across(edges, r, 1);
        inside(job_.cost.scale_up_out / job_.cost.scale_out_out / static_cast<double>(rails()));
        builder_.end_flow();
      }
    }
  }

  const CollectiveJob& job_;
  std::int32_t number_;
  const topology::Cluster& cluster_;
  TrafficBuilder& builder_;
  std::vector<std::vector<int>> domains_;
};

}  // namespace

Schedule schedule(std::span<const CollectiveJob> jobs, const topology::Cluster& cluster,
                  const ScheduleOptions& options) {
  Schedule result;
  result.form = exchange_form(jobs, cluster, options);
  if (result.form == ExchangeForm::classes) {
    result.traffic = exchange_by_classes(jobs, cluster, result.cut);
    return result;
  }
  TrafficBuilder builder(cluster, options.seed);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const auto number = static_cast<std::int32_t>(j);
    if (!is_exchange(jobs[j].communication.kind)) {
      Layout(jobs[j], number, cluster, builder).coupled();
    } else if (result.form == ExchangeForm::pairs) {
      exchange_by_pairs(jobs[j], number, cluster, builder);
    } else {
      exchange_by_ranks(jobs[j], number, cluster, builder);
    }
  }
  result.cut = builder.cut();
  result.traffic = builder.take();
  return result;
}

}  // namespace aisle::workloads
