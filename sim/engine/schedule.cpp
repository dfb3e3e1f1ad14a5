// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/schedule.hpp"

#include "sim/base/diagnostics.hpp"

#include <fmt/core.h>

#include <string>

namespace aisle::sim {

using workloads::Operation;
using workloads::Place;
using workloads::Plan;

Schedule::Schedule(const Plan& plan)
    : plan_(plan),
      next_(plan.places.size(), -1),
      blockers_(plan.operations.size(), 0),
      first_dependent_(plan.operations.size() + 1, 0),
      dependents_(plan.dependencies.size()),
      left_(static_cast<std::int64_t>(plan.operations.size())) {
  const auto count = static_cast<std::int32_t>(plan.operations.size());
  // For each queue, where in plan.places its last operation so far stands, and which it is.
  std::vector<std::int32_t> last_place(plan.ranks.size() * plan.queues(), -1);
  std::vector<std::int32_t> last_operation(plan.ranks.size() * plan.queues(), -1);
  for (std::int32_t o = 0; o < count; ++o) {
    const Operation& operation = plan.operations[static_cast<std::size_t>(o)];
    auto& blockers = blockers_[static_cast<std::size_t>(o)];
    blockers += operation.dependencies;
    for (std::int32_t i = 0; i < operation.places; ++i) {
      const std::int32_t at = operation.first_place + i;
      const std::size_t queue = slot(plan, plan.places[static_cast<std::size_t>(at)]);
      AISLE_ASSERT(queue < last_place.size(), "a place refers to a rank of its plan");
      AISLE_ASSERT(last_operation[queue] != o, "an operation occupies each place once");
      if (last_place[queue] >= 0) {
        next_[static_cast<std::size_t>(last_place[queue])] = o;
        ++blockers;
      }
      last_place[queue] = at;
      last_operation[queue] = o;
    }
    for (const std::int32_t dependency : dependencies_of(plan, operation)) {
      AISLE_ASSERT(dependency >= 0 && dependency < count,
                   "a dependency refers to an operation of its plan");
      ++first_dependent_[static_cast<std::size_t>(dependency) + 1];
    }
  }
  for (std::size_t i = 1; i < first_dependent_.size(); ++i) {
    first_dependent_[i] += first_dependent_[i - 1];
  }
  std::vector<std::int32_t> fill(first_dependent_.begin(), first_dependent_.end() - 1);
  for (std::int32_t o = 0; o < count; ++o) {
    for (const std::int32_t dependency :
         dependencies_of(plan, plan.operations[static_cast<std::size_t>(o)])) {
      auto& at = fill[static_cast<std::size_t>(dependency)];
      dependents_[static_cast<std::size_t>(at++)] = o;
    }
  }
}

std::vector<std::int32_t> Schedule::initially_ready() const {
  std::vector<std::int32_t> ready;
  for (std::size_t o = 0; o < blockers_.size(); ++o) {
    if (blockers_[o] == 0) ready.push_back(static_cast<std::int32_t>(o));
  }
  return ready;
}

void Schedule::end(std::int32_t operation, std::vector<std::int32_t>& ready) {
  --left_;
  const auto release = [&](std::int32_t waiting) {
    if (--blockers_[static_cast<std::size_t>(waiting)] == 0) ready.push_back(waiting);
  };
  const Operation& ended = plan_.operations[static_cast<std::size_t>(operation)];
  for (std::int32_t i = 0; i < ended.places; ++i) {
    const std::int32_t next = next_[static_cast<std::size_t>(ended.first_place + i)];
    if (next >= 0) release(next);
  }
  const auto o = static_cast<std::size_t>(operation);
  for (std::int32_t i = first_dependent_[o]; i < first_dependent_[o + 1]; ++i) {
    release(dependents_[static_cast<std::size_t>(i)]);
  }
}

void Schedule::check_all_ended() const {
  if (left_ == 0) return;
  std::string names;
  int named = 0;
  for (std::size_t o = 0; o < blockers_.size() && named < 4; ++o) {
    if (blockers_[o] == 0) continue;
    const Operation& operation = plan_.operations[o];
    names += fmt::format("{}operation {} '{}'", named++ > 0 ? ", " : "", o,
                         plan_.works[static_cast<std::size_t>(operation.work)].name);
    for (const Place& place : places_of(plan_, operation)) {
      names += fmt::format(" on {} ({})", plan_.ranks[static_cast<std::size_t>(place.rank)].name,
                           plan_.queue_name(place.stream));
    }
  }
  const std::string sentence = fmt::format(
      "{} operations of the plan wait for one another in a cycle; first {}", left_, names);
  AISLE_ASSERT(left_ == 0, sentence.c_str());
}

}  // namespace aisle::sim
