// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What fuzz targets of trace importers ask of one import.
namespace aisle::workloads::traces {

inline void check_index(Index index, std::size_t size) {
  AISLE_ASSERT(index == kNone || (index >= 0 && static_cast<std::size_t>(index) < size),
               "references stay inside the trace");
}

inline void check_references(const Trace& trace) {
  for (const DeviceEvent& event : trace.device) {
    AISLE_ASSERT(event.name < trace.texts.size(), "names are texts");
    AISLE_ASSERT(event.duration_ns >= kUnknown, "no event ends before it starts");
    AISLE_ASSERT(event.rank >= 0, "every event has a rank");
    check_index(event.rank, trace.ranks.size());
    check_index(event.stream, trace.streams.size());
    check_index(event.launch, trace.calls.size());
    check_index(event.op, trace.operators.size());
    const bool moves = event.activity == Activity::copy || event.activity == Activity::fill;
    check_index(event.detail, moves                                       ? trace.transfers.size()
                              : event.activity == Activity::communication ? trace.collectives.size()
                                                                          : trace.launches.size());
  }
  for (const Operator& op : trace.operators) {
    check_index(op.parent, trace.operators.size());
    check_index(op.operands, trace.operands.size());
    check_index(op.thread, trace.threads.size());
  }
  for (const HostCall& call : trace.calls) {
    check_index(call.rank, trace.ranks.size());
    check_index(call.op, trace.operators.size());
    check_index(call.stream, trace.streams.size());
  }
  for (const Dependency& dependency : trace.dependencies) {
    check_index(dependency.before, trace.device.size());
    check_index(dependency.after, trace.device.size());
  }
  for (const Counters& counters : trace.counters) check_index(counters.event, trace.device.size());
  for (const CollectiveCall& call : trace.collectives) check_index(call.group, trace.groups.size());
}

/// Imports the bytes: refused with an error, or every record is accounted for and every reference
/// holds.
inline void import_bytes(bool (*recognises)(std::string_view),
                         bool (*import)(Source&, Trace&, Diagnostics&), const std::uint8_t* data,
                         std::size_t size) {
  const std::string text(data, data + size);
  recognises(std::string_view(text).substr(0, kHead));
  Source source = Source::over(text, "fuzz.0.et");
  Trace trace;
  Diagnostics diagnostics;
  if (!import(source, trace, diagnostics)) {
    AISLE_ASSERT(diagnostics.has_errors(), "what is refused has an error");
    return;
  }
  std::int64_t unused = 0;
  for (const Unused& entry : trace.accounting.unused) unused += entry.count;
  AISLE_ASSERT(trace.accounting.events == trace.accounting.imported + unused,
               "every record is accounted for");
  check_references(trace);
}

}  // namespace aisle::workloads::traces
