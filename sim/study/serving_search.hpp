// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/search.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace aisle::sim {

/// How a replica is cut and limited, as the scenario fields name it.
struct ServingMapping {
  int tensor = 1, pipeline = 1, data = 1, expert = 1;
  int sequences = 0, step_tokens = 0;  ///< 0: the engine's own

  int accelerators() const { return tensor * pipeline * data; }

  friend bool operator==(const ServingMapping&, const ServingMapping&) = default;

  /// In the order of the fields.
  friend bool operator<(const ServingMapping& a, const ServingMapping& b) {
    return a.fields() < b.fields();
  }

 private:
  std::array<int, 6> fields() const {
    return {tensor, pipeline, data, expert, sequences, step_tokens};
  }
};

std::string describe(const ServingMapping& mapping);

/// Equal replicas: all that there are, or those of one pool.
struct ServingPart {
  ServingMapping mapping;
  int replicas = 0;
  std::string accelerator;  ///< empty: the cluster's

  int accelerators() const { return replicas * mapping.accelerators(); }

  friend bool operator==(const ServingPart&, const ServingPart&) = default;
};

/// One part, or those that compute prompts and those that generate.
using ServingParts = std::vector<ServingPart>;

std::string describe(const ServingParts& parts);
int accelerators_of(const ServingParts& parts);

/// One load that a layout was played at.
struct ServingPoint {
  ServingParts parts;
  double requests_per_s = 0;         ///< offered to the whole cluster
  double tokens_per_s_per_user = 0;  ///< 1 over the median time of a later token
  double output_tokens_per_s_per_chip = 0;
  double ttft_p50_s = 0, goodput = 0;
};

struct FoundServing {
  ServingParts parts;
  /// Highest rate of requests at which the promised share of them gets what is promised, on all
  /// replicas that the cluster holds; 0 where nothing is promised.
  double slo_requests_per_s = 0;
  /// At that rate; for objectives of time at the study's own load; for `accelerators` at the
  /// study's own load on the replicas named.
  pb::Result result;
};

struct ServingSearchOutcome {
  std::int64_t enumerated = 0, not_dividing = 0, not_fitting = 0, not_played = 0, played = 0;
  std::int64_t runs = 0;             ///< loads played
  std::vector<FoundServing> best;    ///< best first
  std::vector<ServingPoint> pareto;  ///< speed for a user against tokens per chip
  std::string reason;                ///< where nothing is found
  bool stopped = false;
  double wall_time_s = 0;
};

std::vector<std::string> serving_search_objectives();
std::vector<std::string> serving_search_axes();
/// What is gone for where nothing is named: the most requests under the promise, or the time of a
/// request.
std::string usual_serving_objective(const Study& study);
/// The objective of what was found.
double objective_of(const FoundServing& found, const std::string& objective);

/// Finds how to cut and limit replicas of a serving study: every layout that divides and fits is
/// ranked in closed form (serving_load), and the `rerank` best of them are played with the study's
/// requests. For objectives under a promise, by bisection on how fast the requests come: the
/// stream's arrivals are sped up and repeated until they last long enough (20 times the first
/// token's promise, at least a minute) on up to four of the replicas, to within 2 %. `rerank` and
/// `limit` as in training. With pools, layouts of each are ranked by the requests that an
/// accelerator of theirs carries; the best of both are paired in the ratio that follows, on no more
/// accelerators than the cluster has, and while they are played replicas move from pool to pool as
/// long as that helps. The same whatever the number of threads.
std::optional<ServingSearchOutcome> search_serving(const Study& study,
                                                   const topology::Catalogue& catalogue,
                                                   const SearchOptions& options,
                                                   Diagnostics& diagnostics);

/// The scenario with these parts; replicas 0: as many as the cluster holds. Without references.
pb::Scenario with_layout(const pb::Scenario& scenario, const ServingParts& parts);

}  // namespace aisle::sim
