// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace aisle::sim {

/// Queues and dependencies of a plan. Which operations may start does not depend on the order in
/// which operations that end together are ended, so engines need not sort them.
class Schedule {
 public:
  explicit Schedule(const workloads::Plan& plan);

  /// Operations that may start at once, in order of insertion.
  std::vector<std::int32_t> initially_ready() const;

  /// Ends an operation and appends those that may start now.
  void end(std::int32_t operation, std::vector<std::int32_t>& ready);

  /// Stops the program, naming the first operations that wait, if any operation has not ended:
  /// the plan then has a cycle of queues and dependencies, a bug of its planner.
  void check_all_ended() const;

 private:
  const workloads::Plan& plan_;
  std::vector<std::int32_t> next_;      // [places] operation behind this one in the queue, or -1
  std::vector<std::int32_t> blockers_;  // [operations] dependencies and queue heads waited for
  std::vector<std::int32_t> first_dependent_, dependents_;  // rows of operations
  std::int64_t left_ = 0;
};

/// Index of a place among all places of all ranks.
inline std::size_t slot(const workloads::Plan& plan, const workloads::Place& place) {
  return static_cast<std::size_t>(place.rank) * plan.queues() +
         static_cast<std::size_t>(place.stream);
}

inline std::span<const workloads::Place> places_of(const workloads::Plan& plan,
                                                   const workloads::Operation& operation) {
  return {plan.places.data() + operation.first_place, static_cast<std::size_t>(operation.places)};
}

inline std::span<const std::int32_t> dependencies_of(const workloads::Plan& plan,
                                                     const workloads::Operation& operation) {
  return {plan.dependencies.data() + operation.first_dependency,
          static_cast<std::size_t>(operation.dependencies)};
}

}  // namespace aisle::sim
