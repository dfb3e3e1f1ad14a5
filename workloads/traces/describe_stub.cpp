// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/describe.hpp"

namespace aisle::workloads::traces {

std::vector<Described> describe(const Trace& trace, const ModelGraph* /*model*/) {
  std::vector<Described> all(trace.device.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const KernelClass& known = trace.class_of(trace.device[i]);
    all[i].kernel.family = known.family;
    all[i].kernel.direction = known.direction;
    if (known.precision) all[i].kernel.precision = *known.precision;
  }
  return all;
}

std::vector<double> beside_communication(const Trace& trace) {
  std::vector<double> share(trace.device.size(), 0);
  for (std::size_t i = 0; i < share.size(); ++i) {
    const DeviceEvent& event = trace.device[i];
    if (event.activity == Activity::communication || event.duration_ns <= 0) continue;
    std::int64_t covered = 0;
    for (const DeviceEvent& other : trace.device) {
      if (other.activity != Activity::communication || other.rank != event.rank) continue;
      if (trace.class_of(other).rendezvous) continue;
      const std::int64_t both = std::min(event.start_ns + event.duration_ns, other.start_ns + other.duration_ns) -
          std::max(event.start_ns, other.start_ns);
      if (both > 0) covered += both;
    }
    share[i] = std::min(1.0, static_cast<double>(covered) / static_cast<double>(event.duration_ns));
  }
  return share;
}

}  // namespace aisle::workloads::traces
