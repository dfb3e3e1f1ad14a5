// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/match_events.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <string>
#include <tuple>

namespace aisle::workloads::traces {
namespace {

// Files of one profiler take their times from the same records, rounded to 0.1 us at worst; so far
// apart two tasks of one stream never start.
constexpr std::int64_t kSameStream = 1000;  // ns
constexpr std::int64_t kAnyStream = 100;    // ns

class Matching {
 public:
  Matching(const Trace& base, const Trace& part)
      : base_(base),
        part_(part),
        later_(part.origin_ns - base.origin_ns),
        taken_(base.device.size()),
        matches_(part.device.size(), kNone) {}

  std::vector<Index> run() {
    if (base_.origin_ns != 0 && part_.origin_ns != 0) {
      by_start(kSameStream, true);
      by_start(kAnyStream, false);
    }
    by_sequence();
    return std::move(matches_);
  }

 private:
  static const CollectiveCall* call_of(const Trace& trace, const DeviceEvent& event) {
    if (event.activity != Activity::communication || event.detail == kNone) return nullptr;
    return &trace.collectives[static_cast<std::size_t>(event.detail)];
  }

  static std::vector<Index> in_time(const std::vector<DeviceEvent>& events) {
    std::vector<Index> order(events.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
      return events[static_cast<std::size_t>(a)].start_ns <
             events[static_cast<std::size_t>(b)].start_ns;
    });
    return order;
  }

  bool alike(const DeviceEvent& ours, const DeviceEvent& theirs, bool same_stream) const {
    if (ours.activity != theirs.activity) return false;
    const CollectiveCall *call = call_of(base_, ours), *other = call_of(part_, theirs);
    if (call != nullptr && other != nullptr) {
      return !call->kind_known || !other->kind_known || call->kind == other->kind;
    }
    if (!same_stream || ours.stream == kNone || theirs.stream == kNone) return true;
    return base_.streams[static_cast<std::size_t>(ours.stream)].number ==
           part_.streams[static_cast<std::size_t>(theirs.stream)].number;
  }

  /// The nearest start, of those that are alike and not taken.
  void by_start(std::int64_t tolerance, bool same_stream) {
    constexpr int kMost = 64;  // events within the tolerance that are looked at
    const std::vector<Index> ours = in_time(base_.device);
    for (const Index theirs : in_time(part_.device)) {
      Index& match = matches_[static_cast<std::size_t>(theirs)];
      const DeviceEvent& event = part_.device[static_cast<std::size_t>(theirs)];
      if (match != kNone || event.start_ns == kUnknown) continue;
      const std::int64_t start = event.start_ns + later_;
      auto at = std::lower_bound(
          ours.begin(), ours.end(), start - tolerance, [&](Index index, std::int64_t time) {
            return base_.device[static_cast<std::size_t>(index)].start_ns < time;
          });
      std::int64_t nearest = tolerance + 1;
      for (int seen = 0; at != ours.end() && seen < kMost; ++at, ++seen) {
        const DeviceEvent& known = base_.device[static_cast<std::size_t>(*at)];
        if (known.start_ns > start + tolerance) break;
        const std::int64_t apart = std::abs(known.start_ns - start);
        if (taken_[static_cast<std::size_t>(*at)] || known.start_ns == kUnknown ||
            apart >= nearest || !alike(known, event, same_stream))
          continue;
        nearest = apart;
        match = *at;
      }
      if (match != kNone) taken_[static_cast<std::size_t>(match)] = true;
    }
  }

  using Key = std::tuple<int, std::string, std::int64_t>;

  static Key key_of(const Trace& trace, const CollectiveCall& call) {
    return {call.kind_known ? static_cast<int>(call.kind) : -1,
            call.group == kNone ? "" : trace.groups[static_cast<std::size_t>(call.group)].name,
            call.sequence};
  }

  /// Collectives that are left, the first with the first, where both sides have as many.
  void by_sequence() {
    std::map<Key, std::vector<Index>> ours;
    for (const Index index : in_time(base_.device)) {
      const CollectiveCall* call = call_of(base_, base_.device[static_cast<std::size_t>(index)]);
      if (call == nullptr || taken_[static_cast<std::size_t>(index)]) continue;
      ours[key_of(base_, *call)].push_back(index);
    }
    std::map<Key, std::vector<Index>> theirs;
    for (const Index index : in_time(part_.device)) {
      const CollectiveCall* call = call_of(part_, part_.device[static_cast<std::size_t>(index)]);
      if (call == nullptr || matches_[static_cast<std::size_t>(index)] != kNone) continue;
      theirs[key_of(part_, *call)].push_back(index);
    }
    for (const auto& [key, indices] : theirs) {
      const auto same = ours.find(key);
      if (same == ours.end() || same->second.size() != indices.size()) continue;
      for (std::size_t i = 0; i < indices.size(); ++i) {
        matches_[static_cast<std::size_t>(indices[i])] = same->second[i];
      }
    }
  }

  const Trace &base_, &part_;
  std::int64_t later_;  // to be added to the part's times
  std::vector<bool> taken_;
  std::vector<Index> matches_;
};

}  // namespace

std::vector<Index> match_events(const Trace& base, const Trace& part) {
  return Matching(base, part).run();
}

}  // namespace aisle::workloads::traces
