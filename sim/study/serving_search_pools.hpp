// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/serving_search_play.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

/// Used by the search of serving layouts alone.
namespace aisle::sim {

/// What is counted while pairs of pools are made.
struct PoolCounts {
  std::int64_t enumerated = 0, not_dividing = 0, not_fitting = 0;
  std::string reason;  ///< why nothing fits
};

/// What parts weigh: dollars per second where money is asked for, else accelerators.
double weight_of(const ServingParts& parts, const PreparedServing& prepared, bool money);

/// Layouts of both pools on every kind of accelerator that is allowed, each ranked in closed form
/// by the requests it carries for its weight; the best of each kind paired, in the ratio and number
/// that carry most (`most_requests`) or most for their weight, on no more accelerators than the
/// cluster has.
std::optional<std::vector<Candidate>> pool_candidates(
    const Study& study, const topology::Catalogue& catalogue, const SearchOptions& options,
    const ScaledLoad& load, std::shared_ptr<const workloads::RequestStream> stream,
    bool most_requests, bool money, PoolCounts& counts, Diagnostics& diagnostics);

}  // namespace aisle::sim
