// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/rank_power.hpp"
#include "sim/study/serving_time.hpp"
#include "sim/study/study.hpp"
#include "workloads/serving/fleet.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// A serving study in three steps, for those who play many of a kind: read, play, measure.
namespace aisle::sim {

/// Equal replicas of one layout on one kind of accelerator.
struct ServingPool {
  std::string name;  ///< "prefill", "decode", or empty: there is but one
  std::shared_ptr<const topology::Cluster> cluster;
  workloads::ServingJob job;  ///< its model is the study's
  /// What makes drafts; none: they cost nothing.
  std::shared_ptr<const workloads::ModelGraph> drafter;
  EngineHost host;
  workloads::EnginePolicy policy;  ///< but for its blocks, which follow from memory
  int replicas = 1;
  workloads::Scaling scaling;
  Bytes host_cache;  ///< for each accelerator
  /// Ways to the cache of one accelerator: from another pool, the host, the shared pool.
  BytesPerSecond network, host_link, shared_link;
  power::PowerCurve curve;
  RankPower power;  ///< cap and coolant of each accelerator
  power::SiteModel site;

  int accelerators() const { return replicas * job.layout.accelerators(); }

  /// Its steps, under the cap.
  StepTimes times(const topology::Catalogue& catalogue) const;
};

/// What a serving study needs to be played; nothing else is read.
struct PreparedServing {
  std::shared_ptr<const workloads::ModelGraph> model;
  std::vector<ServingPool> pools;  ///< one, or prefill and decode
  std::shared_ptr<const workloads::RequestStream> stream;
  workloads::Router router = workloads::Router::least_loaded;
  Bytes shared_cache;
  std::int32_t max_context = 0;  ///< 0: any
  bool by_layer = false;         ///< caches are sent layer by layer
  Seconds first_token, token;    ///< promised; 0: nothing is
};

/// Reads the workload of a serving study; every fault is reported where it stands. A stream that
/// was read before is taken in place of the one that the study names.
std::optional<PreparedServing> prepare_serving(
    const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics,
    std::shared_ptr<const workloads::RequestStream> stream = nullptr);

/// Times of the steps of one pool's replicas, drafts included, and the room for cache.
class PoolTimes {
 public:
  /// The pool's model and cluster must outlive it.
  PoolTimes(const ServingPool& pool, const topology::Catalogue& catalogue);

  Seconds time(const workloads::ServingStep& step) const;

  const StepTimes& steps() const { return steps_; }

  const StepTimes* drafter() const { return drafter_ ? &*drafter_ : nullptr; }

  /// Of the fullest accelerator, the drafter's share included.
  const workloads::ServingMemory& memory() const { return memory_; }

  /// Cache of one token on one accelerator, as if no layer had a window.
  Bytes token_cache() const { return memory_.cache_per_token + memory_.window_per_token; }

  std::int64_t blocks() const;

 private:
  int block_tokens_;
  StepTimes steps_;
  std::optional<StepTimes> drafter_;
  workloads::ServingMemory memory_;
};

struct ServingHooks {
  std::function<bool()> stop;  ///< asked now and then; true: the rest is left unfinished
  /// Told of every step, with the times of its pool.
  std::function<void(const workloads::FleetStep&, const PoolTimes&)> step;
};

/// What became of the requests, or why the model does not fit.
struct PlayedServing {
  std::string misfit;                ///< empty: it fits, and `run` is there
  std::vector<std::int64_t> blocks;  ///< of the cache of one attention group, by pool
  workloads::ServingRun run;
  std::vector<power::Activity> work;  ///< of one accelerator of each replica, summed, by pool
  std::vector<double> prompts_s;      ///< of steps: what prompts made them longer, by pool
  std::vector<std::string> caveats;
};

/// By pool. Those who play one layout at several loads make them once.
using FleetTimes = std::vector<std::unique_ptr<PoolTimes>>;

FleetTimes fleet_times(const PreparedServing& prepared, const topology::Catalogue& catalogue);

PlayedServing play(const PreparedServing& prepared, const FleetTimes& times,
                   const ServingHooks& hooks = {});

/// Metrics of a run that fits. Power, energy and money are those of the accelerators while replicas
/// are there, each at the mean power of its pool: the work of all steps, idle between them.
void measure(const PreparedServing& prepared, const PlayedServing& played, pb::Result& result);

/// A row for each request, and means over 240 equal stretches of the run: requests that wait and
/// run, arrivals, tokens. A request's prompt counts evenly from its start to its first token, its
/// answer from there to its end.
void record(const PreparedServing& prepared, const PlayedServing& played, pb::Result& result);

}  // namespace aisle::sim
