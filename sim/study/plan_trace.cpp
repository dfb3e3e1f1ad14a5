// SPDX-License-Identifier: Apache-2.0
#include "sim/study/plan_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

namespace aisle::sim {

namespace {

namespace traces = workloads::traces;
using traces::Index;
using workloads::Operation;
using workloads::Place;

class Recorder {
 public:
  Recorder(const TimedPlan& timed, const Execution& execution)
      : timed_(timed), plan_(*timed.plan), execution_(execution) {}

  traces::Trace record() {
    add_ranks();
    for (std::size_t i = 0; i < plan_.operations.size(); ++i) add_operation(i);
    for (std::size_t i = 0; i < plan_.operations.size(); ++i) add_dependencies(i);
    trace_.accounting.events = trace_.accounting.imported =
        static_cast<std::int64_t>(trace_.device.size());
    return std::move(trace_);
  }

 private:
  void add_ranks() {
    for (std::size_t r = 0; r < plan_.ranks.size(); ++r) {
      traces::Rank rank;
      rank.number = static_cast<std::int32_t>(r);
      rank.world = static_cast<std::int32_t>(plan_.ranks.size());
      rank.file = plan_.ranks[r].name;
      trace_.ranks.push_back(std::move(rank));
      for (std::size_t q = 0; q < plan_.queues(); ++q) {
        trace_.streams.push_back({static_cast<Index>(r), 0, static_cast<std::int64_t>(q),
                                  plan_.queue_name(static_cast<workloads::Stream>(q))});
      }
    }
  }

  const Place& place(const Operation& operation, std::int32_t at) const {
    return plan_.places[static_cast<std::size_t>(operation.first_place + at)];
  }

  void add_operation(std::size_t i) {
    const Operation& operation = plan_.operations[i];
    const auto at = static_cast<std::size_t>(operation.work);
    const workloads::Work& work = plan_.works[at];
    first_event_.push_back(static_cast<Index>(trace_.device.size()));
    for (std::int32_t p = 0; p < operation.places; ++p) {
      const Place& where = place(operation, p);
      traces::DeviceEvent event;
      event.start_ns = std::llround(execution_.start_s[i] * 1e9);
      event.duration_ns = std::llround(execution_.end_s[i] * 1e9) - event.start_ns;
      event.name = trace_.texts.id(work.name);
      event.rank = where.rank;
      event.stream = static_cast<Index>(static_cast<std::size_t>(where.rank) * plan_.queues() +
                                        static_cast<std::size_t>(where.stream));
      if (work.is_communication) {
        event.activity = traces::Activity::communication;
        event.detail = static_cast<Index>(trace_.collectives.size());
        trace_.collectives.push_back(call_of(operation, work.communication, p));
      } else {
        const TimedWork& timed = timed_.works[at];
        trace_.counters.push_back({static_cast<Index>(trace_.device.size()),
                                   timed.hbm_bytes.in(units::B), timed.flops.in(units::FLOP),
                                   traces::kUnknown});
      }
      trace_.device.push_back(event);
    }
  }

  traces::CollectiveCall call_of(const Operation& operation,
                                 const workloads::Communication& communication, std::int32_t at) {
    traces::CollectiveCall call;
    call.kind = communication.kind;
    call.kind_known = true;
    call.bytes = std::llround(communication.bytes.in(units::B));
    if (communication.kind == workloads::CollectiveKind::send_recv) {
      const Place& own = place(operation, at);
      const bool receives = own.stream == workloads::Stream::receive;
      (receives ? call.bytes_out : call.bytes_in) = call.bytes;
      for (std::int32_t p = 0; p < operation.places; ++p) {
        if (p != at) call.peer = place(operation, p).rank;
      }
      return call;
    }
    call.group = group_of(operation, communication);
    return call;
  }

  Index group_of(const Operation& operation, const workloads::Communication& communication) {
    std::vector<std::int32_t> members;
    for (std::int32_t p = 0; p < operation.places; ++p) {
      members.push_back(place(operation, p).rank);
    }
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
    const auto size = static_cast<std::int32_t>(communication.group.size);
    const auto [at, fresh] =
        groups_.try_emplace({members, size}, static_cast<Index>(trace_.groups.size()));
    if (fresh) {
      traces::Group group;
      group.name = fmt::format("{}", trace_.groups.size());
      group.description = fmt::format("{} ranks", size);
      group.size = size;
      group.ranks = std::move(members);
      trace_.groups.push_back(std::move(group));
    }
    return at->second;
  }

  /// Of the two operations' events, those on one rank; between ranks, messages say it.
  void add_dependencies(std::size_t i) {
    const Operation& after = plan_.operations[i];
    for (std::int32_t d = 0; d < after.dependencies; ++d) {
      const auto b = static_cast<std::size_t>(
          plan_.dependencies[static_cast<std::size_t>(after.first_dependency + d)]);
      const Operation& before = plan_.operations[b];
      for (std::int32_t p = 0; p < before.places; ++p) {
        for (std::int32_t q = 0; q < after.places; ++q) {
          if (place(before, p).rank != place(after, q).rank) continue;
          trace_.dependencies.push_back({first_event_[b] + p, first_event_[i] + q});
        }
      }
    }
  }

  const TimedPlan& timed_;
  const workloads::Plan& plan_;
  const Execution& execution_;
  traces::Trace trace_;
  std::vector<Index> first_event_;  // of each operation
  std::map<std::pair<std::vector<std::int32_t>, std::int32_t>, Index> groups_;
};

}  // namespace

workloads::traces::Trace trace_of(const TimedPlan& timed, const Execution& execution) {
  return Recorder(timed, execution).record();
}

}  // namespace aisle::sim
