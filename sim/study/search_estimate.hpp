// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/rank_power.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/estimate.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

/// Used by sim/study's search alone.
namespace aisle::sim {

/// Step time and memory of layouts, without a plan for each. Passes through stages are timed by the
/// analytic engine, once for each distinct cut of a layer (tensor, context, expert, micro-batch,
/// recomputation) and each distinct end of a stage; a recurrence over the schedule's actions puts
/// them together with messages, the exchanges of replicas and the optimizer. Memory is what place()
/// finds, from the same tables. What is left out, and how far off it is: docs/model/search.md.
class Estimator {
 public:
  Estimator(const workloads::ModelGraph& model, const topology::Cluster& cluster,
            const KernelModel& kernels, const RankPower& power);
  ~Estimator();

  /// Bytes on the fullest rank.
  double memory(const workloads::parallel::Job& job);

  /// Seconds of one step.
  double step(const workloads::parallel::Job& job);

  /// What the mean accelerator does in one step; messages between stages are left out.
  power::Activity activity(const workloads::parallel::Job& job);

  /// Seconds that no schedule can beat: the passes of the busiest rank, one after the other. A
  /// rough one leaves out what is computed again, and so is one for all layouts that differ in it
  /// alone.
  double bound(const workloads::parallel::Job& job, bool rough);

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

/// Energy of an accelerator whose operations and bytes all fall into the time that it computes.
Joules energy_of(const power::PowerCurve& curve, const power::Activity& activity);

}  // namespace aisle::sim
