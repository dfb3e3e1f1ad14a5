// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: reading the columns of a timeline.
#pragma once

#include "sim/study/result.pb.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace aisle::sim::report {

inline constexpr int kSpanKinds = 3;
/// 0 compute, 1 communication, 2 optimizer.
std::string_view kind_name(int kind);

struct Span {
  std::int64_t start_ns = 0, duration_ns = 0;
  int name = -1;  ///< index into Timeline.name, -1: unknown
  int kind = 0;
  int micro_batch = -1;

  std::size_t name_at() const { return static_cast<std::size_t>(name); }
};

std::size_t span_count(const pb::Timeline& timeline);
/// End of the last span.
std::int64_t end_ns(const pb::Timeline& timeline);
/// "stage 3 (stands for 128 chips)".
std::string rank_title(const pb::TimelineRank& rank);

/// Visits the spans of a stream. A result may come from a file: spans that lack a column, an index
/// beyond the names, and impossible times are tolerated, the last by leaving the span out.
template <typename Visit>
void for_each_span(const pb::TimelineStream& stream, int names, const Visit& visit) {
  const int count = std::min(stream.start_ns_size(), stream.duration_ns_size());
  for (int i = 0; i < count; ++i) {
    Span span{stream.start_ns(i), stream.duration_ns(i)};
    if (span.start_ns < 0 || span.duration_ns < 0) continue;
    if (span.duration_ns > std::numeric_limits<std::int64_t>::max() - span.start_ns) continue;
    if (i < stream.name_index_size() && stream.name_index(i) >= 0 && stream.name_index(i) < names) {
      span.name = stream.name_index(i);
    }
    if (i < stream.kind_size()) span.kind = std::clamp(stream.kind(i), 0, kSpanKinds - 1);
    if (i < stream.micro_batch_size()) span.micro_batch = stream.micro_batch(i);
    visit(span);
  }
}

/// The timeline of the representative ranks as inline SVG: each stream a row, busy share per pixel
/// column by kind. Empty where the result has no timeline.
std::string timeline_svg(const pb::Result& result);
/// A stretch from the middle of the step on a few ranks, span by span, so that overlap can be seen.
std::string stretch_svg(const pb::Result& result);

}  // namespace aisle::sim::report
