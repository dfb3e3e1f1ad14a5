// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/serving/engine.hpp"
#include "workloads/serving/fleet.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

/// Used by workloads/serving alone.
namespace aisle::workloads {

/// One copy of the model: its groups' caches, and an engine for each batch in flight and group.
struct Replica {
  enum class State : std::uint8_t { off, starting, on };

  State state = State::on;
  std::deque<KvStore> stores;          ///< by group
  std::vector<ServingEngine> engines;  ///< by slot, then group
  std::vector<double> stage_free;      ///< time from which a stage takes the next batch
  std::vector<bool> in_flight;         ///< by slot
  double on_since = 0, idle_since = 0;

  bool on() const { return state == State::on; }

  /// Nothing waits, runs, or is still to be sent.
  bool idle() const {
    return std::all_of(engines.begin(), engines.end(), [](const auto& e) { return e.idle(); }) &&
           std::all_of(stores.begin(), stores.end(),
                       [](const auto& store) { return store.blocks.in_use() == 0; });
  }

  std::int64_t waiting() const {
    std::int64_t sum = 0;
    for (const ServingEngine& engine : engines) sum += engine.waiting();
    return sum;
  }
};

struct EnginePlace {
  std::size_t replica = 0, engine = 0;
};

/// Which engine of the replicas that are on a request goes to. `turn` counts those that it
/// was asked for.
EnginePlace choose_engine(const std::deque<Replica>& replicas, Router router, std::size_t& turn,
                          std::int32_t request);

}  // namespace aisle::workloads
