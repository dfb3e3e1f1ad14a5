// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <vector>

namespace aisle::workloads::parallel {

/// Transformer layers of each of `stages` stages, in order, so that the most expensive stage (by
/// forward FLOPs, head and prediction modules on the last) is as cheap as can be, and the rest as
/// even as can be.
std::vector<int> balanced_stage_layers(const ModelGraph& model, int stages, int sequence);

/// Layers of the model that one stage holds: the embedding on the first, head and prediction
/// modules on the last.
std::vector<Layer> layers_of_stage(const Job& job, int stage);

/// Layer::number of each layer that operations name, which count over all stages; -1: not a block.
std::vector<int> layer_numbers(const Job& job);

}  // namespace aisle::workloads::parallel
