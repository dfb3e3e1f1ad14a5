// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/report/trace_report.hpp"

#include <algorithm>

namespace aisle::sim {
namespace {

using namespace workloads::traces;

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      return "note";
  }
  return "note";
}

std::string formats_of(const Trace& trace) {
  std::vector<std::string_view> names;
  for (const Rank& rank : trace.ranks) {
    const std::string_view name = to_string(rank.format);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::string out;
  for (const std::string_view name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

void seconds(JsonWriter& json, std::string_view key, Seconds time) {
  json.key(key).value(time.in(units::s));
}

void seconds(JsonWriter& json, std::string_view key, const std::optional<Seconds>& time) {
  json.key(key);
  time ? json.value(time->in(units::s)) : json.null();
}

void contract(JsonWriter& json, const Trace& trace, const Summary& summary) {
  json.key("format").value(formats_of(trace));
  json.key("events").value(trace.accounting.events);
  json.key("imported").value(trace.accounting.imported);
  json.key("unused").begin_array();
  for (const Unused& entry : trace.accounting.unused) {
    json.begin_object().key("name").value(entry.name).key("count").value(entry.count);
    json.key("severity").value(severity_name(entry.severity));
    json.key("advice").value(entry.advice).end_object();
  }
  json.end_array().key("families").begin_array();
  for (const FamilyTime& entry : summary.families) {
    json.begin_object().key("family").value(entry.family).key("count").value(entry.count);
    seconds(json, "time_s", entry.time);
    json.end_object();
  }
  json.end_array();
  seconds(json, "span_s", summary.span);
}

void ranks(JsonWriter& json, const Trace& trace) {
  json.key("ranks").begin_array();
  for (const Rank& rank : trace.ranks) {
    json.begin_object().key("rank").value(rank.number).key("world").value(rank.world);
    json.key("file").value(rank.file).key("device").value(rank.device);
    json.key("cores").value(rank.cores).key("clock_shift_s");
    json.value(static_cast<double>(rank.clock_shift_ns) * 1e-9);
    json.key("clock_error_s").value(rank.clock_error_ns * 1e-9).end_object();
  }
  json.end_array();
}

void devices(JsonWriter& json, const Trace& trace, const Summary& summary) {
  json.key("devices").begin_array();
  for (const DeviceTime& entry : summary.devices) {
    json.begin_object();
    json.key("rank").value(trace.ranks[static_cast<std::size_t>(entry.rank)].number);
    json.key("device").value(entry.device).key("events").value(entry.events);
    seconds(json, "span_s", entry.span);
    seconds(json, "busy_s", entry.busy);
    seconds(json, "compute_s", entry.compute);
    seconds(json, "communication_s", entry.communication);
    seconds(json, "communication_wait_s", entry.waiting);
    seconds(json, "exposed_communication_s", entry.exposed);
    seconds(json, "idle_s", entry.idle);
    seconds(json, "idle_before_late_launches_s", entry.late_launches);
    seconds(json, "launch_gap_median_s", entry.launch_gap);
    json.key("launch_gaps").value(entry.queued).end_object();
  }
  json.end_array();
}

void names(JsonWriter& json, const Summary& summary, std::size_t top) {
  json.key("kernels").begin_array();
  for (std::size_t i = 0; i < std::min(top, summary.names.size()); ++i) {
    const NameTime& entry = summary.names[i];
    json.begin_object().key("name").value(entry.name).key("family").value(entry.family);
    json.key("library").value(entry.library).key("count").value(entry.count);
    seconds(json, "time_s", entry.time);
    json.end_object();
  }
  json.end_array();
}

void collectives(JsonWriter& json, const Summary& summary) {
  json.key("collectives").begin_array();
  for (const CollectiveTime& entry : summary.collectives) {
    json.begin_object().key("collective").value(entry.kind).key("library").value(entry.library);
    json.key("group").value(entry.group).key("members").value(entry.members).key("bytes");
    entry.bytes == kUnknown ? json.null() : json.value(entry.bytes);
    json.key("count").value(entry.count);
    seconds(json, "time_s", entry.time);
    seconds(json, "median_s", entry.median);
    seconds(json, "fastest_s", entry.fastest);
    json.key("busbw_GBps");
    entry.bus ? json.value(entry.bus->in(units::GB / units::s)) : json.null();
    json.end_object();
  }
  json.end_array();
}

void spans(JsonWriter& json, std::string_view key, const std::vector<SpanTime>& list,
           std::size_t most) {
  json.key(key).begin_array();
  for (std::size_t i = 0; i < std::min(most, list.size()); ++i) {
    json.begin_object().key("name").value(list[i].name).key("count").value(list[i].count);
    seconds(json, "time_s", list[i].time);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string trace_json(const Trace& trace, const Summary& summary, std::size_t top) {
  JsonWriter json;
  json.begin_object();
  contract(json, trace, summary);
  seconds(json, "kernel_time_s", summary.kernels);
  ranks(json, trace);
  devices(json, trace, summary);
  names(json, summary, top);
  collectives(json, summary);
  spans(json, "steps", summary.steps, summary.steps.size());
  spans(json, "annotations", summary.annotations, top);
  spans(json, "operators", summary.operators, top);
  json.key("shapes").begin_array();
  for (const ShapeTime& entry : summary.shapes) {
    json.begin_object().key("from").value(to_string(entry.from)).key("count").value(entry.count);
    seconds(json, "time_s", entry.time);
    json.end_object();
  }
  json.end_array().end_object();
  return json.take();
}

}  // namespace aisle::sim
