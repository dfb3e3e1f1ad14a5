// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace aisle::workloads {

/// Where the experts of one layer lie: rank r of R holds slots [r, r + 1) x slots / R.
struct ExpertPlacement {
  std::vector<int> slots;   ///< the expert that lies in each slot
  std::vector<int> copies;  ///< slots of each expert, among which its tokens are shared evenly
};

/// As their numbers go, one copy each.
ExpertPlacement experts_in_order(int experts);

/// How experts may be spread.
struct PlacementGround {
  int slots = 0;   ///< at least one for each expert; what is over holds copies
  int ranks = 1;   ///< divides slots
  int groups = 1;  ///< of experts, that a token uses together (group-limited routing)
  int nodes = 1;   ///< of ranks, in order
};

/// The balancing that DeepSeek published (deepseek-ai/EPLB), written anew from its description.
/// Where the nodes divide the groups: whole groups go to nodes, heaviest first to the lightest with
/// room; the heaviest experts inside each node get copies; copies go to its ranks in the same way.
/// Else all ranks are one node. Greedy, so not always the best there is.
ExpertPlacement balanced_experts(std::span<const double> loads, const PlacementGround& ground);

}  // namespace aisle::workloads
