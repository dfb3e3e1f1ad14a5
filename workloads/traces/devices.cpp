// SPDX-License-Identifier: Apache-2.0
// Files that hold several devices of one process.
#include "workloads/traces/join.hpp"

#include <map>
#include <set>
#include <utility>

namespace aisle::workloads::traces {
namespace {

using Device = std::pair<Index, std::int32_t>;  // rank, device

Device device_of(const Trace& trace, const DeviceEvent& event) {
  return {event.rank, trace.streams[static_cast<std::size_t>(event.stream)].device};
}

/// The rank of every device on which kernels ran; the first of a rank keeps it.
std::map<Device, Index> ranks_of(Trace& trace) {
  std::set<Device> found;
  for (const DeviceEvent& event : trace.device) {
    const bool runs =
        event.activity == Activity::kernel || event.activity == Activity::communication;
    if (!runs || event.stream == kNone) continue;
    if (const Device device = device_of(trace, event); device.second >= 0) found.insert(device);
  }
  std::map<Device, Index> ranks;
  Index last = kNone;
  for (const Device& device : found) {
    Index rank = device.first;
    if (device.first == last) {
      Rank further = trace.ranks[static_cast<std::size_t>(device.first)];
      further.number = kNone;
      rank = static_cast<Index>(trace.ranks.size());
      trace.ranks.push_back(std::move(further));
    }
    last = device.first;
    ranks[device] = rank;
  }
  return ranks;
}

}  // namespace

void split_devices(Trace& trace) {
  const std::size_t before = trace.ranks.size();
  const std::map<Device, Index> ranks = ranks_of(trace);
  if (trace.ranks.size() == before) return;
  const auto rank_of = [&](Device device) {
    const auto own = ranks.find(device);
    return own == ranks.end() ? device.first : own->second;
  };
  for (DeviceEvent& event : trace.device) {
    if (event.stream == kNone) continue;
    event.rank = rank_of(device_of(trace, event));
    if (event.launch != kNone)
      trace.calls[static_cast<std::size_t>(event.launch)].rank = event.rank;
  }
  for (Annotation& span : trace.annotations) {
    if (span.stream == kNone) continue;
    const Stream& stream = trace.streams[static_cast<std::size_t>(span.stream)];
    span.rank = rank_of({span.rank, stream.device});
  }
  for (Stream& stream : trace.streams) stream.rank = rank_of({stream.rank, stream.device});
}

}  // namespace aisle::workloads::traces
