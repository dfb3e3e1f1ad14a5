// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <vector>

namespace aisle::workloads::parallel {

/// What one rank updates, in parameters.
struct Update {
  double share = 0;   ///< of which it has the optimizer states
  double tables = 0;  ///< of `share`, in embedding and head
  double held = 0;    ///< all weights that it holds
};

/// Matrices of one shape among the weights of a rank.
struct Matrices {
  std::int64_t rows = 0, columns = 0;
  std::int64_t count = 0;
  int holders = 1;  ///< ranks that hold the same ones, and deal them out
};

/// Adds the matrices of one layer (attention and feed-forward block; without routers).
void add_matrices(const Job& job, const Layer& layer, int copies, std::vector<Matrices>& all);

/// Kernels of the update. Adam moves bytes: gradients, master weights and both moments read, the
/// latter three and the weights written; the gradients read once before, for their norm, and
/// cleared after; a quantised recipe casts the new weights. Muon keeps one moment of matrices, and
/// multiplies each five times with itself (Newton-Schulz, Jordan et al. 2024): whole matrices are
/// dealt out among their holders, and the rank with the most counts; a matrix that tensor
/// parallelism cuts is made orthogonal part by part.
std::vector<Kernel> optimizer_kernels(const Job& job, const Update& update,
                                      const std::vector<Matrices>& matrices);

}  // namespace aisle::workloads::parallel
