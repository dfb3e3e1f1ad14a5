// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "workloads/plan.hpp"
#include "workloads/traces/trace.hpp"

#include <cstdint>
#include <vector>

namespace aisle::workloads::traces {

/// What a work of a replayed plan was in the trace.
enum class Origin : std::uint8_t {
  kernel,
  communication,
  transfer,  ///< copy or fill
  host,      ///< host time up to the moment at which a call lets device work go, or returns
  gap,       ///< between what a device event waits for and its start
};

struct ReplayWork {
  Origin origin = Origin::host;
  /// Device event; of several that overlap on a stream, or of several ranks that were coupled, one
  /// of them. kNone for host and gap.
  Index event = kNone;
  Seconds recorded;
};

/// A trace as a plan. With every work as long as it was, execution gives back the recorded starts
/// and ends: each device event begins when its stream, its launch and all that it waits for are
/// done, and the rest of the time until it began is a work of its own.
struct ReplayPlan {
  Plan plan;
  std::vector<ReplayWork> works;                 ///< parallel to plan.works
  std::vector<std::int32_t> operation_of_event;  ///< [device] its last operation
  std::vector<std::int32_t> first_operation_of_event;
  std::vector<std::int32_t> device_of_rank;  ///< [plan ranks] number of the device in its process
  std::vector<Index> trace_rank;             ///< [plan ranks]
  Seconds span;                              ///< first start to last end on any device, as recorded
  std::int64_t without_time = 0;             ///< device events that the format gives no time for
  std::int64_t contradicted = 0;  ///< recorded dependencies that ended after what waited for them
  std::int64_t deduced = 0;       ///< waits of a stream or the host that only their times show
  std::int64_t coupled = 0, uncoupled = 0;  ///< collectives of several recorded ranks
};

enum class Ranks : std::uint8_t {
  apart,   ///< each rank by itself, its waiting for others as long as it was recorded
  coupled  ///< a collective that several recorded ranks share ends on all of them together
};

/// Ranks of the plan are the devices of the trace; their queues its streams and host threads.
ReplayPlan plan_of(const Trace& trace, Ranks ranks);

}  // namespace aisle::workloads::traces
