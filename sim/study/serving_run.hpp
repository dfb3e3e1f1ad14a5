// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/serving_time.hpp"
#include "sim/study/study.hpp"
#include "workloads/serving/engine.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

/// A serving study in three steps, for those who play many of a kind: read, play, measure.
namespace aisle::sim {

/// Equal replicas of one layout on one kind of accelerator.
struct ServingPool {
  std::shared_ptr<const topology::Cluster> cluster;
  workloads::ServingJob job;  ///< its model is the study's
  EngineHost host;
  workloads::EnginePolicy policy;  ///< but for its blocks, which follow from memory
  int replicas = 1;

  int accelerators() const { return replicas * job.layout.accelerators(); }
};

/// What a serving study needs to be played; nothing else is read.
struct PreparedServing {
  std::shared_ptr<const workloads::ModelGraph> model;
  std::vector<ServingPool> pools;
  std::shared_ptr<const workloads::RequestStream> stream;
  workloads::Router router = workloads::Router::least_loaded;
  Seconds first_token, token;  ///< promised; 0: nothing is
};

/// Reads the workload of a serving study; every fault is reported where it stands. A stream that
/// was read before is taken in place of the one that the study names.
std::optional<PreparedServing> prepare_serving(
    const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics,
    std::shared_ptr<const workloads::RequestStream> stream = nullptr);

/// What became of the requests, or why the model does not fit.
struct PlayedServing {
  std::string misfit;                ///< empty: it fits, and `run` is there
  std::vector<std::int64_t> blocks;  ///< of the cache of one attention group, by pool
  workloads::ServingRun run;
  std::vector<std::string> caveats;
};

PlayedServing play(const PreparedServing& prepared, const topology::Catalogue& catalogue);

/// Metrics of a run that fits.
void measure(const PreparedServing& prepared, const PlayedServing& played, pb::Result& result);

/// A row for each request, and means over 240 equal stretches of the run: requests that wait and
/// run, arrivals, tokens. A request's prompt counts evenly from its start to its first token, its
/// answer from there to its end.
void record(const PreparedServing& prepared, const PlayedServing& played, pb::Result& result);

}  // namespace aisle::sim
