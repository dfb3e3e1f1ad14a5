// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/summary.hpp"

#include "workloads/traces/summary_parts.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <tuple>
#include <unordered_map>

namespace aisle::workloads::traces {

namespace {

std::string_view family_of(const KernelClass& known, Activity activity) {
  if (activity == Activity::communication || known.communication) {
    return known.rendezvous ? "communication_wait" : "communication";
  }
  if (activity == Activity::copy || activity == Activity::fill) return "copy";
  return known.known ? to_string(known.family) : "unknown";
}

template <typename T>
void longest_first(std::vector<T>& list) {
  std::stable_sort(list.begin(), list.end(),
                   [](const T& a, const T& b) { return a.time > b.time; });
}

/// Families and names, of single executions or of totals.
class Tally {
 public:
  explicit Tally(const Trace& trace) : trace_(trace) {}

  void add(std::uint32_t name, Activity activity, std::int64_t count, std::int64_t ns) {
    const KernelClass& known = trace_.classes[name];
    const std::string_view family = family_of(known, activity);
    const Seconds time = of_ns(std::max<std::int64_t>(ns, 0));
    NameTime& of_name = names_[name];
    of_name.name = trace_.texts[name];
    of_name.family = family;
    of_name.library = known.library;
    of_name.count += count;
    of_name.time += time;
    FamilyTime& of_family = families_[family];
    of_family.family = family;
    of_family.count += count;
    of_family.time += time;
    all_ += time;
  }

  void finish(Summary& summary) const {
    summary.kernels = all_;
    for (const auto& [family, entry] : families_) summary.families.push_back(entry);
    for (const auto& [name, entry] : names_) summary.names.push_back(entry);
    longest_first(summary.families);
    longest_first(summary.names);
  }

 private:
  const Trace& trace_;
  Seconds all_;
  std::map<std::uint32_t, NameTime> names_;
  std::map<std::string_view, FamilyTime> families_;
};

/// nccl-tests' factor from algorithm to bus bandwidth.
double bus_factor(CollectiveKind kind, double members) {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return 2 * (members - 1) / members;
    case CollectiveKind::all_gather:
    case CollectiveKind::reduce_scatter:
    case CollectiveKind::all_to_all:
      return (members - 1) / members;
    default:
      return 1;
  }
}

void rate(const CollectiveCall& call, CollectiveTime& entry) {
  if (!call.kind_known || call.bytes < 1 || entry.members < 2 || entry.fastest.si() <= 0) return;
  const Bytes bytes = static_cast<double>(call.bytes) * units::B;
  entry.bus = bus_factor(call.kind, entry.members) * (bytes / entry.fastest);
}

std::vector<CollectiveTime> collectives_of(const Trace& trace) {
  using Key = std::tuple<std::string_view, std::string_view, Index, std::int64_t>;
  std::map<Key, std::pair<const CollectiveCall*, std::vector<std::int64_t>>> calls;
  const CollectiveCall kNothing;
  for (const DeviceEvent& event : trace.device) {
    if (event.activity != Activity::communication || trace.class_of(event).rendezvous) continue;
    const CollectiveCall& call = event.detail == kNone
                                     ? kNothing
                                     : trace.collectives[static_cast<std::size_t>(event.detail)];
    // NCCL's sends and receives are all-to-alls as well: without metadata that is all there is.
    const CollectiveKind by_name = trace.class_of(event).collective;
    const std::string_view kind = call.kind_known                        ? to_string(call.kind)
                                  : by_name == CollectiveKind::send_recv ? to_string(by_name)
                                                                         : "unknown";
    const KernelClass& known = trace.class_of(event);
    const std::string_view library = known.communication ? known.library : "";
    auto& entry = calls[{kind, library, call.group, call.bytes}];
    entry.first = &call;
    entry.second.push_back(std::max<std::int64_t>(event.duration_ns, 0));
  }
  std::vector<CollectiveTime> out;
  for (auto& [key, value] : calls) {
    auto& [call, durations] = value;
    CollectiveTime entry;
    entry.kind = std::get<0>(key);
    entry.library = std::get<1>(key);
    entry.bytes = call->bytes;
    if (call->group != kNone) {
      const Group& group = trace.groups[static_cast<std::size_t>(call->group)];
      entry.group = group.description.empty() ? group.name : group.description;
      entry.members = group.size;
    }
    entry.count = static_cast<std::int64_t>(durations.size());
    for (const std::int64_t ns : durations) entry.time += of_ns(ns);
    entry.fastest = of_ns(*std::min_element(durations.begin(), durations.end()));
    entry.median = of_ns(median_of(durations));
    rate(*call, entry);
    out.push_back(std::move(entry));
  }
  longest_first(out);
  return out;
}

/// Spans by name. The same span is often recorded on the host and on the device: the device's are
/// taken where there are any, for they are what the work took.
std::vector<SpanTime> spans_of(const Trace& trace) {
  std::unordered_map<std::uint32_t, bool> on_device;
  for (const Annotation& span : trace.annotations) {
    on_device[span.name] = on_device[span.name] || span.stream != kNone;
  }
  std::map<std::uint32_t, SpanTime> spans;
  for (const Annotation& span : trace.annotations) {
    if (span.step || span.duration_ns < 0) continue;
    if (on_device[span.name] != (span.stream != kNone)) continue;
    SpanTime& entry = spans[span.name];
    entry.name = trace.texts[span.name];
    ++entry.count;
    entry.time += of_ns(span.duration_ns);
  }
  std::vector<SpanTime> out;
  for (const auto& [name, entry] : spans) out.push_back(entry);
  longest_first(out);
  return out;
}

/// Steps in order. Streams of one device repeat a step: the first to the last moment counts.
std::vector<SpanTime> steps_of(const Trace& trace) {
  struct Extent {
    std::int64_t start, end;
    bool device;
  };

  std::map<std::pair<Index, std::uint32_t>, Extent> steps;
  for (const Annotation& span : trace.annotations) {
    if (!span.step || span.start_ns == kUnknown || span.duration_ns < 0) continue;
    const bool device = span.stream != kNone;
    const Extent own{span.start_ns, span.start_ns + span.duration_ns, device};
    const auto [known, first] = steps.try_emplace({span.rank, span.name}, own);
    Extent& extent = known->second;
    if (first || (extent.device && !device)) continue;
    if (device && !extent.device) {
      extent = own;
      continue;
    }
    extent.start = std::min(extent.start, own.start);
    extent.end = std::max(extent.end, own.end);
  }
  std::vector<std::tuple<Index, std::int64_t, SpanTime>> ordered;
  for (const auto& [key, extent] : steps) {
    ordered.emplace_back(
        key.first, extent.start,
        SpanTime{trace.texts[key.second], key.first, 1, of_ns(extent.end - extent.start)});
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
  });
  std::vector<SpanTime> out;
  for (const auto& [rank, start, step] : ordered) out.push_back(step);
  return out;
}

std::vector<SpanTime> operators_of(const Trace& trace) {
  std::map<std::uint32_t, SpanTime> operators;
  for (const Operator& op : trace.operators) {
    SpanTime& entry = operators[op.name];
    entry.name = trace.texts[op.name];
    ++entry.count;
    if (op.duration_ns > 0) entry.time += of_ns(op.duration_ns);
  }
  std::vector<SpanTime> out;
  for (const auto& [name, entry] : operators) out.push_back(entry);
  std::stable_sort(out.begin(), out.end(), [](const SpanTime& a, const SpanTime& b) {
    return std::tie(a.time, a.count) > std::tie(b.time, b.count);
  });
  return out;
}

std::vector<ShapeTime> shapes_of(const Trace& trace, const std::vector<Described>& described) {
  constexpr auto kSources = static_cast<std::size_t>(ShapeFrom::bytes) + 1;
  std::array<ShapeTime, kSources> shapes;
  for (std::size_t i = 0; i < described.size(); ++i) {
    const DeviceEvent& event = trace.device[i];
    if (event.activity == Activity::communication) continue;
    ShapeTime& entry = shapes[static_cast<std::size_t>(described[i].from)];
    ++entry.count;
    entry.time += of_ns(std::max<std::int64_t>(event.duration_ns, 0));
  }
  std::vector<ShapeTime> out;
  for (std::size_t i = 0; i < kSources; ++i) {
    shapes[i].from = static_cast<ShapeFrom>(i);
    if (shapes[i].count > 0) out.push_back(shapes[i]);
  }
  longest_first(out);
  return out;
}

std::optional<Seconds> span_of(const Trace& trace) {
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  std::int64_t first = kNever, last = -kNever;
  const auto see = [&](const auto& list) {
    for (const auto& event : list) {
      if (event.start_ns == kUnknown) continue;
      first = std::min(first, event.start_ns);
      last = std::max(last, event.start_ns + std::max<std::int64_t>(event.duration_ns, 0));
    }
  };
  see(trace.device);
  if (first == kNever) see(trace.operators);
  if (first == kNever) see(trace.annotations);
  return first == kNever ? std::nullopt : std::optional(of_ns(last - first));
}

}  // namespace

std::int64_t median_of(std::vector<std::int64_t>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Summary summarise(const Trace& trace, const std::vector<Described>& described) {
  Summary summary;
  summary.span = span_of(trace);
  Tally tally(trace);
  for (const DeviceEvent& event : trace.device) {
    tally.add(event.name, event.activity, 1, event.duration_ns);
  }
  for (const KernelTotal& total : trace.totals) {
    tally.add(total.name, Activity::kernel, total.count, total.total_ns);
  }
  tally.finish(summary);
  summary.devices = device_times(trace);
  summary.collectives = collectives_of(trace);
  summary.steps = steps_of(trace);
  summary.annotations = spans_of(trace);
  if (trace.device.empty() && trace.totals.empty()) summary.operators = operators_of(trace);
  summary.shapes = shapes_of(trace, described);
  return summary;
}

}  // namespace aisle::workloads::traces
