// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/replica.hpp"

#include <limits>
#include <utility>

namespace aisle::workloads {

namespace {

/// An engine that is busier than the mean one by half, and by one request, is not asked for what it
/// has cached (assumed; SGLang's router has the half).
constexpr double kBusier = 1.5;

double mean_load(const std::deque<Replica>& replicas) {
  double sum = 0, engines = 0;
  for (const Replica& replica : replicas) {
    if (!replica.on()) continue;
    for (const ServingEngine& engine : replica.engines) sum += static_cast<double>(engine.load());
    engines += static_cast<double>(replica.engines.size());
  }
  return sum / engines;
}

/// Over replicas first, so that few requests do not meet on one.
EnginePlace in_turn(const std::deque<Replica>& replicas, std::size_t& turn) {
  while (!replicas[turn % replicas.size()].on()) ++turn;
  const std::size_t replica = turn % replicas.size(), round = turn / replicas.size();
  ++turn;
  return {replica, round % replicas[replica].engines.size()};
}

}  // namespace

EnginePlace choose_engine(const std::deque<Replica>& replicas, Router router, std::size_t& turn,
                          std::int32_t request) {
  if (router == Router::round_robin) return in_turn(replicas, turn);
  const bool by_prefix = router == Router::prefix_aware;
  const double most = by_prefix ? kBusier * mean_load(replicas) + 1 : 0;
  // What nobody has goes to each in turn, so that it does not push out what another holds.
  const std::size_t from = by_prefix ? turn++ : 0;
  auto least = std::pair(std::numeric_limits<std::int64_t>::max(), std::int64_t{0});
  EnginePlace chosen;
  for (std::size_t place = 0; place < replicas.size(); ++place) {
    const std::size_t i = (from + place) % replicas.size();
    if (!replicas[i].on()) continue;
    for (std::size_t e = 0; e < replicas[i].engines.size(); ++e) {
      const ServingEngine& engine = replicas[i].engines[e];
      const std::int64_t load = engine.load();
      const bool asked = by_prefix && static_cast<double>(load) <= most;
      const auto key = std::pair(asked ? -engine.cached(request) : 0, load);
      if (key >= least) continue;
      least = key;
      chosen = {i, e};
    }
  }
  return chosen;
}

}  // namespace aisle::workloads
