// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/serving/policy.hpp"
#include "workloads/serving/requests.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace aisle::workloads {

/// Which engine a request goes to.
enum class Router {
  round_robin,
  least_loaded,
  prefix_aware,  ///< the one with most of the prompt cached, of those that are not busier than most
};

/// Replicas that come and go with the load.
struct Scaling {
  int least = 0;       ///< that are always there; 0: all are
  double queue = 0;    ///< waiting requests for each replica at which one more is started
  double start_s = 0;  ///< until it takes requests
  double idle_s = 0;   ///< without a request, until it stops
};

/// Ways into the cache of an attention group: seconds for each token, and room.
struct CacheWays {
  double network_s = 0;          ///< to or from another pool, over its NICs
  double host_s = 0;             ///< from memory of the host
  double pool_s = 0;             ///< from the pool that all share
  std::int64_t host_tokens = 0;  ///< that memory of the host holds
};

/// Equal replicas. A replica has `groups` attention groups, each with cache and sequences of its
/// own, that run in lockstep; and as many batches in flight as pipeline stages, which share the
/// cache of their group.
struct PoolPlan {
  EnginePolicy policy;
  int replicas = 1, groups = 1, stages = 1;
  ServingClock clock;  ///< of the step of one group, through all stages
  CacheWays ways;
  Scaling scaling;
};

/// Who serves a stream: one pool, or one that computes prompts and one that generates.
struct FleetPlan {
  std::vector<PoolPlan> pools;
  Router router = Router::least_loaded;
  std::int64_t pool_tokens = 0;  ///< that the shared pool of prefixes holds
  std::int32_t max_context = 0;  ///< longest prompt with its answer; 0: any
  double network_latency_s = 0;  ///< of one cache that is handed over
  int layers_sent = 0;           ///< in so many parts while they are computed; 0: at the end
};

/// One step of a replica: the batch of one pipeline slot, all attention groups.
struct FleetStep {
  int pool = 0, replica = 0, slot = 0;
  double start_s = 0, end_s = 0;
  const ServingStep* longest = nullptr;  ///< of the group that all wait for
  std::int64_t waiting = 0, blocks = 0;  ///< of all groups: requests, blocks in use
  int there = 0;                         ///< replicas of the pool that are there or starting
};

struct FleetHooks {
  std::function<bool()> stop;  ///< asked before each event; true: the rest is left unfinished
  std::function<void(const FleetStep&)> step;  ///< told of each
};

/// What became of one pool.
struct PoolRun {
  std::int64_t steps = 0, preemptions = 0, swaps = 0;
  double busy_s = 0;             ///< of steps, all slots
  double replica_s = 0;          ///< that replicas were there, the time of starting them included
  std::int64_t starts = 0;       ///< of replicas, behind the first
  std::int64_t most_blocks = 0;  ///< in use in one group
  std::int64_t blocks_left = 0;  ///< in use at the end: none
  std::int64_t host_left = 0;    ///< tokens of sequences in host memory then: none
  std::int64_t from_host = 0, from_pool = 0;  ///< tokens of prompts
  std::int64_t passes = 0;                    ///< of sequences that generate, summed over them
};

struct ServingRun {
  std::vector<RequestOutcome> outcomes;
  std::vector<PoolRun> pools;
  double end_s = 0;
  double sequences_s = 0;  ///< integral of requests that wait or run
  double sending_s = 0;    ///< from first token to the arrival of the cache, summed over requests
  std::int64_t sent = 0;   ///< requests handed over
  bool stopped = false;

  PoolRun total() const;
};

/// The stream through a fleet, event by event in order of time; ties by kind and engine.
/// Deterministic.
ServingRun serve(const RequestStream& stream, const FleetPlan& plan, const FleetHooks& hooks = {});

}  // namespace aisle::workloads
