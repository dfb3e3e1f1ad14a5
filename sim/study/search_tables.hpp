// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/search_passes.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

/// Used by sim/study's search alone.
namespace aisle::sim {

/// All micro-batches go through a stage in a row: gpipe, breadth first.
bool goes_in_rows(const workloads::parallel::Job& job);

/// Exchanges of the holders of one layer's weights.
struct ReplicaTimes {
  double reduce = 0, gather = 0;
  int cores = 0;
  power::Activity reduce_activity, gather_activity;
};

/// The update of all weights.
struct UpdateTimes {
  double seconds = 0;
  power::Activity activity;
};

/// What many layouts have in common, made when it is first asked for. Arguments are whole jobs, of
/// which each table uses what it depends on.
class SearchTables {
 public:
  SearchTables(const workloads::ModelGraph& model, const topology::Cluster& cluster,
               const KernelModel& kernels, const RankPower& power)
      : passes(model, cluster, kernels, power), cluster_(cluster), kernels_(kernels) {}

  PassTable passes;

  const workloads::parallel::PipelineOrder& order(const workloads::parallel::Job& job,
                                                  int micro_batches);
  /// By pipeline rank; of schedules in which all passes of a stage follow each other, for one of
  /// them.
  const std::vector<workloads::parallel::Backlog>& backlog(const workloads::parallel::Job& job);
  /// Pipeline ranks one of which is the fullest: of those with equal stages, the ones that have no
  /// less in hand than another.
  const std::vector<int>& fullest(const workloads::parallel::Job& job);
  /// By class of layers.
  const std::vector<workloads::parallel::StageLoad>& load(const workloads::parallel::Job& job);
  const std::vector<ReplicaTimes>& replica(const workloads::parallel::Job& job);
  /// Seconds of a message between each rank and the next; from the last to the first.
  const std::vector<double>& messages(const workloads::parallel::Job& job);
  /// Seconds in which the first and the last rank sum the gradients of the embedding that both
  /// hold; 0: they do not.
  double tied(const workloads::parallel::Job& job);
  /// Seconds of the norm over all gradients.
  double norm(const workloads::parallel::Job& job);
  /// On the rank that updates most.
  const UpdateTimes& optimizer(const workloads::parallel::Job& job);

 private:
  const topology::Cluster& cluster_;
  const KernelModel& kernels_;
  std::unordered_map<std::uint64_t, workloads::parallel::PipelineOrder> orders_;
  std::unordered_map<std::uint64_t, std::vector<workloads::parallel::Backlog>> backlogs_;
  std::map<std::pair<const void*, const void*>, std::vector<int>> fullest_;  // by backlog, stages
  std::unordered_map<std::uint64_t, std::vector<workloads::parallel::StageLoad>> loads_;
  /// By cut, ranks of a shard, and bytes of a parameter's gradient and weight as they are sent.
  std::map<std::tuple<std::uint64_t, int, double, double>, std::vector<ReplicaTimes>> replicas_;
  std::unordered_map<std::uint64_t, std::vector<double>> messages_;
  std::unordered_map<std::uint64_t, double> ties_;
  std::unordered_map<std::uint64_t, UpdateTimes> optimizers_;
  std::optional<double> norm_;
};

}  // namespace aisle::sim
