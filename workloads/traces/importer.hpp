// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <span>
#include <string_view>

/// The seam between the reader and the formats. Used by workloads/traces alone.
namespace aisle::workloads::traces {

/// One format. `recognises` sees the first kHead bytes (after decompression) and must not be
/// fooled by hostile text; the first importer of the table that recognises a file reads it.
/// `import` appends one rank (or several) to the trace, counts every record in
/// Trace::accounting, and returns false only when nothing could be read: then a located error is
/// in `diagnostics`. A file that breaks off in the middle gives what came before, a counted loss
/// and a located warning. Memory stays below the normalised form plus kWindow bytes of text.
struct Importer {
  Format format;
  bool (*recognises)(std::string_view head);
  bool (*import)(Source& source, Trace& trace, Diagnostics& diagnostics);
};

/// In order of precedence; a visible table in importers.cpp.
std::span<const Importer> importers();

}  // namespace aisle::workloads::traces
