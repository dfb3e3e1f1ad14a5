// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/emit.hpp"
#include "workloads/parallel/schedule.hpp"

#include <map>
#include <optional>
#include <vector>

namespace aisle::workloads::parallel {

/// Everything about replicas of weights: gathering them, reducing their gradients, updating them.
///
/// ZeRO-0 all-reduces gradients and every replica updates everything. ZeRO-1 and 2 reduce-scatter
/// them, update a share, and gather the weights again; ahead of need, at the start of the next
/// step, which for a steady state is the start of this one. ZeRO-3 gathers weights before each pass
/// of their layers, one unit ahead, and reduces gradients after each. Gradients of the other stages
/// leave unit by unit in a stage's last backward pass. A unit is a layer, or the layers of a
/// bucket. Where a copy is cut among a part of the replicas, shares of gradients are summed across
/// the copies afterwards (Sharding).
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
  using ByRank = std::map<int, std::vector<Operations>>;  ///< operations at each pipeline rank

  /// Weights of one unit of one stage that the same ranks hold.
  struct Part {
    double parameters = 0;
    bool experts = false;
  };

  /// One exchange among the holders of a part; `bytes` at each.
  struct Exchange {
    const char* name = "";
    CollectiveKind kind = CollectiveKind::all_gather;
    Group group = Group::data;  ///< of shared weights
    double bytes = 0;
  };

  std::vector<Part> parts(int stage, std::size_t unit, bool trained) const;
  /// Results by replica are appended to `done`.
  void collective(const Exchange& exchange, int stage, const Part& part, const ByRank& after,
                  ByRank& done);
  std::vector<int> holders(int stage) const;
  /// First layer of the unit that a layer belongs to, and the number of layers after its last.
  std::size_t unit_of(int stage, std::size_t layer) const;
  std::size_t unit_end(int stage, std::size_t unit) const;
  int shard(const Part& part) const;

  Group shard_group() const { return job_.shard() < job_.holders() ? Group::shard : Group::data; }

  bool gathers(const Pass& pass) const;
  void gather(int stage, std::size_t unit, Group group, const ByRank& after, ByRank& done,
              bool trained);
  void gather_before(Flow& flow, const Pass& pass, std::size_t unit, Group group);
  void reduce(int stage, std::size_t unit, const ByRank& after, bool across);
  ByRank reduce_in_shard(int stage, const Part& part, const ByRank& after);
  void sum_tied_embeddings();
  void update();

  /// Of what lies on the host (-1: nothing does), and of the rest.
  struct UpdateWorks {
    std::int32_t away = -1, here = -1;
  };

  UpdateWorks update_works(int pipeline_rank);

  const Job& job_;
  Groups& groups_;
  Plan& plan_;
  WorkTable& works_;
  const std::vector<Stage>& stages_;

  std::vector<std::vector<std::size_t>> units_;             ///< by stage and layer: unit_of
  std::map<std::pair<int, std::size_t>, ByRank> gathered_;  ///< by stage and unit
  std::map<std::pair<int, std::size_t>, ByRank> ready_;     ///< gradients that wait for a mirror
  std::map<std::pair<int, int>, int> passes_left_;          ///< by stage and pipeline rank
  std::map<int, Operations> computed_;                      ///< last backward work by pipeline rank
  std::map<int, std::vector<Operations>> reduced_;          ///< by pipeline rank
};

/// Where the last stage has a copy of the embedding (tied to the head, or of a prediction module),
/// the gradients of both are summed, unless one rank holds both stages.
std::optional<Communication> tied_traffic(const Job& job, Groups& groups);

}  // namespace aisle::workloads::parallel
