// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/trace.hpp"

#include <vector>

namespace aisle::workloads::traces {

/// For every device event of `part`, the event of `base` that recorded the same execution, or
/// kNone; each at most once. By start and stream where both have a Unix time, collectives also by
/// group and sequence number in their order.
std::vector<Index> match_events(const Trace& base, const Trace& part);

}  // namespace aisle::workloads::traces
