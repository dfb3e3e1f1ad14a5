// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/trace.hpp"

/// What reading does after the importers. Used by workloads/traces alone.
namespace aisle::workloads::traces {

/// Puts the earliest time at 0 and moves the origin by as much; an origin that was no Unix time
/// (before 1980) becomes 0. Importers may thus store any times of one clock.
void rebase(Trace& trace);

/// Adds to every known time of one rank, or of all (kNone).
void shift_times(Trace& trace, Index rank, std::int64_t by_ns);

/// Adds the ranks of another file; both are rebased. Where both origins are known, times go on one
/// clock. Equal process groups become one.
void append(Trace& trace, Trace&& other);

/// Classes of the names of device events; communication kernels become Activity::communication;
/// ranks get numbers; device events are put in order. `align`: the clocks of several files are
/// brought into line.
void finish(Trace& trace, bool align, Diagnostics& diagnostics);

/// Brings the clocks of all ranks into line with the first on the ends of matching collectives,
/// sets clock_shift_ns and clock_error_ns. Ranks of one file share a clock. A rank without a match
/// keeps its clock, with a warning.
void align_clocks(Trace& trace, Diagnostics& diagnostics);

}  // namespace aisle::workloads::traces
