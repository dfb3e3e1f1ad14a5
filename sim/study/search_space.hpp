// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/scenario.pb.h"
#include "sim/study/search.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/estimate.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

/// Used by sim/study's search alone.
namespace aisle::sim {

/// Values of one axis that the user leaves to the search or holds.
struct AxisChoice {
  bool searched = true;
  int value = 0;  ///< where it is not
};

/// The layouts of one study.
class LayoutSpace {
 public:
  /// Nothing if the choice of axes is wrong, which is reported.
  static std::optional<LayoutSpace> build(const pb::Training& training,
                                          const workloads::ModelGraph& model,
                                          const topology::Cluster& cluster,
                                          const SearchOptions& options, Diagnostics& diagnostics);

  /// Cuts of a layer; layouts of one cut have most of their tables in common.
  struct Cut {
    int tensor = 1, context = 1, expert = 1;
  };

  const std::vector<Cut>& cuts() const { return cuts_; }

  enum class Verdict { go_on, too_large, stop };

  /// Told a layout, and the job, or nullptr if the planner refuses it or it is too large, which
  /// follows from another one that is.
  using Visit = std::function<Verdict(const Mapping&, const workloads::parallel::Job*, bool large)>;

  /// Calls `visit` with every layout of a cut whose ranks multiply to the cluster.
  void each(const Cut& cut, const Visit& visit) const;

 private:
  LayoutSpace(const pb::Training& training, const workloads::ModelGraph& model,
              const topology::Cluster& cluster)
      : training_(training), model_(model), cluster_(cluster) {}

  bool choose(const SearchOptions& options, Diagnostics& diagnostics);
  void find_cuts();
  void balance();
  std::vector<int> among(const std::string& axis, std::vector<int> candidates) const;
  std::vector<int> virtual_stages(int pipeline, int schedule) const;
  bool keeps_stages() const;
  enum class Left { some, none, stopped };
  Left each_states(Mapping m, pb::Training& training, bool too_large, const Visit& visit) const;

  const pb::Training& training_;
  const workloads::ModelGraph& model_;
  const topology::Cluster& cluster_;
  std::map<std::string, AxisChoice> axes_;
  std::vector<Cut> cuts_;
  std::vector<int> recomputes_;               // most first
  std::map<int, std::vector<int>> balanced_;  // layers of each stage, by number of stages
};

}  // namespace aisle::sim
