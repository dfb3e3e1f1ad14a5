// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/spans.hpp"

#include <algorithm>

namespace aisle::workloads::traces {

std::vector<Span> united(std::vector<Span> spans) {
  std::sort(spans.begin(), spans.end());
  std::size_t last = 0;
  for (std::size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].start <= spans[last].end) {
      spans[last].end = std::max(spans[last].end, spans[i].end);
    } else {
      spans[++last] = spans[i];
    }
  }
  if (!spans.empty()) spans.resize(last + 1);
  return spans;
}

std::int64_t length(const std::vector<Span>& united_spans) {
  std::int64_t sum = 0;
  for (const Span& span : united_spans) sum += span.end - span.start;
  return sum;
}

std::int64_t covered(const Span& span, const std::vector<Span>& united_spans) {
  auto other = std::partition_point(united_spans.begin(), united_spans.end(),
                                    [&](const Span& s) { return s.end <= span.start; });
  std::int64_t sum = 0;
  for (; other != united_spans.end() && other->start < span.end; ++other) {
    sum += std::min(span.end, other->end) - std::max(span.start, other->start);
  }
  return sum;
}

std::int64_t covered(const std::vector<Span>& united_a, const std::vector<Span>& united_b) {
  std::int64_t sum = 0;
  for (const Span& span : united_a) sum += covered(span, united_b);
  return sum;
}

}  // namespace aisle::workloads::traces
