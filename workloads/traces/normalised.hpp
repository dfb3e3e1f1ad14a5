// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <string_view>

namespace aisle::workloads::traces {

/// Row of the importers' table: the normalised form itself.
bool recognises_normalised(std::string_view head);
bool import_normalised(Source& source, Trace& trace, Diagnostics& diagnostics);

}  // namespace aisle::workloads::traces
