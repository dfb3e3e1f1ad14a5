// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/trace.hpp"

#include <string>

namespace aisle::workloads::traces {

/// Writes one rank as a Chakra execution trace (Protobuf, schema of 2023-10 and later): device
/// events as nodes behind one another in their streams (control dependencies), behind the operator
/// that launched them and behind what Trace::dependencies names (data dependencies); operators as
/// nodes of the host. Times are whole microseconds there; attributes start_ns and duration_ns keep
/// them exact. Chakra has no name for dispatch and combine (all-to-all) and none for a size that is
/// not known (0). Written beside the target and renamed. False, with an error: could not be
/// written, or there is no such rank.
bool write_chakra(const Trace& trace, Index rank, const std::string& path,
                  Diagnostics& diagnostics);

}  // namespace aisle::workloads::traces
