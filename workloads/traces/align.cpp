// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/finish.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

namespace aisle::workloads::traces {
namespace {

/// One execution of a collective on one rank. `what` is equal on all ranks that take part: kind (or
/// name, where the kind is not known), size, group.
struct Occurrence {
  std::tuple<int, std::uint32_t, std::int64_t, Index> what;
  std::int64_t sequence = kNone;
  std::int64_t start_ns = 0, end_ns = 0;
};

using Occurrences = std::vector<Occurrence>;  // in order of their starts

struct Shift {
  std::int64_t by_ns = 0;
  double error_ns = 0;
  std::size_t matches = 0;
};

// Only what all members end together: messages between two ranks end where they like.
std::vector<Occurrences> collectives_of(const Trace& trace) {
  std::vector<Occurrences> found(trace.ranks.size());
  for (const DeviceEvent& event : trace.device) {
    if (event.activity != Activity::communication || event.start_ns == kUnknown ||
        event.duration_ns == kUnknown)
      continue;
    const CollectiveCall unknown;
    const CollectiveCall& call =
        event.detail == kNone ? unknown : trace.collectives[static_cast<std::size_t>(event.detail)];
    if (trace.class_of(event).rendezvous || call.peer != kNone) continue;
    Occurrence one;
    one.what = {call.kind_known ? static_cast<int>(call.kind) : -1,
                call.kind_known ? 0 : event.name, call.bytes, call.group};
    one.sequence = call.group == kNone ? kNone : call.sequence;
    one.start_ns = event.start_ns;
    one.end_ns = event.start_ns + event.duration_ns;
    found[static_cast<std::size_t>(event.rank)].push_back(one);
  }
  for (Occurrences& of_rank : found) {
    std::sort(of_rank.begin(), of_rank.end(), [](const Occurrence& a, const Occurrence& b) {
      return std::tie(a.start_ns, a.end_ns) < std::tie(b.start_ns, b.end_ns);
    });
  }
  return found;
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Median of the differences, and 1.4826 times the median deviation from it: the standard deviation
// if that were normal, and blind to the collectives that were matched wrongly.
Shift shift_of(std::vector<double> differences) {
  Shift shift;
  shift.matches = differences.size();
  if (differences.empty()) return shift;
  const double middle = median(differences);
  for (double& difference : differences) difference = std::abs(difference - middle);
  shift.by_ns = std::llround(middle);
  shift.error_ns = std::max(1.0, 1.4826 * median(differences));
  return shift;
}

Shift by_sequence(const Occurrences& reference, const Occurrences& rank) {
  std::map<std::pair<decltype(Occurrence::what), std::int64_t>, std::int64_t> ends;
  for (const Occurrence& one : reference) {
    if (one.sequence != kNone) ends[{one.what, one.sequence}] = one.end_ns;
  }
  std::vector<double> differences;
  for (const Occurrence& one : rank) {
    const auto same = ends.find({one.what, one.sequence});
    if (one.sequence != kNone && same != ends.end())
      differences.push_back(static_cast<double>(same->second - one.end_ns));
  }
  return shift_of(std::move(differences));
}

// One window may open some collectives earlier than the other: of the ways to lay one sequence
// beside the other, the one in which the ends agree best, among those that match nearly as many as
// the best.
Shift by_order(const Occurrences& reference, const Occurrences& rank) {
  constexpr std::ptrdiff_t kFarthest = 16;
  std::vector<Shift> ways;
  std::size_t most = 0;
  for (std::ptrdiff_t lag = -kFarthest; lag <= kFarthest; ++lag) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < rank.size(); ++i) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i) + lag;
      if (at < 0 || at >= static_cast<std::ptrdiff_t>(reference.size())) continue;
      const Occurrence& other = reference[static_cast<std::size_t>(at)];
      if (other.what != rank[i].what) continue;
      differences.push_back(static_cast<double>(other.end_ns - rank[i].end_ns));
    }
    ways.push_back(shift_of(std::move(differences)));
    most = std::max(most, ways.back().matches);
  }
  Shift best;
  for (const Shift& way : ways) {
    if (way.matches == 0 || 4 * way.matches < 3 * most) continue;
    if (best.matches == 0 || way.error_ns < best.error_ns) best = way;
  }
  return best;
}

Shift match(const Occurrences& reference, const Occurrences& rank) {
  const Shift shift = by_sequence(reference, rank);
  return shift.matches > 0 ? shift : by_order(reference, rank);
}

}  // namespace

void align_clocks(Trace& trace, Diagnostics& diagnostics) {
  const std::vector<Occurrences> collectives = collectives_of(trace);
  std::vector<std::optional<Shift>> shifts(trace.ranks.size());
  shifts[0] = Shift();
  const auto of_same_file = [&](std::size_t rank) {
    for (std::size_t other = 0; other < shifts.size(); ++other) {
      if (other != rank && shifts[other] && trace.ranks[other].file == trace.ranks[rank].file)
        return shifts[other];
    }
    return std::optional<Shift>();
  };
  // Stages of a pipeline share no group with the first rank: then by way of one that does.
  for (bool progress = true; progress;) {
    progress = false;
    for (std::size_t rank = 0; rank < shifts.size(); ++rank) {
      if (shifts[rank]) continue;
      shifts[rank] = of_same_file(rank);
      for (std::size_t other = 0; !shifts[rank] && other < shifts.size(); ++other) {
        if (!shifts[other]) continue;
        Shift found = match(collectives[other], collectives[rank]);
        if (found.matches == 0) continue;
        found.by_ns += shifts[other]->by_ns;
        found.error_ns = std::hypot(found.error_ns, other == 0 ? 0 : shifts[other]->error_ns);
        shifts[rank] = found;
      }
      progress = progress || shifts[rank];
    }
  }
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    Rank& rank = trace.ranks[i];
    if (!shifts[i]) {
      diagnostics.warning({rank.file, 0, 0}, {},
                          "shares no collective with the other ranks: its clock is taken as it is",
                          "record the ranks over the same steps");
      continue;
    }
    rank.clock_shift_ns += shifts[i]->by_ns;
    rank.clock_error_ns = shifts[i]->error_ns;
    shift_times(trace, static_cast<Index>(i), shifts[i]->by_ns);
  }
}

}  // namespace aisle::workloads::traces
