// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/models/model.hpp"
#include "workloads/parallel/expert_loads.hpp"

#include <cstddef>
#include <map>
#include <vector>

namespace aisle::workloads {

/// What is done about uneven experts.
struct ExpertPolicy {
  double capacity = 0;    ///< an expert takes at most so many times the mean; 0: all that come
  int redundant = 0;      ///< slots for copies beyond one of each expert
  bool balanced = false;  ///< placed by load, not in order
};

/// Recorded expert loads brought to a model, its expert-parallel ranks and their placement
/// (docs/model/moe-loads.md). Everything is relative to even experts, of whose tokens none are
/// dropped.
class UnevenExperts {
 public:
  /// One layer in one step.
  struct LayerLoads {
    std::vector<double> rows;     ///< [ranks] token assignments
    std::vector<double> copies;   ///< [ranks] tokens that arrive, once each
    std::vector<double> domains;  ///< [domains] tokens that arrive, once each
  };

  /// What the most loaded of all ranks (domains) makes the others wait for.
  struct Felt {
    double rows = 1, copies = 1, domains = 1;
  };

  struct Summary {
    double in_order = 1, placed = 1;  ///< most loaded rank over the mean one, mean over layers
    double hottest_expert = 1;        ///< over the mean expert, mean over layers
    double dropped = 0;               ///< share of token assignments
  };

  /// `ranks` divide the experts and slots of every layer; `domains` of ranks in order.
  UnevenExperts(const ModelGraph& model, const ExpertLoads& recorded, const ExpertPolicy& policy,
                int ranks, int domains);

  std::size_t steps() const { return steps_; }

  /// By Layer::number.
  const LayerLoads& at(std::size_t step, int layer) const;

  /// In one layer, and over several by the rank that is most loaded over all of them; mean over the
  /// steps.
  Felt felt(const std::vector<int>& layers) const;

  const Summary& summary() const { return summary_; }

  /// Whether the table's experts are as many as the model's.
  bool same_experts() const { return same_experts_; }

 private:
  void add_layer(const Layer& layer, std::size_t index, const ExpertLoads& recorded,
                 const ExpertPolicy& policy);
  LayerLoads spread(const std::vector<double>& loads, const std::vector<int>& slots,
                    const std::vector<int>& copies, int top_k) const;

  int ranks_, domains_;
  std::size_t steps_;
  bool same_experts_ = true;
  std::map<int, std::vector<LayerLoads>> layers_;  ///< by number: by step
  Summary summary_;
};

}  // namespace aisle::workloads
