// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

/// Which layers are of a kind, as a list and as a description writes it. Used by workloads/models
/// alone.
namespace aisle::workloads {

using LayerPattern = std::vector<char>;  ///< [layers] 1: of the kind

/// Of every so many layers, the last one is not local; nothing if no number says it.
std::optional<int> window_period(const LayerPattern& local);

struct ExpertLayers {
  int first_dense = 0, every = 1;
};

/// The description's two numbers for the layers with experts; nothing if no two say it.
std::optional<ExpertLayers> expert_layers(const LayerPattern& moe);

}  // namespace aisle::workloads
