// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <vector>

namespace aisle::workloads::parallel {

/// How a pass meets its exchanges with the experts.
struct Exposure {
  bool beside_computation = false;  ///< of another micro-batch, which hides them
  double expert_load = 1;           ///< most loaded rank over the mean one, as far as it is felt
  double rank_copies = 1;           ///< tokens that arrive there, over the mean
  double domain_copies = 1;         ///< and at the most loaded scale-up domain
};

/// Passes whose every exchange is waited for feel the most loaded rank of each layer. Passes in
/// overlapped pairs absorb that in the slack behind the other pass, and feel the rank most loaded
/// over the `layers` that the pair runs through (docs/model/parallel.md). By the spread of loads.
Exposure exposed(const Job& job);
Exposure overlapped(const Job& job, int layers);
/// The same for one layer, by recorded loads where there are any; `pair`: numbers of the layers
/// that the pair runs through. Ranks that stand for themselves wait in the engine, not here.
Exposure exposed(const Job& job, const Layer& layer);
Exposure overlapped(const Job& job, const std::vector<int>& pair, const Layer& layer);

/// Share of token assignments that a capacity drops.
double dropped_share(const Job& job);

}  // namespace aisle::workloads::parallel
