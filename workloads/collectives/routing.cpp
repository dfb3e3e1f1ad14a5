// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/routing.hpp"

#include "sim/base/diagnostics.hpp"
#include "workloads/collectives/collective.hpp"

#include <algorithm>

namespace aisle::workloads {

namespace {

/// Probability that `draws` of `items` items, without replacement, avoid `marked` marked ones.
double probability_of_missing(double items, double marked, int draws) {
  double missing = 1;
  for (int i = 0; i < draws; ++i) {
    if (items - i <= marked) return 0;
    missing *= (items - marked - i) / (items - i);
  }
  return missing;
}

double choose(int n, int k) {
  if (k < 0 || k > n) return 0;
  double result = 1;
  for (int i = 1; i <= k; ++i) result *= static_cast<double>(n - k + i) / i;
  return result;
}

}  // namespace

double expected_distinct(int items, int bins, int draws) {
  AISLE_ASSERT(items > 0 && bins > 0 && draws >= 0 && draws <= items,
               "draws come from a set that holds them");
  return bins * (1 - probability_of_missing(items, static_cast<double>(items) / bins, draws));
}

double expected_copies(const Routing& routing, int bins) {
  const int groups = std::max(1, routing.groups);
  const bool limited = routing.group_limit > 0 && routing.group_limit < groups;
  const int limit = limited ? routing.group_limit : groups;
  const double per_group = static_cast<double>(routing.experts) / groups;
  const double candidates = limit * per_group;
  if (!limited || (bins % groups != 0 && groups % bins != 0)) {
    return expected_distinct(routing.experts, bins, routing.top_k);
  }
  if (bins % groups == 0) {  // each bin lies inside one group
    const double chosen_bins = static_cast<double>(bins) / groups * limit;
    return chosen_bins *
           (1 - probability_of_missing(candidates, static_cast<double>(routing.experts) / bins,
                                       routing.top_k));
  }
  // A bin holds several whole groups, of which a token may be allowed any number.
  const int inside = groups / bins;
  double hit = 0;
  for (int chosen = 1; chosen <= std::min(inside, limit); ++chosen) {
    const double share =
        choose(inside, chosen) * choose(groups - inside, limit - chosen) / choose(groups, limit);
    hit += share * (1 - probability_of_missing(candidates, chosen * per_group, routing.top_k));
  }
  return bins * hit;
}

}  // namespace aisle::workloads
