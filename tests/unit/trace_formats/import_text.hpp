// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/read.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace aisle::workloads::traces {

/// Every record is imported or unused.
inline void expect_accounted(const Trace& trace) {
  const auto& unused = trace.accounting.unused;
  EXPECT_EQ(
      trace.accounting.events,
      std::accumulate(unused.begin(), unused.end(), trace.accounting.imported,
                      [](std::int64_t sum, const Unused& entry) { return sum + entry.count; }));
}

inline std::int64_t unused_of(const Trace& trace, std::string_view name) {
  for (const Unused& entry : trace.accounting.unused) {
    if (entry.name == name) return entry.count;
  }
  return 0;
}

/// Reads a text as the reader would a file of that name; an empty trace where it is refused.
inline Trace import_text(std::string_view text, Format expected, std::string name = "trace") {
  Diagnostics diagnostics;
  auto trace = read_trace(Source::over(text, std::move(name)), diagnostics);
  for (const Diagnostic& said : diagnostics.all()) {
    EXPECT_NE(said.severity, Severity::error) << to_string(said);
  }
  EXPECT_TRUE(trace);
  if (!trace) return {};
  EXPECT_FALSE(trace->ranks.empty());
  for (const Rank& rank : trace->ranks) EXPECT_EQ(rank.format, expected);
  expect_accounted(*trace);
  return std::move(*trace);
}

}  // namespace aisle::workloads::traces
