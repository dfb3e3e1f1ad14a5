// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/fair_shares.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::sim {

void FairShares::clear() {
  flows_.clear();
  draws_.clear();
}

void FairShares::add_flow(double limit) {
  flows_.push_back({limit, limit, draws_.size()});
}

void FairShares::add_draw(std::size_t capacity, double share) {
  draws_.push_back({capacity, flows_.size() - 1, share});
}

/// Lists the capacities that would be overdrawn if every flow ran at its limit.
bool FairShares::find_short() {
  load_.clear();
  for (const Draw& draw : draws_) {
    if (draw.capacity >= load_.size()) load_.resize(draw.capacity + 1, 0);
    load_[draw.capacity] += draw.share * flows_[draw.flow].limit;
  }
  short_.clear();
  for (std::size_t c = 0; c < load_.size(); ++c) {
    if (load_[c] > 1 + 1e-12) short_.push_back(c);
  }
  return !short_.empty();
}

double FairShares::allowed(std::size_t flow) const {
  double holding = 1 / flows_[flow].limit;
  for (std::size_t d = flows_[flow].first_draw; d < end_of_draws(flow); ++d) {
    holding = std::max(holding, draws_[d].share * holding_[draws_[d].capacity]);
  }
  return 1 / holding;
}

/// Inverse of the level at which the capacity is just used up, given what the others allow.
double FairShares::inverse_level(std::size_t capacity) {
  holding_[capacity] = 0;
  wishes_.clear();
  for (const Draw& claim : claims_[capacity]) {
    const double wish = claim.share * allowed(claim.flow);
    wishes_.insert(std::upper_bound(wishes_.begin(), wishes_.end(), wish), wish);
  }
  double left = 1;
  for (std::size_t i = 0; i < wishes_.size(); ++i) {
    const double fair = left / static_cast<double>(wishes_.size() - i);
    if (wishes_[i] > fair) return 1 / fair;
    left -= wishes_[i];
  }
  return 0;
}

void FairShares::solve() {
  if (!find_short()) return;
  holding_.assign(load_.size(), 0);
  if (claims_.size() < load_.size()) claims_.resize(load_.size());
  for (const std::size_t c : short_) claims_[c].clear();
  for (const Draw& draw : draws_) {
    if (load_[draw.capacity] > 1 + 1e-12) claims_[draw.capacity].push_back(draw);
  }
  // One or two sweeps settle most systems. Where capacities hold back one another's flows in a
  // ring, each sweep gains a constant factor; half steps end swinging, should there be any.
  constexpr int kSweeps = 2000;
  constexpr int kFullSteps = 300;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const double step = sweep < kFullSteps ? 1 : 0.5;
    double change = 0;
    for (const std::size_t c : short_) {
      const double before = holding_[c];
      const double after = before + step * (inverse_level(c) - before);
      holding_[c] = after;
      change = std::max(change, std::abs(after - before) / std::max(after, 1.0));
    }
    if (change < 1e-13 || short_.size() == 1) break;
  }
  for (std::size_t f = 0; f < flows_.size(); ++f) flows_[f].rate = allowed(f);
}

}  // namespace aisle::sim
