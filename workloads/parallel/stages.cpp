// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/stages.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace aisle::workloads::parallel {

namespace {

bool is_transformer(const Layer& layer) {
  return layer.kind == LayerKind::dense || layer.kind == LayerKind::moe;
}

}  // namespace

std::vector<int> balanced_stage_layers(const ModelGraph& model, int stages, int sequence) {
  std::vector<double> before{0};  // cost of the first i layers
  double tail = 0;                // of head and prediction modules
  for (const Layer& layer : model.layers) {
    const double cost = forward_flops(model, layer, 1, sequence).si();
    if (is_transformer(layer)) {
      before.push_back(before.back() + cost);
    } else {
      tail += cost;
    }
  }
  const auto layers = before.size() - 1;
  const auto count = static_cast<std::size_t>(stages);
  constexpr double kNone = std::numeric_limits<double>::infinity();

  // best[s][l]: the dearest of the first s stages that hold l layers, and then their sum of
  // squares; from[s][l]: where the last of them starts.
  struct Cell {
    double dearest = kNone, squares = kNone;
    std::size_t from = 0;
  };

  std::vector<std::vector<Cell>> best(count + 1, std::vector<Cell>(layers + 1));
  best[0][0] = {0, 0, 0};
  for (std::size_t s = 1; s <= count; ++s) {
    for (std::size_t l = 0; l <= layers; ++l) {
      for (std::size_t from = 0; from <= l; ++from) {
        const Cell& rest = best[s - 1][from];
        if (rest.dearest == kNone) continue;
        const double cost = before[l] - before[from] + (s == count ? tail : 0);
        const double dearest = std::max(rest.dearest, cost);
        const double squares = rest.squares + cost * cost;
        Cell& cell = best[s][l];
        const double tolerance = 1e-9 * dearest;
        if (dearest < cell.dearest - tolerance ||
            (dearest < cell.dearest + tolerance && squares < cell.squares * (1 - 1e-12))) {
          cell = {dearest, squares, from};
        }
      }
    }
  }
  std::vector<int> result(count);
  std::size_t end = layers;
  for (std::size_t s = count; s > 0; --s) {
    const std::size_t from = best[s][end].from;
    result[s - 1] = static_cast<int>(end - from);
    end = from;
  }
  return result;
}

std::vector<Layer> layers_of_stage(const Job& job, int stage) {
  const auto& counts = job.layout.stage_layers;
  AISLE_ASSERT(static_cast<int>(counts.size()) == job.stages(), "every stage has its layer count");
  const auto at = static_cast<std::size_t>(stage);
  const int first = std::accumulate(counts.begin(), counts.begin() + stage, 0);
  std::vector<Layer> layers;
  int index = 0;
  for (const Layer& layer : job.model->layers) {
    if (is_transformer(layer)) {
      if (index >= first && index < first + counts[at]) layers.push_back(layer);
      ++index;
    } else if (layer.kind == LayerKind::embedding ? stage == 0 : stage == job.stages() - 1) {
      layers.push_back(layer);
    }
  }
  return layers;
}

std::vector<int> layer_numbers(const Job& job) {
  std::vector<int> numbers;
  for (int stage = 0; stage < job.stages(); ++stage) {
    for (const Layer& layer : layers_of_stage(job, stage)) {
      if (layer.kind == LayerKind::mtp) {  // projection, block, head
        numbers.insert(numbers.end(), {-1, layer.number, -1});
      } else {
        numbers.push_back(layer.number);
      }
    }
  }
  return numbers;
}

}  // namespace aisle::workloads::parallel
