// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/models/model.hpp"

#include <algorithm>
#include <string>

/// What a refused layout could have in place of what was asked for.
namespace aisle::workloads::parallel {

/// The values nearest to the one asked for that would do, up to `most`: "8 or 16"; empty if none.
template <typename Fits>
std::string around(int asked, int most, Fits fits) {
  int below = std::min(asked, most), above = asked + 1;
  while (below > 0 && !fits(below)) --below;
  while (above <= most && !fits(above)) ++above;
  if (below > 0 && above <= most) return std::to_string(below) + " or " + std::to_string(above);
  if (below > 0) return std::to_string(below);
  return above <= most ? std::to_string(above) : std::string();
}

/// Whether so many tensor-parallel ranks divide the heads of every layer.
inline bool cuts_heads(const ModelGraph& model, int tensor) {
  return std::all_of(model.layers.begin(), model.layers.end(), [tensor](const Layer& layer) {
    const AttentionShape& a = layer.attention;
    return a.heads == 0 || (a.heads % tensor == 0 &&
                            (a.kv_heads % tensor == 0 || tensor % std::max(1, a.kv_heads) == 0));
  });
}

/// Whether they divide the width of every dense block and of shared experts.
inline bool cuts_widths(const ModelGraph& model, int tensor) {
  return std::all_of(model.layers.begin(), model.layers.end(), [tensor](const Layer& layer) {
    const FeedForwardShape& f = layer.feed_forward;
    return (f.experts > 0 ? f.shared * f.shared_hidden : f.hidden) % tensor == 0;
  });
}

}  // namespace aisle::workloads::parallel
