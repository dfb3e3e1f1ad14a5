// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/emit.hpp"
#include "workloads/parallel/schedule.hpp"

#include <map>
#include <vector>

namespace aisle::workloads::parallel {

/// The optimizer on a rank that updates `parameters` and holds `held`. Memory-bound: gradients,
/// master weights and both moments read, the latter three and the weights written; the gradients
/// read once before, for their norm, and cleared after; a quantised recipe casts the new weights.
std::vector<Kernel> optimizer_kernels(const Job& job, double parameters, double held);

/// Everything about replicas of weights: gathering them, reducing their gradients, updating them.
///
/// ZeRO-0 all-reduces gradients and every replica updates everything. ZeRO-1 and 2 reduce-scatter
/// them, update a share, and gather the weights again; with `overlap`, layer by layer at the start
/// of the next step, which for a steady state is the start of this one. ZeRO-3 gathers a layer's
/// weights before each of its passes, one layer ahead, and reduces its gradients after each.
/// Gradients of the other stages leave layer by layer in a stage's last backward pass.
class DataParallel {
 public:
  DataParallel(const Job& job, Groups& groups, Plan& plan, WorkTable& works,
               const std::vector<Stage>& stages);

  void begin();
  /// Counts the passes of a rank, to know each stage's last.
  void expect(int pipeline_rank, const std::vector<Action>& program);
  void before_forward(Flow& flow, const Pass& pass, std::size_t layer);
  void before_backward(Flow& flow, const Pass& pass, std::size_t layer);
  /// The layer's weight gradients of this pass are on their way (`flow.weights()`).
  void after_weight(Flow& flow, const Pass& pass, std::size_t layer);
  void after_pass(Flow& flow, const Pass& pass);
  void finish();

 private:
  /// Weights of one layer of one stage.
  struct Part {
    double parameters = 0;
    Group group = Group::data;
  };

  std::vector<Part> parts(int stage, std::size_t layer) const;
  /// One collective of the holders of a part; results by replica are appended to `done`.
  void collective(const char* name, CollectiveKind kind, int stage, const Part& part,
                  double bytes_per_parameter, const std::map<int, std::vector<Operations>>& after,
                  std::map<int, std::vector<Operations>>& done);
  std::vector<int> holders(int stage) const;
  void gather_ahead(Flow& flow, const Pass& pass, std::size_t layer);
  void reduce(int stage, std::size_t layer, const std::map<int, std::vector<Operations>>& after);
  void update();
  std::int32_t optimizer_work(int pipeline_rank);

  const Job& job_;
  Groups& groups_;
  Plan& plan_;
  WorkTable& works_;
  const std::vector<Stage>& stages_;

  using ByRank = std::map<int, std::vector<Operations>>;  ///< operations at each pipeline rank

  std::map<std::pair<int, std::size_t>, ByRank> gathered_;  ///< by stage and layer
  std::map<std::pair<int, std::size_t>, ByRank> ready_;     ///< gradients that wait for a mirror
  std::map<std::pair<int, int>, int> passes_left_;          ///< by stage and pipeline rank
  std::map<int, Operations> computed_;                      ///< last backward work by pipeline rank
  std::map<int, std::vector<Operations>> reduced_;          ///< by pipeline rank
};

}  // namespace aisle::workloads::parallel
