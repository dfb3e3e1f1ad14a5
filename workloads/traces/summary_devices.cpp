// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/spans.hpp"
#include "workloads/traces/summary_parts.hpp"

#include <algorithm>
#include <map>

namespace aisle::workloads::traces {

namespace {

struct Recorded {
  std::vector<Span> all, compute, communication, data;
  std::vector<const DeviceEvent*> events;
};

using Devices = std::map<std::pair<Index, std::int32_t>, Recorded>;

Devices by_device(const Trace& trace) {
  Devices devices;
  for (const DeviceEvent& event : trace.device) {
    if (event.start_ns == kUnknown || event.duration_ns < 0) continue;
    const bool streamed = event.stream >= 0;
    const std::int32_t device =
        streamed ? trace.streams[static_cast<std::size_t>(event.stream)].device : 0;
    Recorded& recorded = devices[{event.rank, device}];
    const Span span{event.start_ns, event.start_ns + event.duration_ns};
    recorded.all.push_back(span);
    if (event.activity == Activity::communication) {
      recorded.communication.push_back(span);
      if (!trace.class_of(event).rendezvous) recorded.data.push_back(span);
    } else if (event.activity == Activity::kernel) {
      recorded.compute.push_back(span);
    }
    recorded.events.push_back(&event);
  }
  return devices;
}

/// When the host had launched an event; kUnknown where it is not recorded.
std::int64_t launched_at(const Trace& trace, const DeviceEvent& event) {
  if (event.launch < 0) return kUnknown;
  const HostCall& call = trace.calls[static_cast<std::size_t>(event.launch)];
  if (call.start_ns == kUnknown) return kUnknown;
  return call.start_ns + std::max<std::int64_t>(call.duration_ns, 0);
}

/// Idle time before events that the host launched only after everything before had ended.
std::optional<Seconds> late_launches(const Trace& trace, Recorded& recorded,
                                     const std::vector<Span>& busy) {
  std::sort(recorded.events.begin(), recorded.events.end(),
            [](const DeviceEvent* a, const DeviceEvent* b) { return a->start_ns < b->start_ns; });
  std::int64_t late = 0;
  bool known = false;
  std::size_t at = 0;
  for (std::size_t i = 1; i < busy.size(); ++i) {
    while (at < recorded.events.size() && recorded.events[at]->start_ns < busy[i].start) ++at;
    if (at == recorded.events.size()) break;
    const std::int64_t launched = launched_at(trace, *recorded.events[at]);
    if (launched == kUnknown) continue;
    known = true;
    if (launched > busy[i - 1].end) late += busy[i].start - busy[i - 1].end;
  }
  return known ? std::optional(of_ns(late)) : std::nullopt;
}

/// Gaps on streams before events that were already queued when the one before them ended.
void queued_gaps(const Trace& trace, const Recorded& recorded, DeviceTime& device) {
  std::map<Index, std::int64_t> ends;
  std::vector<std::int64_t> gaps;
  for (const DeviceEvent* event : recorded.events) {
    const auto [before, first] = ends.try_emplace(event->stream, 0);
    const std::int64_t launched = launched_at(trace, *event);
    const std::int64_t gap = event->start_ns - before->second;
    if (!first && launched != kUnknown && launched <= before->second && gap >= 0) {
      gaps.push_back(gap);
    }
    before->second = std::max(before->second, event->start_ns + event->duration_ns);
  }
  device.queued = static_cast<std::int64_t>(gaps.size());
  if (!gaps.empty()) device.launch_gap = of_ns(median_of(gaps));
}

}  // namespace

std::vector<DeviceTime> device_times(const Trace& trace) {
  std::vector<DeviceTime> out;
  Devices devices = by_device(trace);
  for (auto& [key, own] : devices) {
    DeviceTime device;
    device.rank = key.first;
    device.device = key.second;
    device.events = static_cast<std::int64_t>(own.events.size());
    const std::vector<Span> busy = united(std::move(own.all));
    const std::vector<Span> compute = united(std::move(own.compute));
    const std::vector<Span> communication = united(std::move(own.communication));
    const std::vector<Span> data = united(std::move(own.data));
    device.span = of_ns(busy.back().end - busy.front().start);
    device.busy = of_ns(length(busy));
    device.compute = of_ns(length(compute));
    device.communication = of_ns(length(communication));
    device.waiting = of_ns(length(communication) - length(data));
    device.exposed = of_ns(length(communication) - covered(communication, compute));
    device.idle = device.span - device.busy;
    device.late_launches = late_launches(trace, own, busy);
    queued_gaps(trace, own, device);
    out.push_back(device);
  }
  return out;
}

}  // namespace aisle::workloads::traces
