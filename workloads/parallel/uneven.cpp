// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/uneven.hpp"

#include "sim/base/diagnostics.hpp"
#include "workloads/parallel/expert_placement.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace aisle::workloads {

namespace {

double largest(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

void add(std::vector<double>& sum, const std::vector<double>& more) {
  if (sum.empty()) sum.assign(more.size(), 0);
  for (std::size_t i = 0; i < more.size(); ++i) sum[i] += more[i];
}

/// Brings the mean to one.
void normalise(std::vector<double>& loads) {
  const double sum = std::accumulate(loads.begin(), loads.end(), 0.0);
  const auto count = static_cast<double>(loads.size());
  for (double& load : loads) load = sum > 0 ? load * count / sum : 1;
}

/// Loads of the experts of one layer of the model in one step, mean one. With as many experts as
/// the table: those of the layer whose number is nearest. Else the table's layers, each of mean
/// one, stand one behind the other, and the model's layers take from them in turn.
std::vector<double> loads_of(const ExpertLoads& recorded, std::size_t step, const Layer& layer,
                             std::size_t index) {
  const auto experts = static_cast<std::size_t>(layer.feed_forward.experts);
  const auto width = static_cast<std::size_t>(recorded.experts);
  if (experts == width) {
    const auto nearest = std::min_element(
        recorded.layers.begin(), recorded.layers.end(),
        [&](int a, int b) { return std::abs(a - layer.number) < std::abs(b - layer.number); });
    const auto row =
        recorded.row(step, static_cast<std::size_t>(nearest - recorded.layers.begin()));
    std::vector<double> loads(row.begin(), row.end());
    normalise(loads);
    return loads;
  }
  std::vector<double> loads, source;
  std::size_t source_row = recorded.layers.size();
  for (std::size_t e = 0; e < experts; ++e) {
    const std::size_t at = index * experts + e;
    const std::size_t row = at / width % recorded.layers.size();
    if (row != source_row) {
      const auto taken = recorded.row(step, row);
      source.assign(taken.begin(), taken.end());
      normalise(source);
      source_row = row;
    }
    loads.push_back(source[at % width]);
  }
  normalise(loads);
  return loads;
}

/// Chance that a token comes to none of some experts, from its chance to come to each.
double chance_of_none(const std::vector<double>& chances) {
  double none = 1;
  for (const double chance : chances) none *= 1 - std::min(1.0, chance);
  return none;
}

}  // namespace

UnevenExperts::UnevenExperts(const ModelGraph& model, const ExpertLoads& recorded,
                             const ExpertPolicy& policy, int ranks, int domains)
    : ranks_(ranks),
      domains_(ranks % std::max(1, domains) == 0 ? std::max(1, domains) : 1),
      steps_(recorded.steps.size()) {
  summary_ = {0, 0, 0, 0};
  std::size_t index = 0;
  for (const Layer& layer : model.layers) {
    if (layer.feed_forward.experts > 0) add_layer(layer, index++, recorded, policy);
  }
  AISLE_ASSERT(index > 0, "a model with experts");
  const double layers = static_cast<double>(index * steps_);
  for (double* figure :
       {&summary_.in_order, &summary_.placed, &summary_.hottest_expert, &summary_.dropped}) {
    *figure /= layers;
  }
}

void UnevenExperts::add_layer(const Layer& layer, std::size_t index, const ExpertLoads& recorded,
                              const ExpertPolicy& policy) {
  const int experts = layer.feed_forward.experts;
  same_experts_ = same_experts_ && experts == recorded.experts;
  std::vector<std::vector<double>> kept;  // by step, what experts take
  std::vector<double> mean;
  for (std::size_t step = 0; step < steps_; ++step) {
    std::vector<double> loads = loads_of(recorded, step, layer, index);
    summary_.hottest_expert += largest(loads);
    for (double& load : loads) {
      if (policy.capacity <= 0 || load <= policy.capacity) continue;
      summary_.dropped += (load - policy.capacity) / experts;
      load = policy.capacity;
    }
    add(mean, loads);
    kept.push_back(std::move(loads));
  }
  const ExpertPlacement in_order = experts_in_order(experts);
  const ExpertPlacement placed =
      policy.balanced ? balanced_experts(mean, {experts + policy.redundant, ranks_,
                                                std::max(1, layer.feed_forward.groups), domains_})
                      : in_order;
  std::vector<LayerLoads>& by_step = layers_[layer.number];
  const auto over_mean = [](const std::vector<double>& rows) {
    const double sum = std::accumulate(rows.begin(), rows.end(), 0.0);
    return sum > 0 ? largest(rows) * static_cast<double>(rows.size()) / sum : 1;
  };
  for (const std::vector<double>& loads : kept) {
    const int top_k = layer.feed_forward.top_k;
    summary_.in_order += over_mean(spread(loads, in_order.slots, in_order.copies, top_k).rows);
    by_step.push_back(spread(loads, placed.slots, placed.copies, top_k));
    summary_.placed += over_mean(by_step.back().rows);
  }
}

UnevenExperts::LayerLoads UnevenExperts::spread(const std::vector<double>& loads,
                                                const std::vector<int>& slots,
                                                const std::vector<int>& copies, int top_k) const {
  const std::size_t per_rank = slots.size() / static_cast<std::size_t>(ranks_);
  const std::size_t per_domain = slots.size() / static_cast<std::size_t>(domains_);
  const double experts = static_cast<double>(loads.size());
  std::vector<double> load(slots.size()), chance(slots.size());
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    const auto expert = static_cast<std::size_t>(slots[slot]);
    load[slot] = loads[expert] / copies[expert];
    chance[slot] = load[slot] * top_k / experts;
  }
  const double even = static_cast<double>(top_k) / static_cast<double>(slots.size());
  const auto arriving = [&](std::size_t bin, std::size_t size) {
    const auto first = chance.begin() + static_cast<std::ptrdiff_t>(bin * size);
    const std::vector<double> own(first, first + static_cast<std::ptrdiff_t>(size));
    return (1 - chance_of_none(own)) / (1 - chance_of_none(std::vector<double>(size, even)));
  };
  LayerLoads result;
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(ranks_); ++rank) {
    const auto first = load.begin() + static_cast<std::ptrdiff_t>(rank * per_rank);
    const double sum = std::accumulate(first, first + static_cast<std::ptrdiff_t>(per_rank), 0.0);
    result.rows.push_back(sum * ranks_ / experts);
    result.copies.push_back(arriving(rank, per_rank));
  }
  for (std::size_t domain = 0; domain < static_cast<std::size_t>(domains_); ++domain) {
    result.domains.push_back(arriving(domain, per_domain));
  }
  return result;
}

const UnevenExperts::LayerLoads& UnevenExperts::at(std::size_t step, int layer) const {
  return layers_.at(layer)[step];
}

UnevenExperts::Felt UnevenExperts::felt(const std::vector<int>& layers) const {
  if (layers.empty()) return {};
  Felt felt{0, 0, 0};
  for (std::size_t step = 0; step < steps_; ++step) {
    LayerLoads sum;
    for (const int layer : layers) {
      const LayerLoads& one = at(step, layer);
      add(sum.rows, one.rows);
      add(sum.copies, one.copies);
      add(sum.domains, one.domains);
    }
    felt.rows += largest(sum.rows);
    felt.copies += largest(sum.copies);
    felt.domains += largest(sum.domains);
  }
  const double all = static_cast<double>(layers.size() * steps_);
  return {felt.rows / all, felt.copies / all, felt.domains / all};
}

}  // namespace aisle::workloads
