// SPDX-License-Identifier: Apache-2.0
// Chrome trace events, as Kineto and Ascend's profiler write them.
#include "sim/base/diagnostics.hpp"
#include "workloads/traces/kineto_import.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace traces = aisle::workloads::traces;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool ascend : {false, true}) {
    aisle::Diagnostics diagnostics;
    traces::Source source = traces::Source::over(text, "fuzz");
    traces::Trace trace;
    if (ascend)
      traces::import_ascend_trace_view(source, trace, diagnostics);
    else
      traces::import_kineto(source, trace, diagnostics);
    std::int64_t sum = trace.accounting.imported;
    for (const traces::Unused& unused : trace.accounting.unused) sum += unused.count;
    AISLE_ASSERT(sum == trace.accounting.events, "every record is imported or counted as unused");
  }
  return 0;
}
