// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aisle::workloads::traces {

/// Reads traces of any supported format, recognised from their content. Several files are ranks of
/// one job: their clocks are brought into line on the ends of matching collectives (the same group
/// and sequence, or the same kind and size in order). A folder stands for the traces in it. Names
/// are classified and events put in order. Nothing, with located errors, if no file could be read;
/// what a damaged file lost is counted and warned of.
std::optional<Trace> read_trace(const std::vector<std::string>& paths, Diagnostics& diagnostics);

/// The same for one source: for tests and fuzzing.
std::optional<Trace> read_trace(Source source, Diagnostics& diagnostics);

/// Writes the normalised form: length-delimited Protobuf (trace.proto), gzip. Written beside the
/// target and renamed, so that an interrupted run leaves no half a file. False: could not be
/// written, with an error.
bool write_trace(const Trace& trace, const std::string& path, Diagnostics& diagnostics);

}  // namespace aisle::workloads::traces
