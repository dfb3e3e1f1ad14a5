// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <string_view>

/// Rows of the importers' table: Chrome trace events.
namespace aisle::workloads::traces {

bool recognises_kineto(std::string_view head);
bool import_kineto(Source& source, Trace& trace, Diagnostics& diagnostics);

/// To be asked before Kineto, whose bare array it resembles.
bool recognises_ascend_trace_view(std::string_view head);
bool import_ascend_trace_view(Source& source, Trace& trace, Diagnostics& diagnostics);

}  // namespace aisle::workloads::traces
