// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/join.hpp"

#include "workloads/traces/finish.hpp"
#include "workloads/traces/match_events.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace aisle::workloads::traces {
namespace {

template <typename Items>
decltype(auto) at(Items& items, Index index) {
  return items[static_cast<std::size_t>(index)];
}

/// The lower, the more it tells of single executions.
int preference(const Trace& part) {
  const int poorer = part.device.empty() ? 10 : 0;
  switch (part.ranks.front().format) {
    case Format::ascend_kernels:
    case Format::nsys_sqlite:
      return poorer;
    case Format::ascend_trace_view:
    case Format::nsys_gpu_trace:
      return poorer + 1;
    case Format::ascend_collectives:
      return poorer + 2;
    case Format::ascend_steps:
      return poorer + 3;
    default:
      return poorer + 4;
  }
}

/// Counts all that a part had imported as unused.
void leave_out(Trace& base, const Trace& part, std::string_view why, Diagnostics& diagnostics) {
  Accounting& accounting = base.accounting;
  accounting.events += part.accounting.events;
  for (const Unused& lost : part.accounting.unused) {
    accounting.lose(lost.name, lost.severity, lost.fault, lost.advice, lost.count);
  }
  const std::string sentence = "is left out: " + std::string(why);
  if (part.accounting.imported > 0) {
    accounting.lose("record of a file that " + sentence, Severity::note, Fault::none, "",
                    part.accounting.imported);
  }
  diagnostics.note({part.ranks.front().file, 0, 0}, {}, sentence);
}

/// Takes the events that are marked out of a part, and what only they needed.
void drop(Trace& part, const std::vector<bool>& drops) {
  std::vector<DeviceEvent> kept;
  std::vector<CollectiveCall> collectives;
  std::vector<Transfer> transfers;
  for (std::size_t i = 0; i < part.device.size(); ++i) {
    if (drops[i]) continue;
    DeviceEvent event = part.device[i];
    if (event.detail != kNone && event.activity == Activity::communication) {
      collectives.push_back(std::move(at(part.collectives, event.detail)));
      event.detail = static_cast<Index>(collectives.size() - 1);
    } else if (event.detail != kNone && event.activity != Activity::kernel) {
      transfers.push_back(at(part.transfers, event.detail));
      event.detail = static_cast<Index>(transfers.size() - 1);
    }
    kept.push_back(event);
  }
  part.device = std::move(kept);
  part.collectives = std::move(collectives);
  part.transfers = std::move(transfers);
}

template <typename Change>
void each_rank(Trace& trace, Change&& change) {
  for (DeviceEvent& event : trace.device) change(event.rank);
  for (HostCall& call : trace.calls) change(call.rank);
  for (Operator& op : trace.operators) change(op.rank);
  for (Annotation& span : trace.annotations) change(span.rank);
  for (Stream& stream : trace.streams) change(stream.rank);
  for (Thread& thread : trace.threads) change(thread.rank);
}

/// Appends a part to the ranks that are there: of as many devices in the same order, else to the
/// first.
void fold(Trace& base, Trace&& part) {
  const auto ranks = static_cast<Index>(base.ranks.size());
  if (part.ranks.size() != base.ranks.size()) each_rank(part, [](Index& rank) { rank = 0; });
  append(base, std::move(part));
  each_rank(base, [&](Index& rank) { rank = rank < ranks ? rank : rank - ranks; });
  base.ranks.resize(static_cast<std::size_t>(ranks));
}

Index group_like(Trace& base, const Group& group) {
  const auto same = std::find_if(base.groups.begin(), base.groups.end(), [&](const Group& known) {
    return known.name == group.name && known.ranks == group.ranks;
  });
  if (same != base.groups.end()) return static_cast<Index>(same - base.groups.begin());
  base.groups.push_back(group);
  return static_cast<Index>(base.groups.size() - 1);
}

void lend(Trace& base, DeviceEvent& event, const Trace& part, const DeviceEvent& other) {
  if (event.detail == kNone || other.detail == kNone) return;
  CollectiveCall& to = at(base.collectives, event.detail);
  const CollectiveCall& from = at(part.collectives, other.detail);
  if (!to.kind_known && from.kind_known) {
    to.kind = from.kind;
    to.kind_known = true;
  }
  for (const auto member :
       {&CollectiveCall::bytes, &CollectiveCall::bytes_in, &CollectiveCall::bytes_out,
        &CollectiveCall::sequence, &CollectiveCall::transit_ns, &CollectiveCall::wait_ns}) {
    if (to.*member == kUnknown) to.*member = from.*member;
  }
  if (to.wire_bytes == kUnknown && from.wire_bytes != kUnknown) {
    to.wire_bytes = from.wire_bytes;
    to.link = base.texts.id(part.texts[from.link]);
  }
  if (base.texts[to.dtype].empty()) to.dtype = base.texts.id(part.texts[from.dtype]);
  if (to.group == kNone && from.group != kNone) {
    to.group = group_like(base, at(part.groups, from.group));
  }
}

/// Streams of the same number on one rank are one, on its device; those that nothing lies on any
/// more go.
void merge_streams(Trace& trace, std::size_t before) {
  std::vector<bool> communicates(trace.streams.size()), used(trace.streams.size());
  for (const DeviceEvent& event : trace.device) {
    if (event.stream == kNone) continue;
    if (event.activity == Activity::communication) at(communicates, event.stream) = true;
  }
  // Collectives are drawn in rows with numbers of their own.
  std::map<std::tuple<Index, std::int64_t, bool, std::string>, Index> known;
  std::map<Index, std::int32_t> devices;
  std::vector<Index> to(trace.streams.size());
  for (std::size_t i = 0; i < to.size(); ++i) {
    const Stream& stream = trace.streams[i];
    to[i] = static_cast<Index>(i);
    const auto [same, fresh] = known.try_emplace({stream.rank, stream.number, communicates[i],
                                                  communicates[i] ? stream.name : std::string()},
                                                 to[i]);
    if (i < before) {
      devices.try_emplace(stream.rank, stream.device);
      continue;
    }
    // Not every file tells the device.
    const auto device = devices.find(stream.rank);
    if (device != devices.end()) trace.streams[i].device = device->second;
    if (fresh) continue;
    to[i] = same->second;
    Stream& first = at(trace.streams, to[i]);
    if (first.name.empty()) first.name = stream.name;
  }
  const auto each = [&](auto&& change) {
    for (DeviceEvent& event : trace.device) change(event.stream);
    for (HostCall& call : trace.calls) change(call.stream);
    for (Annotation& span : trace.annotations) change(span.stream);
  };
  each([&](Index& stream) {
    if (stream == kNone) return;
    stream = at(to, stream);
    at(used, stream) = true;
  });
  std::vector<Stream> kept;
  for (std::size_t i = 0; i < to.size(); ++i) {
    to[i] = static_cast<Index>(kept.size());
    if (used[i]) kept.push_back(std::move(trace.streams[i]));
  }
  trace.streams = std::move(kept);
  each([&](Index& stream) {
    if (stream != kNone) stream = at(to, stream);
  });
}

/// What both recorded is lent; what only the part has is appended.
void join_collectives(Trace& base, Trace&& part) {
  const std::vector<Index> matches = match_events(base, part);
  std::vector<bool> drops(part.device.size());
  for (std::size_t i = 0; i < matches.size(); ++i) {
    if (matches[i] == kNone) continue;
    lend(base, at(base.device, matches[i]), part, part.device[i]);
    drops[i] = true;
  }
  drop(part, drops);
  const std::size_t streams = base.streams.size();
  fold(base, std::move(part));
  merge_streams(base, streams);
}

/// Steps of no start take that of the same step in the base, which takes their length: it includes
/// the idle time at the ends.
void join_steps(Trace& base, Trace&& part) {
  std::map<std::pair<Index, std::string>, Annotation*> known;
  for (Annotation& span : base.annotations) {
    if (span.step && span.start_ns != kUnknown) {
      known.try_emplace({span.rank, base.texts[span.name]}, &span);
    }
  }
  std::vector<Annotation> further;
  const bool several = part.ranks.size() == base.ranks.size();
  for (const Annotation& step : part.annotations) {
    const auto same = known.find({several ? step.rank : 0, part.texts[step.name]});
    if (same == known.end()) {
      further.push_back(step);
    } else if (step.duration_ns > 0) {
      same->second->duration_ns = step.duration_ns;
    }
  }
  std::int64_t first = kUnknown;
  for (const DeviceEvent& event : base.device) {
    if (event.start_ns != kUnknown && (first == kUnknown || event.start_ns < first))
      first = event.start_ns;
  }
  // The only step of a recording begins with its first task.
  if (known.empty() && further.size() == 1) further.front().start_ns = first;
  part.annotations = std::move(further);
  fold(base, std::move(part));
}

struct Link {
  Index event, call, op;  // event: of the base
};

/// The host side, on the tasks that both recorded. False: they are not of one recording.
bool join_host(Trace& base, Trace& part) {
  const std::vector<Index> matches = match_events(base, part);
  const auto alone = static_cast<std::size_t>(std::count(matches.begin(), matches.end(), kNone));
  if (2 * alone >= matches.size()) return false;
  std::vector<bool> drops(part.device.size());
  std::vector<Link> links;
  for (std::size_t i = 0; i < matches.size(); ++i) {
    if (matches[i] == kNone) continue;
    const DeviceEvent& other = part.device[i];
    DeviceEvent& event = at(base.device, matches[i]);
    if (event.activity == Activity::communication) lend(base, event, part, other);
    links.push_back({matches[i], other.launch, other.op});
    drops[i] = true;
  }
  drop(part, drops);
  const auto calls = static_cast<Index>(base.calls.size());
  const auto operators = static_cast<Index>(base.operators.size());
  const std::size_t streams = base.streams.size();
  fold(base, std::move(part));
  for (const Link& link : links) {
    DeviceEvent& event = at(base.device, link.event);
    if (link.call != kNone && event.launch == kNone) {
      event.launch = link.call + calls;
      at(base.calls, event.launch).rank = event.rank;
    }
    if (link.op == kNone) continue;
    if (event.op == kNone) {
      event.op = link.op + operators;
    } else if (at(base.operators, event.op).parent == kNone) {
      at(base.operators, event.op).parent = link.op + operators;
    }
  }
  merge_streams(base, streams);
  return true;
}

bool has_kernels(const Trace& trace) {
  return std::any_of(trace.device.begin(), trace.device.end(),
                     [](const DeviceEvent& event) { return event.activity == Activity::kernel; });
}

void join_part(Trace& base, Trace part, Diagnostics& diagnostics) {
  // Without a Unix time on both sides the clocks are not comparable.
  if (base.origin_ns == 0 && !base.device.empty()) part.origin_ns = 0;
  const Format format = part.ranks.front().format;
  if (format == Format::ascend_collectives) return join_collectives(base, std::move(part));
  if (format == Format::ascend_steps) return join_steps(base, std::move(part));
  if (format == Format::ascend_trace_view) {
    if (!has_kernels(base)) {
      std::swap(base, part);
      return join_collectives(base, std::move(part));
    }
    if (!join_host(base, part)) {
      leave_out(base, part, "its tasks are not those of the tables of this rank", diagnostics);
    }
    return;
  }
  if (part.device.empty() && !has_kernels(base)) return fold(base, std::move(part));
  leave_out(base, part, "another file of this rank has its executions", diagnostics);
}

}  // namespace

Trace join_parts(std::vector<Trace> parts, Diagnostics& diagnostics) {
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Trace& a, const Trace& b) { return preference(a) < preference(b); });
  Trace base = std::move(parts.front());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    join_part(base, std::move(parts[i]), diagnostics);
  }
  return base;
}

}  // namespace aisle::workloads::traces
