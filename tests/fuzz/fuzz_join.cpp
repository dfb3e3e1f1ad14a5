// SPDX-License-Identifier: Apache-2.0
// Several files of one rank, one behind the other with a record separator between them.
#include "sim/base/diagnostics.hpp"
#include "workloads/traces/finish.hpp"
#include "workloads/traces/join.hpp"
#include "workloads/traces/read.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace {

using namespace aisle::workloads::traces;

void check(const Trace& trace) {
  const auto& unused = trace.accounting.unused;
  const std::int64_t sum = std::accumulate(
      unused.begin(), unused.end(), trace.accounting.imported,
      [](std::int64_t so_far, const Unused& entry) { return so_far + entry.count; });
  AISLE_ASSERT(sum == trace.accounting.events, "every record is imported or counted as unused");
  const auto within = [](Index index, std::size_t size) {
    return index == kNone || static_cast<std::size_t>(index) < size;
  };
  for (const DeviceEvent& event : trace.device) {
    AISLE_ASSERT(static_cast<std::size_t>(event.rank) < trace.ranks.size(), "ranks are there");
    AISLE_ASSERT(within(event.stream, trace.streams.size()), "streams are there");
    AISLE_ASSERT(within(event.op, trace.operators.size()), "operators are there");
    AISLE_ASSERT(within(event.launch, trace.calls.size()), "calls are there");
    const bool calls = event.activity == Activity::communication;
    AISLE_ASSERT(!calls || within(event.detail, trace.collectives.size()), "details are there");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMost = 6;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  aisle::Diagnostics diagnostics;
  std::vector<Trace> parts;
  while (!text.empty() && parts.size() < kMost) {
    const std::size_t end = std::min(text.find('\x1e'), text.size());
    auto part = read_trace(Source::over(text.substr(0, end), "fuzz"), diagnostics);
    if (part && !part->ranks.empty()) parts.push_back(std::move(*part));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (parts.empty()) return 0;
  Trace trace = join_parts(std::move(parts), diagnostics);
  split_devices(trace);
  finish(trace, false, diagnostics);
  check(trace);
  return 0;
}
