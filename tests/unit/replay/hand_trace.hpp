// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/engine/engine.hpp"
#include "workloads/traces/replay.hpp"
#include "workloads/traces/trace.hpp"

#include <string>
#include <vector>

/// Traces made by hand, and their replay as recorded.
namespace aisle::workloads::traces::test {

/// Times are in microseconds.
class HandTrace {
 public:
  explicit HandTrace(int ranks = 1) {
    for (int r = 0; r < ranks; ++r) {
      Rank rank;
      rank.number = r;
      rank.world = ranks;
      rank.device = "NVIDIA H100 80GB HBM3";
      rank.cores = 132;
      rank.memory_bytes = 85'000'000'000;
      trace_.ranks.push_back(rank);
    }
  }

  Index stream(std::int64_t number, Index rank = 0) {
    Stream stream;
    stream.rank = rank;
    stream.number = number;
    trace_.streams.push_back(stream);
    return static_cast<Index>(trace_.streams.size()) - 1;
  }

  Index thread(Index rank = 0) {
    Thread thread;
    thread.rank = rank;
    trace_.threads.push_back(thread);
    return static_cast<Index>(trace_.threads.size()) - 1;
  }

  Index call(HostCall::Kind kind, double start, double duration, Index thread,
             const std::string& name = "cudaLaunchKernel") {
    HostCall call;
    call.start_ns = ns(start);
    call.duration_ns = ns(duration);
    call.kind = kind;
    call.thread = thread;
    call.rank = trace_.threads[static_cast<std::size_t>(thread)].rank;
    call.name = trace_.texts.id(name);
    trace_.calls.push_back(call);
    return static_cast<Index>(trace_.calls.size()) - 1;
  }

  Index kernel(Index stream, double start, double duration, const std::string& name = "kernel",
               Index launch = kNone) {
    return event(Activity::kernel, stream, start, duration, name, launch);
  }

  Index collective(Index stream, double start, double duration, CollectiveKind kind,
                   std::int64_t bytes, Index group = kNone) {
    CollectiveCall call;
    call.kind = kind;
    call.kind_known = true;
    call.bytes = bytes;
    call.group = group;
    trace_.collectives.push_back(call);
    const Index made =
        event(Activity::communication, stream, start, duration, "ncclDevKernel", kNone);
    trace_.device.back().detail = static_cast<Index>(trace_.collectives.size()) - 1;
    return made;
  }

  Index copy_to_host(Index stream, double start, double duration, Index launch) {
    Transfer transfer;
    transfer.bytes = 4096;
    transfer.kind = CopyKind::device_to_host;
    trace_.transfers.push_back(transfer);
    const Index made = event(Activity::copy, stream, start, duration, "Memcpy DtoH", launch);
    trace_.device.back().detail = static_cast<Index>(trace_.transfers.size()) - 1;
    return made;
  }

  void after(Index before, Index event) { trace_.dependencies.push_back({before, event}); }

  /// Names classified; `family` for those that are no communication.
  const Trace& done(Family family = Family::other, bool rendezvous = false) {
    trace_.classes.assign(trace_.texts.size(), {});
    for (std::size_t t = 0; t < trace_.texts.size(); ++t) {
      trace_.classes[t].family = family;
      trace_.classes[t].known = family != Family::other;
      trace_.classes[t].rendezvous =
          rendezvous && trace_.texts[static_cast<std::uint32_t>(t)] == "ncclDevKernel";
    }
    return trace_;
  }

  Trace& trace() { return trace_; }

 private:
  static std::int64_t ns(double us) { return static_cast<std::int64_t>(us * 1000); }

  Index event(Activity activity, Index stream, double start, double duration,
              const std::string& name, Index launch) {
    DeviceEvent event;
    event.activity = activity;
    event.stream = stream;
    event.rank = trace_.streams[static_cast<std::size_t>(stream)].rank;
    event.start_ns = ns(start);
    event.duration_ns = ns(duration);
    event.name = trace_.texts.id(name);
    event.launch = launch;
    trace_.device.push_back(event);
    return static_cast<Index>(trace_.device.size()) - 1;
  }

  Trace trace_;
};

/// Every work as long as it was.
inline sim::TimedPlan as_recorded(const ReplayPlan& replay) {
  sim::TimedPlan timed;
  timed.plan = &replay.plan;
  timed.works.resize(replay.works.size());
  for (std::size_t w = 0; w < replay.works.size(); ++w) {
    timed.works[w].alone = replay.works[w].recorded;
  }
  return timed;
}

/// Recorded starts and ends of device events since the first of all, and those of the execution.
struct Times {
  std::vector<double> recorded_start, recorded_end, start, end;  ///< [device], seconds
};

inline Times times_of(const Trace& trace, const ReplayPlan& replay,
                      const sim::Execution& execution) {
  Times times;
  std::int64_t origin = INT64_MAX;
  double first = 1e300;
  for (std::size_t e = 0; e < trace.device.size(); ++e) {
    if (replay.operation_of_event[e] < 0) continue;
    origin = std::min(origin, trace.device[e].start_ns);
    const auto o = static_cast<std::size_t>(replay.first_operation_of_event[e]);
    first = std::min(first, execution.start_s[o]);
  }
  for (std::size_t e = 0; e < trace.device.size(); ++e) {
    if (replay.operation_of_event[e] < 0) continue;
    const DeviceEvent& event = trace.device[e];
    times.recorded_start.push_back(static_cast<double>(event.start_ns - origin) * 1e-9);
    times.recorded_end.push_back(static_cast<double>(event.start_ns + event.duration_ns - origin) *
                                 1e-9);
    const auto o = static_cast<std::size_t>(replay.first_operation_of_event[e]);
    const auto last = static_cast<std::size_t>(replay.operation_of_event[e]);
    times.start.push_back(execution.start_s[o] - first);
    times.end.push_back(execution.end_s[last] - first);
  }
  return times;
}

}  // namespace aisle::workloads::traces::test
