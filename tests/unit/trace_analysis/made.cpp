// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/trace_analysis/made.hpp"

#include <utility>

namespace aisle::tests {

using namespace workloads::traces;

MadeTrace::MadeTrace() {
  Rank rank;
  rank.number = 0;
  trace.ranks.push_back(rank);
  trace.streams.push_back({0, 0, 7, "compute"});
  trace.streams.push_back({0, 0, 27, "communication"});
  trace.threads.push_back({0, "1", "1"});
}

Index MadeTrace::kernel(std::string_view name, std::int64_t start, std::int64_t duration,
                        Index stream) {
  DeviceEvent event;
  event.start_ns = start;
  event.duration_ns = duration;
  event.name = trace.texts.id(name);
  event.stream = stream;
  if (classify(name).communication) event.activity = Activity::communication;
  trace.device.push_back(event);
  return static_cast<Index>(trace.device.size()) - 1;
}

void MadeTrace::launched_by(std::string_view op, std::vector<Operands::Tensor> inputs,
                            std::string_view values, std::int64_t host_start) {
  Operator entry;
  entry.name = trace.texts.id(op);
  entry.start_ns = host_start;
  entry.duration_ns = 10;
  entry.thread = 0;
  entry.parent = parent_;
  entry.operands = static_cast<Index>(trace.operands.size());
  trace.operands.push_back({std::move(inputs), {}, std::string(values)});
  HostCall call;
  call.start_ns = host_start;
  call.duration_ns = 5;
  call.thread = 0;
  last().op = static_cast<Index>(trace.operators.size());
  last().launch = static_cast<Index>(trace.calls.size());
  trace.operators.push_back(entry);
  trace.calls.push_back(call);
}

void MadeTrace::same_operator() {
  last().op = static_cast<Index>(trace.operators.size()) - 1;
  last().launch = static_cast<Index>(trace.calls.size()) - 1;
}

Index MadeTrace::parent(std::string_view op) {
  Operator entry;
  entry.name = trace.texts.id(op);
  parent_ = static_cast<Index>(trace.operators.size());
  trace.operators.push_back(entry);
  return parent_;
}

Trace& MadeTrace::done() {
  trace.classes.assign(trace.texts.size(), {});
  for (const DeviceEvent& event : trace.device) {
    trace.classes[event.name] = classify(trace.texts[event.name]);
  }
  return trace;
}

}  // namespace aisle::tests
