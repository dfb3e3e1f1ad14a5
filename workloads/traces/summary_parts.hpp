// SPDX-License-Identifier: Apache-2.0
// Internal to workloads/traces: the parts of a summary.
#pragma once

#include "workloads/traces/summary.hpp"

#include <cstdint>
#include <vector>

namespace aisle::workloads::traces {

inline Seconds of_ns(std::int64_t ns) {
  return static_cast<double>(ns) * units::ns;
}

/// The middle one; `values` is not empty, and is put out of order.
std::int64_t median_of(std::vector<std::int64_t>& values);

/// Per device of each rank, in that order.
std::vector<DeviceTime> device_times(const Trace& trace);

}  // namespace aisle::workloads::traces
