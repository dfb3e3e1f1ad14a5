// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/random.hpp"
#include "workloads/serving/fleet.hpp"

#include <cmath>

namespace aisle::workloads {

/// Poisson arrivals of requests of random lengths.
inline RequestStream stream(int count, double rate, int prompt, int output,
                            std::uint64_t seed = 1) {
  RequestStream made;
  Random random(seed, "requests");
  double now = 0;
  for (int i = 0; i < count; ++i) {
    now += -std::log(1 - random.uniform()) / rate;
    Request request;
    request.arrival_s = now;
    request.prompt = 1 + static_cast<int>(2 * prompt * random.uniform());
    request.output = 1 + static_cast<int>(2 * output * random.uniform());
    made.requests.push_back(request);
  }
  return made;
}

/// Equal requests, so many seconds apart.
inline RequestStream equal(int count, double gap, int prompt, int output) {
  RequestStream made;
  for (int i = 0; i < count; ++i) {
    Request request;
    request.arrival_s = gap * i;
    request.prompt = prompt;
    request.output = output;
    made.requests.push_back(request);
  }
  return made;
}

/// Milliseconds that grow with what a step computes.
inline double clock_of(const ServingStep& step) {
  double seconds =
      5e-3 + 1e-5 * step.decoding * step.tokens_each + 1e-9 * static_cast<double>(step.context);
  for (const ServingStep::Chunk& chunk : step.chunks) seconds += 2e-5 * chunk.tokens;
  return seconds;
}

inline EnginePolicy policy(std::int64_t blocks = 2000) {
  EnginePolicy made;
  made.blocks = blocks;
  made.step_tokens = 512;
  return made;
}

/// One pool of equal replicas.
inline FleetPlan fleet(const EnginePolicy& with, int replicas, const ServingClock& clock) {
  FleetPlan plan;
  plan.pools.push_back({with, replicas, 1, 1, clock, {}, {}});
  return plan;
}

/// One pool that computes prompts and one that generates, a replica each.
inline FleetPlan apart(const EnginePolicy& with, const ServingClock& clock) {
  FleetPlan plan = fleet(with, 1, clock);
  plan.pools.push_back(plan.pools.front());
  plan.pools.front().policy.hands_over = true;
  return plan;
}

}  // namespace aisle::workloads
