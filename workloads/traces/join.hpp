// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/trace.hpp"

#include <vector>

/// Several recordings of one rank made one. Used by workloads/traces alone.
namespace aisle::workloads::traces {

/// Joins the files of one rank, each rebased. The one that tells most of single executions is the
/// base; the others lend it what it lacks: collectives their sizes, links and waits, steps their
/// lengths, a host side its operators and launches. What would count an execution twice is left
/// out: counted as unused, with a note where a whole file goes.
Trace join_parts(std::vector<Trace> parts, Diagnostics& diagnostics);

/// One rank per device on which kernels ran. Host calls go with what they launched; operators and
/// other host spans stay with the first device.
void split_devices(Trace& trace);

}  // namespace aisle::workloads::traces
