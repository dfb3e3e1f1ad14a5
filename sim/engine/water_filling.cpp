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
      limit_rank_(traffic.flows.size()),
      at_(traffic.flows.size(), -1),
      rate_(traffic.flows.size(), 0),
      held_by_(traffic.flows.size(), -1),
      left_(traffic.links.size(), 0),
      on_link_(traffic.links.size(), 0),
      held_on_(traffic.links.size(), 0),
      in_region_(traffic.flows.size(), 0),
      is_closed_(traffic.links.size(), 0),
      rises_(traffic.flows.size(), 0),
      load_(traffic.links.size(), 0),
      rising_(traffic.links.size(), 0) {
  for (std::size_t l = 0; l < left_.size(); ++l) left_[l] = traffic.links[l].capacity.si();
  for (const auto& draw : traffic.draws) ++first_use_[index(draw.link) + 1];
  for (std::size_t i = 1; i < first_use_.size(); ++i) first_use_[i] += first_use_[i - 1];
  std::vector<std::int32_t> fill(first_use_.begin(), first_use_.end() - 1);
  for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
    for (const auto& draw : traffic.draws_of(traffic.flows[f])) {
      uses_[index(fill[index(draw.link)]++)] = static_cast<std::int32_t>(f);
    }
  }
  std::vector<std::int32_t> by_limit(traffic.flows.size());
  std::iota(by_limit.begin(), by_limit.end(), 0);
  std::stable_sort(by_limit.begin(), by_limit.end(), [&](std::int32_t a, std::int32_t b) {
    return traffic.flows[index(a)].limit < traffic.flows[index(b)].limit;
  });
  for (std::size_t i = 0; i < by_limit.size(); ++i) {
    limit_rank_[index(by_limit[i])] = static_cast<std::int32_t>(i);
  }
}

void WaterFilling::start(std::int32_t flow) {
  at_[index(flow)] = static_cast<std::int32_t>(running_.size());
  running_.push_back(flow);
  started_.push_back(flow);
  for (const auto& draw : traffic_.draws_of(traffic_.flows[index(flow)])) {
    ++on_link_[index(draw.link)];
  }
}

void WaterFilling::end(std::int32_t flow) {
  const std::int32_t at = at_[index(flow)];
  running_[index(at)] = running_.back();
  at_[index(running_[index(at)])] = at;
  running_.pop_back();
  at_[index(flow)] = -1;
  if (held_by_[index(flow)] >= 0) --held_on_[index(held_by_[index(flow)])];
  for (const auto& draw : traffic_.draws_of(traffic_.flows[index(flow)])) {
    const std::size_t l = index(draw.link);
    left_[l] += draw.weight * rate_[index(flow)];
    if (--on_link_[l] == 0) left_[l] = traffic_.links[l].capacity.si();
    loosened_.push_back(draw.link);
  }
}

void WaterFilling::add(std::int32_t flow) {
  if (at_[index(flow)] < 0 || in_region_[index(flow)] != 0) return;
  in_region_[index(flow)] = 1;
  region_.push_back(flow);
}

void WaterFilling::add_all_of(std::int32_t link) {
  if (held_on_[index(link)] == 0 || is_closed_[index(link)] != 0) return;
  is_closed_[index(link)] = 1;
  for (std::int32_t u = first_use_[index(link)]; u < first_use_[index(link) + 1]; ++u) {
    add(uses_[index(u)]);
  }
}

/// Takes in all flows of each link of the region that holds somebody; whether there were any.
bool WaterFilling::close() {
  const std::size_t before = region_.size();
  for (std::size_t i = 0; i < region_.size(); ++i) {
    for (const auto& draw : traffic_.draws_of(traffic_.flows[index(region_[i])])) {
      add_all_of(draw.link);
    }
  }
  return region_.size() > before;
}

/// Takes the region's flows off their links.
void WaterFilling::release() {
  for (const std::int32_t flow : region_) {
    if (held_by_[index(flow)] >= 0) --held_on_[index(held_by_[index(flow)])];
    held_by_[index(flow)] = -1;
    for (const auto& draw : traffic_.draws_of(traffic_.flows[index(flow)])) {
      left_[index(draw.link)] += draw.weight * rate_[index(flow)];
    }
  }
}

/// Loads the links that the region's flows draw on.
void WaterFilling::prepare() {
  touched_.clear();
  for (const std::int32_t flow : region_) {
    rises_[index(flow)] = 1;
    for (const auto& draw : traffic_.draws_of(traffic_.flows[index(flow)])) {
      const std::size_t l = index(draw.link);
      if (rising_[l]++ == 0) {
        touched_.push_back(draw.link);
        load_[l] = 0;
      }
      load_[l] += draw.weight;
    }
  }
  // Where nobody else draws, nothing but rounding is in the sum.
  for (const std::int32_t l : touched_) {
    if (rising_[index(l)] == on_link_[index(l)]) {
      left_[index(l)] = traffic_.links[index(l)].capacity.si();
    }
  }
}

void WaterFilling::freeze(std::int32_t flow, double rate, std::int32_t link) {
  rises_[index(flow)] = 0;
  rate_[index(flow)] = rate;
  held_by_[index(flow)] = link;
  if (link >= 0) ++held_on_[index(link)];
  for (const auto& draw : traffic_.draws_of(traffic_.flows[index(flow)])) {
    left_[index(draw.link)] -= draw.weight * rate;
    load_[index(draw.link)] -= draw.weight;
    --rising_[index(draw.link)];
  }
}

/// Rates of the region's flows, while all others keep theirs.
void WaterFilling::fill() {
  // Levels of links only rise while others freeze, so an entry that is out of date is too low: it
  // is put back with its present level.
  using Entry = std::pair<double, std::int32_t>;
  std::vector<Entry> entries;
  entries.reserve(touched_.size());
  for (const std::int32_t l : touched_) entries.emplace_back(left_[index(l)] / load_[index(l)], l);
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> levels(std::greater<>{},
                                                                        std::move(entries));
  std::sort(region_.begin(), region_.end(), [&](std::int32_t a, std::int32_t b) {
    return limit_rank_[index(a)] < limit_rank_[index(b)];
  });
  std::size_t next = 0;
  while (true) {
    while (next < region_.size() && rises_[index(region_[next])] == 0) ++next;
    if (next == region_.size()) return;
    const double limit = traffic_.flows[index(region_[next])].limit.si();
    if (levels.empty() || limit <= levels.top().first) {
      freeze(region_[next], limit, -1);
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
      const std::int32_t flow = uses_[index(u)];
      if (rises_[index(flow)] != 0) freeze(flow, level, link);
    }
  }
}

void WaterFilling::solve() {
  region_.clear();
  touched_.clear();
  for (const std::int32_t link : loosened_) add_all_of(link);
  for (const std::int32_t flow : started_) add(flow);
  loosened_.clear();
  started_.clear();
  close();
  // A link that the region fills may hold what is outside of it.
  if (!region_.empty()) {
    do {
      release();
      prepare();
      fill();
    } while (close());
  }
  for (const std::int32_t flow : region_) in_region_[index(flow)] = 0;
  for (const std::int32_t link : touched_) is_closed_[index(link)] = 0;
}

}  // namespace aisle::sim
