// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/trace.hpp"

#include <cstdint>
#include <vector>

namespace aisle::workloads::traces {

/// Device events of several recorded ranks that are one collective.
struct Couples {
  std::vector<std::vector<Index>> members;  ///< device events, one per rank
  std::vector<std::int32_t> of_event;       ///< [device] into members, or -1
  std::int64_t unmatched = 0;               ///< collectives of ranks of one group left apart
};

/// Finds them by group and sequence number, or by their order within the group on each rank where
/// all of its recorded members run equally many. Only what overlapped in time is coupled; messages
/// between two ranks are not. Used by replay.cpp alone.
Couples find_couples(const Trace& trace);

}  // namespace aisle::workloads::traces
