// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/engine/engine.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// What both engines must agree on: when an operation may start, and what it draws where.
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

/// What works draw at each place, and which capacities can run short at all.
class Sharing {
 public:
  using Draws = std::array<double, kCapacities>;

  explicit Sharing(const TimedPlan& plan);

  /// Share of each capacity that the work draws at full rate at a place on this stream, at most 1.
  const Draws& draws(std::int32_t work, workloads::Stream stream) const {
    return draws_[static_cast<std::size_t>(work) * workloads::kStreams +
                  static_cast<std::size_t>(stream)];
  }

  /// Bit c is set if capacity c of the rank could be asked for more than it has: the sum over
  /// streams of the largest draw exceeds 1. The others never bind and need not be watched.
  unsigned contended(std::int32_t rank) const { return contended_[static_cast<std::size_t>(rank)]; }

  /// rate_factor of the work, computed once for each number of cores held.
  double factor(std::int32_t work, int held);

 private:
  const TimedPlan& plan_;
  std::vector<Draws> draws_;         // [works x streams]
  std::vector<unsigned> contended_;  // [ranks]
  std::vector<double> factors_;      // [works x (cores + 1)], 0: not computed yet
};

/// Index of a place among all places of all ranks.
inline std::size_t slot(const workloads::Place& place) {
  return static_cast<std::size_t>(place.rank) * workloads::kStreams +
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
