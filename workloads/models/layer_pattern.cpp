// SPDX-License-Identifier: Apache-2.0
#include "workloads/models/layer_pattern.hpp"

#include <algorithm>

namespace aisle::workloads {

std::optional<int> window_period(const LayerPattern& local) {
  for (int period = 2; period <= static_cast<int>(local.size()); ++period) {
    bool fits = true;
    for (std::size_t i = 0; i < local.size() && fits; ++i) {
      fits = (local[i] == 0) == ((static_cast<int>(i) + 1) % period == 0);
    }
    if (fits) return period;
  }
  return std::nullopt;
}

std::optional<ExpertLayers> expert_layers(const LayerPattern& moe) {
  const auto first = static_cast<int>(std::find(moe.begin(), moe.end(), 1) - moe.begin());
  for (int every = 1; every <= static_cast<int>(moe.size()); ++every) {
    for (const int dense : {0, first}) {
      bool fits = true;
      for (std::size_t i = 0; i < moe.size() && fits; ++i) {
        const int layer = static_cast<int>(i);
        fits = (moe[i] != 0) == (layer >= dense && (layer + 1) % every == 0);
      }
      if (fits) return ExpertLayers{dense, every};
    }
  }
  return std::nullopt;
}

}  // namespace aisle::workloads
