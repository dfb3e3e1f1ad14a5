// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/plan.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace aisle::workloads {

/// Rows of a rank of the plan in one layer (counted over all stages) and micro-batch, over the
/// mean rank's.
using RowsOf =
    std::function<double(std::int32_t rank, std::int32_t layer, std::int32_t micro_batch)>;

/// How ranks that ought to do the same differ.
struct Chance {
  double speed_spread = 0;        ///< relative standard deviation of a rank's kernel times
  double expert_load_spread = 0;  ///< of the rows of one rank in one layer and micro-batch
  int expert_ranks = 1;           ///< consecutive ranks that share the rows of one layer
  std::uint64_t seed = 1;
  double most_rows = 0;             ///< a rank's rows are cut to so many times the mean; 0: never
  bool persistent = false;          ///< rows of a layer are the same in all micro-batches
  std::vector<double> pace = {};    ///< [ranks] kernel times beside what is drawn; empty: 1
  std::vector<double> jitter = {};  ///< factors of one operation, equally likely; empty: 1
  RowsOf recorded = {};             ///< in place of draws
  std::vector<std::int32_t> row = {};  ///< [ranks] Rank::row; empty: 0
};

/// Gives each rank of an unfolded plan computation of its own: a speed for all its kernels, and for
/// those of experts the rows of each layer and micro-batch, the same forward and backward. What
/// one rank of an expert group receives more, the others receive less. Draws belong to the rank's
/// name, so they stay when others are added.
void draw_ranks(Plan& plan, const Chance& chance);

/// Replicas of a folded plan that are alike.
struct ReplicaKind {
  std::string name;  ///< beside that of the rank; empty: none
  std::int64_t replicas = 1;
};

/// Gives each kind of replica a representative of its own in a plan that has one for all: rank r of
/// kind k becomes rank k x ranks + r, with its kind's share of the multiplicity. What is exchanged
/// along the data axis, or by all, waits for every kind; exchanges of experts do where
/// `experts_meet`.
void split_replicas(Plan& plan, const std::vector<ReplicaKind>& kinds, bool experts_meet);

}  // namespace aisle::workloads
