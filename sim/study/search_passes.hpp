// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/engine/engine.hpp"
#include "sim/kernels/kernels.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/estimate.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

/// Used by sim/study's search alone.
namespace aisle::sim {

/// So many equal layers one after the other; `layer` is an index into PassTable::classes().
struct StageRun {
  int layer = 0, count = 0;

  friend bool operator<(const StageRun& a, const StageRun& b) {
    return a.layer != b.layer ? a.layer < b.layer : a.count < b.count;
  }
};

/// The layers of a stage.
struct StageShape {
  std::vector<StageRun> runs;
  int id = 0;
};

/// Seconds of one of `count` equal layers.
struct LayerTimes {
  int layer = 0, count = 1;
  double forward = 0, backward = 0, weight = 0;
};

/// Passes of one micro-batch through one stage, alone, in seconds.
struct PassTimes {
  std::vector<LayerTimes> layers;  ///< in forward order
  double forward = 0, backward = 0;
  double weight = 0;     ///< weight gradients on their own
  double computing = 0;  ///< of both passes, kernels alone
  /// How much longer the passes take while communication holds 0, 1, 2, ... cores.
  std::vector<double> slowed_forward, slowed_backward;

  double slower_forward(int cores) const { return at(slowed_forward, cores); }

  double slower_backward(int cores) const { return at(slowed_backward, cores); }

 private:
  static double at(const std::vector<double>& factors, int cores) {
    return factors[std::min(static_cast<std::size_t>(cores), factors.size() - 1)];
  }
};

/// Times of passes, each taken once from the analytic engine. Runs of more than three equal layers
/// are timed as three, whose middle one stands for the others.
class PassTable {
 public:
  PassTable(const workloads::ModelGraph& model, const topology::Cluster& cluster,
            const KernelModel& kernels);

  /// Distinct layers of the model.
  const std::vector<workloads::Layer>& classes() const { return classes_; }

  const StageShape& shape(const workloads::parallel::Job& job, int stage);
  const PassTimes& of(const workloads::parallel::Job& job, int stage);
  /// Seconds of the stage forward beside the mirrored stage backward (DualPipe).
  double pair(const workloads::parallel::Job& job, int stage);

  /// Plans that were made and timed.
  std::int64_t timed() const { return timed_; }

 private:
  using Shapes = std::vector<StageShape>;

  int cut_of(const workloads::parallel::Job& job);
  int intern(const std::vector<StageRun>& runs);
  const Shapes& shapes(const workloads::parallel::Job& job);
  PassTimes time_passes(const workloads::parallel::Job& job, const std::vector<StageRun>& runs);
  double time_pair(const workloads::parallel::Job& job, int stage);
  static StageRun shorten(std::vector<StageRun>& ahead, std::vector<StageRun>& back);
  std::vector<int> steps(const std::vector<StageRun>& runs) const;
  std::vector<LayerTimes> by_step(const PassTimes& passes) const;
  workloads::ModelGraph sequence_of(const std::vector<StageRun>& runs) const;
  std::vector<int> expand(const std::vector<StageRun>& runs) const;

  const workloads::ModelGraph& model_;
  const topology::Cluster& cluster_;
  const KernelModel& kernels_;
  std::vector<workloads::Layer> classes_;
  std::vector<int> class_of_layer_;  // [layers]
  std::map<std::vector<StageRun>, int> known_runs_;
  std::map<std::vector<int>, Shapes> shapes_;  // by stage_layers
  const std::vector<int>* last_layers_ = nullptr;
  const Shapes* last_shapes_ = nullptr;
  std::map<std::tuple<int, int, int, int, int>, int> cuts_;
  std::tuple<int, int, int, int, int> last_cut_key_;
  int last_cut_ = -1;
  std::unordered_map<std::uint64_t, PassTimes> passes_, short_passes_;  // by cut and runs
  std::unordered_map<std::uint64_t, double> pairs_;                     // by cut and both shapes
  std::int64_t timed_ = 0;
};

}  // namespace aisle::sim
