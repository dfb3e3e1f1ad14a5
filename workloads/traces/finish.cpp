// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/finish.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

namespace aisle::workloads::traces {
namespace {

void classify_names(Trace& trace) {
  trace.classes.assign(trace.texts.size(), {});
  std::vector<bool> done(trace.texts.size());
  const auto see = [&](std::uint32_t name) {
    if (done[name]) return;
    done[name] = true;
    trace.classes[name] = classify(trace.texts[name]);
  };
  for (const DeviceEvent& event : trace.device) see(event.name);
  for (const KernelTotal& total : trace.totals) see(total.name);
}

// Kernels whose name says communication get a collective; what their metadata left open, the name
// fills in.
void mark_communication(Trace& trace) {
  for (DeviceEvent& event : trace.device) {
    const KernelClass& known = trace.class_of(event);
    if (event.activity == Activity::kernel && known.communication) {
      CollectiveCall call;
      call.shape = event.detail;
      event.activity = Activity::communication;
      event.detail = static_cast<Index>(trace.collectives.size());
      trace.collectives.push_back(std::move(call));
    }
    if (event.activity != Activity::communication || event.detail == kNone) continue;
    CollectiveCall& call = trace.collectives[static_cast<std::size_t>(event.detail)];
    if (!call.kind_known && known.collective_known) {
      call.kind = known.collective;
      call.kind_known = true;
    }
  }
}

// Ranks whose file does not say (kNone) take the lowest free numbers; so do those whose number is
// taken, with a warning.
void number_ranks(Trace& trace, Diagnostics& diagnostics) {
  std::set<std::int32_t> taken;
  std::vector<Rank*> open;
  for (Rank& rank : trace.ranks) {
    if (rank.number >= 0 && taken.insert(rank.number).second) continue;
    if (rank.number >= 0) {
      diagnostics.warning({rank.file, 0, 0}, {},
                          fmt::format("says rank {}, as another of the traces does", rank.number),
                          "name the traces of one job, each rank once");
    }
    open.push_back(&rank);
  }
  std::int32_t next = 0;
  for (Rank* rank : open) {
    while (taken.contains(next)) ++next;
    taken.insert(next);
    rank->number = next;
  }
}

// In place: the events are the greater part of a trace.
void order_events(Trace& trace) {
  std::vector<DeviceEvent>& events = trace.device;
  const auto key = [&](const DeviceEvent& event) {
    return std::tuple(event.rank, event.stream, event.start_ns);
  };
  if (std::is_sorted(events.begin(), events.end(),
                     [&](const auto& a, const auto& b) { return key(a) < key(b); }))
    return;
  std::vector<Index> from(events.size());
  std::iota(from.begin(), from.end(), 0);
  const auto at = [&](Index index) -> DeviceEvent& {
    return events[static_cast<std::size_t>(index)];
  };
  std::sort(from.begin(), from.end(), [&](Index a, Index b) {
    return std::tuple_cat(key(at(a)), std::tuple(a)) < std::tuple_cat(key(at(b)), std::tuple(b));
  });
  if (!trace.dependencies.empty() || !trace.counters.empty()) {
    std::vector<Index> to(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      to[static_cast<std::size_t>(from[i])] = static_cast<Index>(i);
    }
    const auto move = [&](Index& index) {
      if (index != kNone) index = to[static_cast<std::size_t>(index)];
    };
    for (Dependency& dependency : trace.dependencies) {
      move(dependency.before);
      move(dependency.after);
    }
    for (Counters& counters : trace.counters) move(counters.event);
  }
  for (std::size_t start = 0; start < from.size(); ++start) {
    if (from[start] == kNone) continue;
    const DeviceEvent first = events[start];
    std::size_t hole = start;
    while (true) {
      const auto next = static_cast<std::size_t>(from[hole]);
      from[hole] = kNone;
      if (next == start) break;
      events[hole] = events[next];
      hole = next;
    }
    events[hole] = first;
  }
}

}  // namespace

void finish(Trace& trace, bool align, Diagnostics& diagnostics) {
  classify_names(trace);
  mark_communication(trace);
  number_ranks(trace, diagnostics);
  if (align) align_clocks(trace, diagnostics);
  rebase(trace);
  order_events(trace);
}

}  // namespace aisle::workloads::traces
