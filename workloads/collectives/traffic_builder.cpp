// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/traffic_builder.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace aisle::workloads {

using topology::FabricTraits;
using topology::LinkKind;

Traffic::Link traffic_link(const topology::Cluster& cluster, std::int32_t link) {
  const topology::Network& network = cluster.network();
  const LinkKind kind = network.kind(link);
  const double reached = kind == LinkKind::scale_up ? 1.0 : cluster.fabric().efficiency;
  return {network.capacity(link) * reached, 1, link,
          static_cast<std::int32_t>(kind) * 2 + (network.outward(link) ? 0 : 1)};
}

TrafficBuilder::TrafficBuilder(const topology::Cluster& cluster, std::uint64_t seed)
    : cluster_(cluster),
      network_(cluster.network()),
      seed_(seed),
      paths_(cluster.fabric().routing == FabricTraits::Routing::ecmp
                 ? std::max(1, cluster.fabric().queue_pairs)
                 : 1),
      known_(static_cast<std::size_t>(network_.links()), -1) {}

std::int32_t TrafficBuilder::known_link(std::int32_t link) {
  std::int32_t& known = known_[static_cast<std::size_t>(link)];
  if (known < 0) {
    known = static_cast<std::int32_t>(traffic_.links.size());
    traffic_.links.push_back(traffic_link(cluster_, link));
    position_.push_back(-1);
  }
  return known;
}

void TrafficBuilder::begin_flow(std::int32_t job, std::int32_t phase, Bytes volume, Seconds alone,
                                Seconds start) {
  Traffic::Flow flow;
  flow.volume = volume;
  // Without bytes, or with none that take time, any limit does: the flow ends as it starts.
  flow.limit = volume.si() > 0 && alone.si() > 0 ? volume / alone : BytesPerSecond::from_si(1e18);
  flow.start = start;
  flow.job = job;
  flow.phase = phase;
  flow.first_draw = static_cast<std::int32_t>(traffic_.draws.size());
  traffic_.flows.push_back(flow);
}

void TrafficBuilder::draw_route(int a, int b, double weight, bool relay, Half half) {
  for (int path = 0; path < paths_; ++path) {
    uses_.clear();
    const std::uint64_t hash = seed_ * 1000003U + static_cast<std::uint64_t>(path);
    if (!network_.route(a, b, hash, relay, uses_)) {
      if (cut_.empty()) cut_ = fmt::format("accelerator {} from accelerator {}", a, b);
      return;
    }
    for (const topology::Network::Use& use : uses_) {
      if (half != Half::both && network_.outward(use.link) != (half == Half::outward)) continue;
      const std::int32_t link = known_link(use.link);
      const double bytes = weight * use.share / paths_;
      std::int32_t& position = position_[static_cast<std::size_t>(link)];
      if (position < traffic_.flows.back().first_draw) {
        position = static_cast<std::int32_t>(traffic_.draws.size());
        traffic_.draws.push_back({link, 0});
      }
      traffic_.draws[static_cast<std::size_t>(position)].weight += bytes;
    }
  }
}

void TrafficBuilder::end_flow() {
  Traffic::Flow& flow = traffic_.flows.back();
  flow.draws = static_cast<std::int32_t>(traffic_.draws.size()) - flow.first_draw;
}

}  // namespace aisle::workloads
