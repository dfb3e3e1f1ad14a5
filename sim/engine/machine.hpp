// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/engine/engine.hpp"
#include "sim/engine/fair_shares.hpp"
#include "sim/engine/schedule.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace aisle::sim {

/// What works draw at each place, and which capacities can run short at all.
class Sharing {
 public:
  using Draws = std::array<double, kCapacities>;

  explicit Sharing(const TimedPlan& plan);

  /// Share of each capacity that the work draws at full rate at a place on this stream, at most 1.
  const Draws& draws(std::int32_t work, workloads::Stream stream) const {
    return draws_[static_cast<std::size_t>(work) * kSides + side_of(stream)];
  }

  /// Bit c is set if capacity c of the rank could be asked for more than it has: the sum over
  /// streams of the largest draw exceeds 1. The others never bind and need not be watched.
  unsigned contended(std::int32_t rank) const { return contended_[static_cast<std::size_t>(rank)]; }

  /// rate_factor of the work, computed once for each number of cores held.
  double factor(std::int32_t work, int held);

 private:
  const TimedPlan& plan_;
  /// Senders' queues, receivers', and those that both send and receive.
  static constexpr std::size_t kSides = 3;

  static std::size_t side_of(workloads::Stream stream) {
    if (stream == workloads::Stream::send) return 0;
    return stream == workloads::Stream::receive ? 1 : 2;
  }

  std::vector<Draws> draws_;                  // [works x sides]
  std::vector<unsigned> contended_;           // [ranks]
  std::vector<std::vector<double>> factors_;  // [cores held][works], filled when asked for; 0: not
};

/// The state of an execution that both engines share: what runs where, and how fast. An engine
/// adds the clock: it tells of ends, and learns of new rates.
class Machine {
 public:
  /// Over what fair rates are found: each device by itself, an operation then moving at its slowest
  /// place's rate; or jointly over all devices that running operations connect.
  enum class Scope { device, joint };

  struct Change {
    std::int32_t operation;
    double rate;  ///< share of full rate, from now on
  };

  Machine(const TimedPlan& plan, Scope scope);

  /// Ends a running operation. Its queues and dependents move on with the next advance().
  void end(std::int32_t operation, double now);

  /// Starts all that may start (operations of no duration also end) and returns the operations
  /// whose rate has changed, each once; those that have just started among them. Valid until the
  /// next call.
  const std::vector<Change>& advance(double now);

  /// Everything has ended (else the program stops, naming what waits): when it did.
  Execution take();

 private:
  void start(std::int32_t operation, double now);
  void occupy(const workloads::Operation& operation, std::int32_t running, int held_more);
  void touch(std::int32_t rank);
  double limit(std::int32_t work, std::int32_t rank);
  void share_device(std::int32_t rank);
  void share_jointly(std::int32_t rank);
  void join(std::int32_t operation);
  void add_draws(std::int32_t work, const workloads::Place& place, std::size_t first_capacity);
  void set_rate(std::int32_t operation, double rate);

  const TimedPlan& timed_;
  const workloads::Plan& plan_;
  const Scope scope_;
  const std::size_t queues_;  // of each rank
  Schedule schedule_;
  Sharing sharing_;
  FairShares fair_;
  Execution execution_;
  std::vector<std::int32_t> running_;  // [slots] operation, or -1
  std::vector<double> place_rate_;     // [slots] what the device alone grants the operation there
  std::vector<int> held_;              // [ranks] cores that communication holds
  std::vector<double> rate_;           // [operations]
  std::vector<std::int32_t> ready_;
  std::vector<char> is_touched_;  // [ranks] rates there may have changed
  std::vector<std::int32_t> touched_;
  std::vector<std::int32_t> reached_, joined_;  // ranks and operations of the joint system
  std::vector<std::int32_t> reached_at_;        // [ranks] index in reached_, or -1
  std::vector<char> is_joined_;                 // [operations]
  std::vector<Change> changes_;
};

}  // namespace aisle::sim
