// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.hpp"
#include "sim/engine/engine.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/rank_power.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/estimate.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <tuple>
#include <unordered_map>
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

/// How much longer kernels take while communication holds some of the cores.
class Slowing {
 public:
  explicit Slowing(int cores = 1, double interference = 1)
      : cores_(cores), interference_(interference) {}

  void add(const std::vector<Width>& widths);
  /// Seconds that are added while so many cores are held.
  double added(int held) const;

 private:
  int cores_;
  double interference_;
  TimedWork kernels_;  // a width for each number of cores
  mutable int held_ = 0;
  mutable double added_ = 0;  // while `held_` are
};

/// Passes of one micro-batch through one layer, in seconds.
struct LayerTimes {
  double forward = 0, backward = 0;
  double weight = 0;                     ///< weight gradients on their own
  double computing = 0, exchanging = 0;  ///< of both passes, kernels and exchanges alone
  Slowing slowed_forward, slowed_backward;
  power::Activity activity;  ///< of both passes

  double slower_forward(int held) const { return slower(slowed_forward, held, forward); }

  double slower_backward(int held) const { return slower(slowed_backward, held, backward); }

 private:
  static double slower(const Slowing& slowed, int held, double seconds) {
    return seconds > 0 ? 1 + slowed.added(held) / seconds : 1;
  }
};

/// So many equal layers of a pass.
struct RunTimes {
  int layer = 0, count = 1;
  const LayerTimes* each = nullptr;
};

/// Passes of one micro-batch through one stage, alone, in seconds.
struct PassTimes {
  std::vector<RunTimes> layers;  ///< in forward order
  double forward = 0, backward = 0, weight = 0, computing = 0, exchanging = 0;  ///< sums over them
};

/// Times of passes, each taken once from the analytic engine: of every distinct layer three in a
/// row, all in one plan, of which the middle one stands for all that are equal to it.
class PassTable {
 public:
  PassTable(const workloads::ModelGraph& model, const topology::Cluster& cluster,
            const KernelModel& kernels, const RankPower& power);

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

  /// Passes step by step beside each other.
  struct PairTimes {
    double all = 0;
    double middle = 0;  // of the steps in the middle of the longest run
  };

  /// What decides how a layer is carried out, and what was timed of it.
  struct Cut {
    std::vector<LayerTimes> classes;                  // by class
    std::deque<PassTimes> passes;                     // of the stages met
    std::vector<const PassTimes*> by_shape;           // by StageShape::id, none: not met
    std::map<int, std::vector<LayerTimes>> whole;     // by StageShape::id, layer by layer
    std::unordered_map<std::uint64_t, double> pairs;  // by both shapes
    std::map<std::tuple<int, int, int>, PairTimes> short_pairs;
  };

  TimedPlan time(const workloads::Plan& plan) const;
  Cut& cut_of(const workloads::parallel::Job& job);
  int intern(const std::vector<StageRun>& runs);
  const Shapes& shapes(const workloads::parallel::Job& job);
  std::vector<LayerTimes> time_layers(const workloads::parallel::Job& job,
                                      const std::vector<StageRun>& runs);
  std::vector<LayerTimes> time_classes(const workloads::parallel::Job& job);
  double time_pair(const workloads::parallel::Job& job, int stage);
  PairTimes time_steps(const workloads::parallel::Job& job, const std::vector<StageRun>& ahead,
                       const std::vector<StageRun>& back, int felt, int longest);
  int with_experts(const std::vector<StageRun>& runs) const;
  static StageRun shorten(std::vector<StageRun>& ahead, std::vector<StageRun>& back);
  std::vector<int> steps(const std::vector<StageRun>& runs) const;
  std::vector<std::array<double, 2>> by_step(const PassTimes& passes) const;
  workloads::ModelGraph sequence_of(const std::vector<StageRun>& runs) const;

  const workloads::ModelGraph& model_;
  const topology::Cluster& cluster_;
  const KernelModel& kernels_;
  std::vector<RankPower> powers_;  // one, for all ranks
  std::vector<workloads::Layer> classes_;
  std::vector<StageRun> samples_;  // of each class as many as are timed
  std::map<std::vector<StageRun>, int> known_runs_;
  std::map<std::vector<int>, Shapes> shapes_;  // by stage_layers
  const std::vector<int>* last_layers_ = nullptr;
  const Shapes* last_shapes_ = nullptr;
  std::array<int, 3> ranks_{};              // tensor, context and expert of all cuts here
  std::map<std::array<int, 2>, Cut> cuts_;  // by micro-batch and recomputation
  std::array<int, 2> last_cut_key_{};
  Cut* last_cut_ = nullptr;
  std::int64_t timed_ = 0;
};

}  // namespace aisle::sim
