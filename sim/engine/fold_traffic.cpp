// SPDX-License-Identifier: Apache-2.0
#include "sim/base/hash.hpp"
#include "sim/engine/flows.hpp"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <utility>

namespace aisle::sim {

namespace {

using workloads::Traffic;

std::size_t index(std::int32_t i) {
  return static_cast<std::size_t>(i);
}

std::uint64_t mixed_bits(double value) {
  return mixed(std::bit_cast<std::uint64_t>(value));
}

/// Numbers hashes by first appearance; returns how many there are.
std::size_t number(const std::vector<std::uint64_t>& hashes, std::vector<std::int32_t>& classes) {
  std::unordered_map<std::uint64_t, std::int32_t> known;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    classes[i] =
        known.try_emplace(hashes[i], static_cast<std::int32_t>(known.size())).first->second;
  }
  return known.size();
}

class TrafficRefinement {
 public:
  explicit TrafficRefinement(const Traffic& traffic)
      : traffic_(traffic),
        flow_hash_(traffic.flows.size()),
        link_hash_(traffic.links.size()),
        flow_class_(traffic.flows.size()),
        link_class_(traffic.links.size()) {
    for (std::size_t f = 0; f < flow_hash_.size(); ++f) {
      const Traffic::Flow& flow = traffic.flows[f];
      flow_hash_[f] = mixed(mixed_bits(flow.volume.si()) + 3 * mixed_bits(flow.limit.si()) +
                            5 * mixed_bits(flow.start.si()) +
                            7 * mixed(static_cast<std::uint64_t>(flow.job) * 65536 +
                                      static_cast<std::uint64_t>(flow.phase)) +
                            11 * mixed_bits(flow.multiplicity));
    }
    for (std::size_t l = 0; l < link_hash_.size(); ++l) {
      link_hash_[l] = mixed(mixed_bits(traffic.links[l].capacity.si()) +
                            3 * mixed_bits(traffic.links[l].multiplicity) +
                            5 * mixed(static_cast<std::uint64_t>(traffic.links[l].kind)));
    }
  }

  void run() {
    std::size_t before = 0;
    std::size_t classes = number(flow_hash_, flow_class_) + number(link_hash_, link_class_);
    while (classes != before) {
      before = classes;
      classes = round();
    }
  }

  std::vector<std::int32_t>& flows() { return flow_class_; }

  std::vector<std::int32_t>& links() { return link_class_; }

 private:
  std::size_t round() {
    std::vector<std::uint64_t> flows(flow_hash_.size(), 0);
    std::vector<std::uint64_t> links(link_hash_.size(), 0);
    for (std::size_t f = 0; f < flows.size(); ++f) {
      for (const Traffic::Draw& draw : traffic_.draws_of(traffic_.flows[f])) {
        const std::uint64_t weight = mixed_bits(draw.weight);
        flows[f] += mixed(weight + link_hash_[index(draw.link)]);
        links[index(draw.link)] += mixed(weight + flow_hash_[f]);
      }
    }
    for (std::size_t f = 0; f < flows.size(); ++f) flow_hash_[f] = mixed(flow_hash_[f] + flows[f]);
    for (std::size_t l = 0; l < links.size(); ++l) link_hash_[l] = mixed(link_hash_[l] + links[l]);
    return number(flow_hash_, flow_class_) + number(link_hash_, link_class_);
  }

  const Traffic& traffic_;
  std::vector<std::uint64_t> flow_hash_, link_hash_;
  std::vector<std::int32_t> flow_class_, link_class_;
};

/// Weight that the flows of each class put on one link of each class, by representative links.
std::vector<std::vector<Traffic::Draw>> merged_draws(const Traffic& traffic,
                                                     const FoldedTraffic& folded,
                                                     std::size_t flow_classes) {
  std::vector<char> represents(traffic.links.size(), 0);
  std::vector<char> seen(folded.traffic.links.size(), 0);
  for (std::size_t l = 0; l < traffic.links.size(); ++l) {
    char& known = seen[index(folded.class_of_link[l])];
    represents[l] = known == 0 ? 1 : 0;
    known = 1;
  }
  std::vector<std::vector<Traffic::Draw>> draws(flow_classes);
  for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
    for (const Traffic::Draw& draw : traffic.draws_of(traffic.flows[f])) {
      if (represents[index(draw.link)] == 0) continue;
      draws[index(folded.class_of_flow[f])].push_back(
          {folded.class_of_link[index(draw.link)], draw.weight});
    }
  }
  for (std::vector<Traffic::Draw>& own : draws) {
    std::stable_sort(own.begin(), own.end(),
                     [](const auto& a, const auto& b) { return a.link < b.link; });
    std::vector<Traffic::Draw> sums;
    for (const Traffic::Draw& draw : own) {
      if (sums.empty() || sums.back().link != draw.link) {
        sums.push_back(draw);
      } else {
        sums.back().weight += draw.weight;
      }
    }
    own = std::move(sums);
  }
  return draws;
}

}  // namespace

FoldedTraffic fold(const Traffic& traffic) {
  TrafficRefinement refinement(traffic);
  refinement.run();
  FoldedTraffic folded;
  folded.class_of_flow = std::move(refinement.flows());
  folded.class_of_link = std::move(refinement.links());
  for (std::size_t l = 0; l < traffic.links.size(); ++l) {
    const auto c = index(folded.class_of_link[l]);
    if (c == folded.traffic.links.size()) {
      folded.traffic.links.push_back(traffic.links[l]);
    } else {
      folded.traffic.links[c].multiplicity += traffic.links[l].multiplicity;
    }
  }
  for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
    const auto c = index(folded.class_of_flow[f]);
    if (c == folded.traffic.flows.size()) {
      folded.traffic.flows.push_back(traffic.flows[f]);
    } else {
      folded.traffic.flows[c].multiplicity += traffic.flows[f].multiplicity;
    }
  }
  const auto draws = merged_draws(traffic, folded, folded.traffic.flows.size());
  for (std::size_t c = 0; c < draws.size(); ++c) {
    Traffic::Flow& flow = folded.traffic.flows[c];
    flow.first_draw = static_cast<std::int32_t>(folded.traffic.draws.size());
    flow.draws = static_cast<std::int32_t>(draws[c].size());
    folded.traffic.draws.insert(folded.traffic.draws.end(), draws[c].begin(), draws[c].end());
  }
  return folded;
}

}  // namespace aisle::sim
