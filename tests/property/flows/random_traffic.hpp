// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/random.hpp"
#include "workloads/traffic.hpp"

#include <cstdint>
#include <vector>

namespace aisle {

/// Appends a flow over the links, each once, with whole weights.
inline void add_flow(workloads::Traffic& traffic, double volume, double limit, double start,
                     const std::vector<workloads::Traffic::Draw>& draws, int job = 0,
                     int phase = 0) {
  workloads::Traffic::Flow flow;
  flow.volume = Bytes::from_si(volume);
  flow.limit = BytesPerSecond::from_si(limit);
  flow.start = Seconds::from_si(start);
  flow.first_draw = static_cast<std::int32_t>(traffic.draws.size());
  flow.draws = static_cast<std::int32_t>(draws.size());
  flow.job = job;
  flow.phase = phase;
  traffic.draws.insert(traffic.draws.end(), draws.begin(), draws.end());
  traffic.flows.push_back(flow);
}

/// `copies` equal groups of random flows over links of their own, which also meet on shared links:
/// a system with a symmetry, in which much is short.
inline workloads::Traffic random_traffic(std::uint64_t seed, int copies) {
  Random random(seed, "traffic");
  workloads::Traffic traffic;
  const auto shared = 1 + static_cast<int>(random.below(3));
  const auto own = 2 + static_cast<int>(random.below(5));
  const auto flows = 3 + static_cast<int>(random.below(8));
  for (int l = 0; l < shared; ++l) {
    traffic.links.push_back(
        {BytesPerSecond::from_si(copies * (1 + 3 * random.uniform())), 1, l, 0});
  }
  std::vector<double> capacity;
  for (int l = 0; l < own; ++l) capacity.push_back(0.5 + random.uniform());
  for (int c = 0; c < copies; ++c) {
    for (int l = 0; l < own; ++l) {
      traffic.links.push_back(
          {BytesPerSecond::from_si(capacity[static_cast<std::size_t>(l)]), 1, l, 0});
    }
  }
  for (int f = 0; f < flows; ++f) {
    const double volume = 0.1 + random.uniform();
    const double limit = 0.2 + 2 * random.uniform();
    const double start = random.below(3) == 0 ? random.uniform() : 0;
    const auto job = static_cast<int>(random.below(2));
    const auto phase = static_cast<int>(random.below(2));
    std::vector<workloads::Traffic::Draw> draws;
    for (int l = 0; l < shared + own; ++l) {
      if (random.below(3) == 0) draws.push_back({l, 1.0 + static_cast<double>(random.below(2))});
    }
    for (int c = 0; c < copies; ++c) {
      std::vector<workloads::Traffic::Draw> here = draws;
      for (auto& draw : here) {
        if (draw.link >= shared) draw.link += c * own;
      }
      add_flow(traffic, volume, limit, start, here, job, phase);
    }
  }
  return traffic;
}

}  // namespace aisle
