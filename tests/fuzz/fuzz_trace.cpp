// SPDX-License-Identifier: Apache-2.0
// Traces of any format, up to the order of events: mostly the normalised form.
#include "sim/base/diagnostics.hpp"
#include "workloads/traces/read.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace traces = aisle::workloads::traces;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  aisle::Diagnostics diagnostics;
  const auto trace = traces::read_trace(traces::Source::over(text, "fuzz"), diagnostics);
  AISLE_ASSERT(trace || diagnostics.has_errors(), "what cannot be read is an error");
  if (!trace) return 0;
  std::int64_t sum = trace->accounting.imported;
  for (const traces::Unused& unused : trace->accounting.unused) sum += unused.count;
  AISLE_ASSERT(sum == trace->accounting.events, "every record is imported or counted as unused");
  for (const traces::DeviceEvent& event : trace->device) {
    AISLE_ASSERT(event.start_ns >= traces::kUnknown, "times count from the first event");
    AISLE_ASSERT(static_cast<std::size_t>(event.rank) < trace->ranks.size(), "ranks are there");
  }
  return 0;
}
