// SPDX-License-Identifier: Apache-2.0
// Internal to workloads/traces: spans of time, in nanoseconds, and their unions.
#pragma once

#include <cstdint>
#include <vector>

namespace aisle::workloads::traces {

struct Span {
  std::int64_t start = 0, end = 0;
  friend auto operator<=>(const Span&, const Span&) = default;  // NOLINT(*-use-nullptr)
};

/// The same moments in spans that neither touch nor overlap, in order.
std::vector<Span> united(std::vector<Span> spans);

std::int64_t length(const std::vector<Span>& united_spans);

/// How much of `span` the others cover.
std::int64_t covered(const Span& span, const std::vector<Span>& united_spans);
std::int64_t covered(const std::vector<Span>& united_a, const std::vector<Span>& united_b);

}  // namespace aisle::workloads::traces
