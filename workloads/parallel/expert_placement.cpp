// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/expert_placement.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace aisle::workloads {

namespace {

/// Bins of equal size: items go heaviest first to the lightest bin with room. Items by bin.
std::vector<std::vector<int>> packed(std::span<const double> weights, int bins) {
  const std::size_t room = weights.size() / static_cast<std::size_t>(bins);
  std::vector<int> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return weights[static_cast<std::size_t>(a)] > weights[static_cast<std::size_t>(b)];
  });
  std::vector<std::vector<int>> result(static_cast<std::size_t>(bins));
  std::vector<double> filled(result.size(), 0);
  for (const int item : order) {
    std::size_t lightest = result.size();
    for (std::size_t bin = 0; bin < result.size(); ++bin) {
      if (result[bin].size() == room) continue;
      if (lightest == result.size() || filled[bin] < filled[lightest]) lightest = bin;
    }
    result[lightest].push_back(item);
    filled[lightest] += weights[static_cast<std::size_t>(item)];
  }
  return result;
}

/// Copies of each of the experts over `slots` slots: each further one goes to the expert whose
/// copies carry most.
std::vector<int> copied(std::span<const double> loads, std::size_t slots) {
  std::vector<int> copies(loads.size(), 1);
  for (std::size_t slot = loads.size(); slot < slots; ++slot) {
    std::size_t heaviest = 0;
    for (std::size_t e = 1; e < loads.size(); ++e) {
      if (loads[e] * copies[heaviest] > loads[heaviest] * copies[e]) heaviest = e;
    }
    ++copies[heaviest];
  }
  return copies;
}

}  // namespace

ExpertPlacement experts_in_order(int experts) {
  ExpertPlacement placement;
  placement.slots.resize(static_cast<std::size_t>(experts));
  std::iota(placement.slots.begin(), placement.slots.end(), 0);
  placement.copies.assign(placement.slots.size(), 1);
  return placement;
}

ExpertPlacement balanced_experts(std::span<const double> loads, const PlacementGround& ground) {
  const auto experts = static_cast<int>(loads.size());
  AISLE_ASSERT(ground.slots >= experts && ground.slots % ground.ranks == 0,
               "every expert has a slot, every rank equally many");
  const bool by_node = ground.nodes > 0 && ground.groups % ground.nodes == 0 &&
                       ground.ranks % ground.nodes == 0 && ground.slots % ground.nodes == 0 &&
                       experts % ground.groups == 0;
  const int nodes = by_node ? ground.nodes : 1, groups = by_node ? ground.groups : 1;
  const int group_size = experts / groups;
  std::vector<double> group_loads;
  for (int g = 0; g < groups; ++g) {
    const auto part = loads.subspan(static_cast<std::size_t>(g * group_size),
                                    static_cast<std::size_t>(group_size));
    group_loads.push_back(std::accumulate(part.begin(), part.end(), 0.0));
  }
  ExpertPlacement placement;
  placement.copies.assign(loads.size(), 0);
  for (const std::vector<int>& of_node : packed(group_loads, nodes)) {
    std::vector<int> here;
    for (const int group : of_node) {
      for (int i = 0; i < group_size; ++i) here.push_back(group * group_size + i);
    }
    std::vector<double> own;
    own.reserve(here.size());
    for (const int expert : here) own.push_back(loads[static_cast<std::size_t>(expert)]);
    const std::vector<int> copies = copied(own, static_cast<std::size_t>(ground.slots / nodes));
    std::vector<int> expert_of;
    std::vector<double> weights;
    for (std::size_t i = 0; i < here.size(); ++i) {
      placement.copies[static_cast<std::size_t>(here[i])] = copies[i];
      for (int copy = 0; copy < copies[i]; ++copy) {
        expert_of.push_back(here[i]);
        weights.push_back(own[i] / copies[i]);
      }
    }
    for (const std::vector<int>& of_rank : packed(weights, ground.ranks / nodes)) {
      for (const int slot : of_rank) {
        placement.slots.push_back(expert_of[static_cast<std::size_t>(slot)]);
      }
    }
  }
  return placement;
}

}  // namespace aisle::workloads
