// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/engine/engine.hpp"
#include "workloads/traces/trace.hpp"

namespace aisle::sim {

/// A plan and how it went as a recorded trace: a rank for each of the plan, its queues as streams,
/// kernels with their work, communication with its kind, size and group, dependencies beside the
/// order of the streams. Ranks of a folded plan stand for others: groups have the members that are
/// there and the size that they have in the job.
workloads::traces::Trace trace_of(const TimedPlan& timed, const Execution& execution);

}  // namespace aisle::sim
