// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/water_filling.hpp"

#include <queue>

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace aisle::sim {

namespace {

std::size_t index(std::int32_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

WaterFilling::WaterFilling(const workloads::Traffic& traffic)
    : traffic_(traffic),
      first_use_(traffic.links.size() + 1, 0),
      uses_(traffic.draws.size()),
      by_limit_(traffic.flows.size()),
      at_(traffic.flows.size(), -1),
      is_frozen_(traffic.flows.size(), 0),
      rate_(traffic.flows.size(), 0),
      held_by_(traffic.flows.size(), -1),
      left_(traffic.links.size(), 0),
      load_(traffic.links.size(), 0),
      rising_(traffic.links.size(), 0) {
  for (const auto& draw : traffic.draws) ++first_use_[index(draw.link) + 1];
  for (std::size_t i = 1; i < first_use_.size(); ++i) first_use_[i] += first_use_[i - 1];
  std::vector<std::int32_t> fill(first_use_.begin(), first_use_.end() - 1);
  std::iota(by_limit_.begin(), by_limit_.end(), 0);
  std::stable_sort(by_limit_.begin(), by_limit_.end(), [&](std::int32_t a, std::int32_t b) {
    return traffic.flows[index(a)].limit < traffic.flows[index(b)].limit;
  });
  for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
    for (const auto& draw : traffic.draws_of(traffic.flows[f])) {
      uses_[index(fill[index(draw.link)]++)] = {static_cast<std::int32_t>(f), draw.weight};
    }
  }
}

void WaterFilling::start(std::int32_t flow) {
  at_[index(flow)] = static_cast<std::int32_t>(running_.size());
  running_.push_back(flow);
}

void WaterFilling::end(std::int32_t flow) {
  const std::int32_t at = at_[index(flow)];
  running_[index(at)] = running_.back();
  at_[index(running_[index(at)])] = at;
  running_.pop_back();
  at_[index(flow)] = -1;
}

/// Empties the links that were touched last and loads those that the running flows draw on.
void WaterFilling::prepare() {
  for (const std::int32_t link : touched_) load_[index(link)] = 0;
  for (const std::int32_t link : touched_) rising_[index(link)] = 0;
  touched_.clear();
  for (const std::int32_t flow : running_) {
    is_frozen_[index(flow)] = 0;
    for (const auto& draw : traffic_.draws_of(traffic_.flows[index(flow)])) {
      if (rising_[index(draw.link)]++ == 0) {
        touched_.push_back(draw.link);
        left_[index(draw.link)] = traffic_.links[index(draw.link)].capacity.si();
      }
      load_[index(draw.link)] += draw.weight;
    }
  }
}

void WaterFilling::freeze(std::int32_t flow, double rate, std::int32_t link) {
  is_frozen_[index(flow)] = 1;
  rate_[index(flow)] = rate;
  held_by_[index(flow)] = link;
  for (const auto& draw : traffic_.draws_of(traffic_.flows[index(flow)])) {
    left_[index(draw.link)] -= draw.weight * rate;
    load_[index(draw.link)] -= draw.weight;
    --rising_[index(draw.link)];
  }
}

void WaterFilling::solve() {
  prepare();
  // Levels of links only rise while others freeze, so an entry that is out of date is too low: it
  // is put back with its present level.
  using Entry = std::pair<double, std::int32_t>;
  std::vector<Entry> entries;
  entries.reserve(touched_.size());
  for (const std::int32_t l : touched_) entries.emplace_back(left_[index(l)] / load_[index(l)], l);
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> levels(std::greater<>{},
                                                                        std::move(entries));
  std::size_t next = 0;
  while (true) {
    while (next < by_limit_.size() && !rises(by_limit_[next])) ++next;
    if (next == by_limit_.size()) return;
    const double limit = traffic_.flows[index(by_limit_[next])].limit.si();
    if (levels.empty() || limit <= levels.top().first) {
      freeze(by_limit_[next], limit, -1);
      continue;
    }
    const auto [stored, link] = levels.top();
    levels.pop();
    if (rising_[index(link)] == 0) continue;
    const double level = std::max(0.0, left_[index(link)]) / load_[index(link)];
    constexpr double kRounding = 1e-13;
    if (level > stored * (1 + kRounding)) {
      levels.emplace(level, link);
      continue;
    }
    for (std::int32_t u = first_use_[index(link)]; u < first_use_[index(link) + 1]; ++u) {
      const std::int32_t flow = uses_[index(u)].flow;
      if (rises(flow)) freeze(flow, level, link);
    }
  }
}

}  // namespace aisle::sim
