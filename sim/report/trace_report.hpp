// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/describe.hpp"
#include "workloads/traces/summary.hpp"
#include "workloads/traces/trace.hpp"

#include <string>
#include <vector>

namespace aisle::sim {

/// For a terminal: what is in the trace, how the devices spent the time, the longest families,
/// kernels, collectives, steps and annotations (`top` of each), where shapes came from, and what
/// was not used.
std::string trace_text(const workloads::traces::Trace& trace,
                       const workloads::traces::Summary& summary, std::size_t top);

/// The JSON document of `aisle inspect --json` (contract: docs/formats/json.md).
std::string trace_json(const workloads::traces::Trace& trace,
                       const workloads::traces::Summary& summary, std::size_t top);

/// Writes Chrome-trace JSON for Perfetto, compressed where `path` ends in .gz: one process per rank
/// and device with a track per stream, one per rank for the host with a track per thread; slices
/// with family, grid, shape and bytes; flows from launch to kernel. Slices of one track never
/// overlap unless one holds the other: what would goes to a further track of the same stream.
/// Written beside the target and renamed. Throws std::system_error.
void write_trace_perfetto(const workloads::traces::Trace& trace,
                          const std::vector<workloads::traces::Described>& described,
                          const std::string& path);

}  // namespace aisle::sim
