// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/trace.hpp"

#include <cstdint>
#include <vector>

/// Who waited for whom in a trace, as far as it was recorded or is evident. Used by replay.cpp
/// alone.
namespace aisle::workloads::traces {

/// The host call `call` returns only after the device event has ended.
struct HostWait {
  Index call = kNone, event = kNone;
};

struct Waits {
  /// [calls] when the call lets its device work go or returns, ns; kUnknown: neither launches
  /// anything that was recorded nor waits.
  std::vector<std::int64_t> release;
  /// [calls] call of the same rank that comes before it: of its own thread, and, where its thread
  /// was handed control, of another.
  std::vector<Index> previous, handed_by;
  std::vector<HostWait> host;      ///< sorted by call
  std::vector<Dependency> device;  ///< recorded and deduced, sorted by `after`
  std::int64_t deduced = 0;
};

Waits find_waits(const Trace& trace);

inline std::int64_t end_of(const DeviceEvent& event) {
  return event.start_ns + (event.duration_ns > 0 ? event.duration_ns : 0);
}

inline bool has_time(const DeviceEvent& event) {
  return event.start_ns != kUnknown && event.duration_ns != kUnknown;
}

}  // namespace aisle::workloads::traces
