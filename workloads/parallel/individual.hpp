// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/plan.hpp"

#include <cstdint>

namespace aisle::workloads {

/// How ranks that ought to do the same differ.
struct Chance {
  double speed_spread = 0;        ///< relative standard deviation of a rank's kernel times
  double expert_load_spread = 0;  ///< of the rows of one rank in one layer and micro-batch
  int expert_ranks = 1;           ///< consecutive ranks that share the rows of one layer
  std::uint64_t seed = 1;
};

/// Gives each rank of an unfolded plan computation of its own: a speed for all its kernels, and for
/// those of experts the rows of each layer and micro-batch, the same forward and backward. What
/// one rank of an expert group receives more, the others receive less. Draws belong to the rank's
/// name, so they stay when others are added.
void draw_ranks(Plan& plan, const Chance& chance);

}  // namespace aisle::workloads
