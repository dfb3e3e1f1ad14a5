// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/couple.hpp"

#include "workloads/traces/waits.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace aisle::workloads::traces {

namespace {

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

/// Collectives of one group (kNone: no group is known) and, without one, of one kind.
using Key = std::tuple<Index, CollectiveKind>;
/// Calls by rank, in order of time.
using ByRank = std::map<Index, std::vector<Index>>;

const CollectiveCall& call_of(const Trace& trace, Index event) {
  return trace.collectives[at(trace.device[at(event)].detail)];
}

bool overlap(const Trace& trace, const std::vector<Index>& members) {
  std::int64_t last_start = kUnknown, first_end = INT64_MAX;
  for (const Index e : members) {
    last_start = std::max(last_start, trace.device[at(e)].start_ns);
    first_end = std::min(first_end, end_of(trace.device[at(e)]));
  }
  return last_start < first_end;
}

/// The calls of one group matched over its ranks: rows of members.
std::vector<std::vector<Index>> match(const Trace& trace, const ByRank& ranks) {
  std::vector<std::vector<Index>> rows;
  const bool numbered = std::all_of(ranks.begin(), ranks.end(), [&](const auto& rank) {
    return std::all_of(rank.second.begin(), rank.second.end(),
                       [&](Index e) { return call_of(trace, e).sequence != kNone; });
  });
  if (numbered) {
    std::map<std::int64_t, std::vector<Index>> by_number;
    for (const auto& [rank, events] : ranks) {
      for (const Index e : events) by_number[call_of(trace, e).sequence].push_back(e);
    }
    for (auto& [number, row] : by_number) {
      if (row.size() == ranks.size()) rows.push_back(std::move(row));
    }
    return rows;
  }
  const std::size_t count = ranks.begin()->second.size();
  for (const auto& [rank, events] : ranks) {
    if (events.size() != count) return rows;
  }
  rows.resize(count);
  for (const auto& [rank, events] : ranks) {
    for (std::size_t i = 0; i < count; ++i) rows[i].push_back(events[i]);
  }
  return rows;
}

}  // namespace

Couples find_couples(const Trace& trace) {
  Couples couples;
  couples.of_event.assign(trace.device.size(), -1);
  std::map<Key, ByRank> groups;
  for (std::size_t i = 0; i < trace.device.size(); ++i) {
    const DeviceEvent& event = trace.device[i];
    if (event.activity != Activity::communication || !has_time(event)) continue;
    if (event.detail == kNone) continue;
    const CollectiveCall& call = trace.collectives[at(event.detail)];
    if (call.kind == CollectiveKind::send_recv) continue;
    const Key key{call.group, call.group == kNone ? call.kind : CollectiveKind::all_reduce};
    groups[key][event.rank].push_back(static_cast<Index>(i));
  }
  for (auto& [key, ranks] : groups) {
    if (ranks.size() < 2) continue;
    for (auto& [rank, events] : ranks) {
      std::stable_sort(events.begin(), events.end(), [&](Index a, Index b) {
        return trace.device[at(a)].start_ns < trace.device[at(b)].start_ns;
      });
    }
    std::int64_t matched = 0, calls = 0;
    for (const auto& [rank, events] : ranks) {
      calls = std::max(calls, static_cast<std::int64_t>(events.size()));
    }
    for (std::vector<Index>& row : match(trace, ranks)) {
      const CollectiveKind kind = call_of(trace, row.front()).kind;
      const bool equal = std::all_of(row.begin(), row.end(),
                                     [&](Index e) { return call_of(trace, e).kind == kind; });
      if (!equal || !overlap(trace, row)) continue;
      for (const Index e : row) {
        couples.of_event[at(e)] = static_cast<std::int32_t>(couples.members.size());
      }
      couples.members.push_back(std::move(row));
      ++matched;
    }
    couples.unmatched += calls - matched;
  }
  return couples;
}

}  // namespace aisle::workloads::traces
