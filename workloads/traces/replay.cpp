// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/replay.hpp"

#include "workloads/traces/couple.hpp"
#include "workloads/traces/waits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace aisle::workloads::traces {

namespace {

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

Seconds seconds(std::int64_t ns) {
  return Seconds::from_si(static_cast<double>(ns) * 1e-9);
}

/// The beginning of a kernel's name, without its return type; whole characters of UTF-8.
std::string short_name(const std::string& name) {
  std::string_view text = name;
  if (text.starts_with("void ")) text.remove_prefix(5);
  constexpr std::size_t kMost = 96;
  if (text.size() <= kMost) return std::string(text);
  std::size_t size = kMost;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return std::string(text.substr(0, size));
}

/// Where a device event runs in the plan.
struct Where {
  std::int32_t rank = -1;
  std::int32_t queue = 0;
  Index previous = kNone;  ///< in its stream, by start
  Index longest = kNone;   ///< of those before it the one that ended last
  bool cut = false;        ///< the next one of the stream begins before it ends
  std::int64_t cut_at = 0;
  bool overlaps = false;  ///< begins before the previous one ends
};

/// What an operation waits for beyond its queue, and until when.
struct Awaited {
  std::vector<std::int32_t> operations;
  std::int64_t ready = 0;
};

class Planner {
 public:
  Planner(const Trace& trace, Ranks ranks)
      : trace_(trace), waits_(find_waits(trace)), where_(trace.device.size()) {
    if (ranks == Ranks::coupled) couples_ = find_couples(trace);
    made_.operation_of_event.assign(trace.device.size(), -1);
    made_.first_operation_of_event.assign(trace.device.size(), -1);
    operation_of_call_.assign(trace.calls.size(), -1);
    made_.deduced = waits_.deduced;
    made_.uncoupled = couples_.unmatched;
  }

  ReplayPlan run() {
    lay_streams();
    lay_threads();
    name_queues();
    find_origin();
    for (const Node& node : nodes()) {
      node.is_host ? add_call(node.index) : add_event(node.index);
    }
    return std::move(made_);
  }

 private:
  struct Node {
    std::int64_t time;
    int order;  // of what is recorded at the same time: calls, events, calls that waited
    bool is_host;
    Index index;
  };

  /// The plan's rank for a device of a rank of the trace.
  std::int32_t rank_of(Index rank, std::int32_t device) {
    const auto [found, is_new] =
        ranks_.try_emplace({rank, device}, static_cast<std::int32_t>(made_.plan.ranks.size()));
    if (is_new) {
      workloads::Rank entry;
      entry.name = fmt::format("rank {}", trace_.ranks[at(rank)].number);
      if (device != 0 && ranks_.contains({rank, 0}))
        entry.name += fmt::format(" device {}", device);
      made_.plan.ranks.push_back(entry);
      made_.device_of_rank.push_back(device);
      made_.trace_rank.push_back(rank);
    }
    return found->second;
  }

  std::int32_t queue_of(char kind, std::size_t number, std::size_t lane) {
    const auto next = static_cast<std::int32_t>(queues_.size());
    return queues_.try_emplace({kind, number, lane}, next).first->second;
  }

  void lay_streams() {
    std::map<Index, std::vector<Index>> by_stream;
    for (std::size_t i = 0; i < trace_.device.size(); ++i) {
      const DeviceEvent& event = trace_.device[i];
      if (!has_time(event) || event.stream == kNone) {
        ++made_.without_time;
        continue;
      }
      by_stream[event.stream].push_back(static_cast<Index>(i));
    }
    std::map<std::int32_t, std::size_t> streams_of_rank;
    for (auto& [stream, events] : by_stream) {
      const Stream& entry = trace_.streams[at(stream)];
      const std::int32_t rank = rank_of(entry.rank, entry.device);
      const std::size_t number = streams_of_rank[rank]++;
      name_stream(number, entry);
      std::stable_sort(events.begin(), events.end(), [&](Index a, Index b) {
        return trace_.device[at(a)].start_ns < trace_.device[at(b)].start_ns;
      });
      lay_events(events, rank, number);
    }
  }

  /// Executions that overlap on one stream get queues of their own; of each, the part before the
  /// next one begins is told from the rest.
  void lay_events(const std::vector<Index>& events, std::int32_t rank, std::size_t number) {
    std::vector<std::int64_t> lane_end;
    Index previous = kNone, longest = kNone;
    for (const Index e : events) {
      const DeviceEvent& event = trace_.device[at(e)];
      Where& where = where_[at(e)];
      std::size_t lane = 0;
      while (lane < lane_end.size() && lane_end[lane] > event.start_ns) ++lane;
      if (lane == lane_end.size()) lane_end.push_back(0);
      lane_end[lane] = end_of(event);
      where.rank = rank;
      where.queue = queue_of('s', number, lane);
      where.previous = previous;
      where.longest = longest;
      if (previous != kNone && end_of(trace_.device[at(previous)]) > event.start_ns) {
        where.overlaps = true;
        where_[at(previous)].cut = true;
        where_[at(previous)].cut_at = event.start_ns;
      }
      previous = e;
      if (longest == kNone || end_of(event) > end_of(trace_.device[at(longest)])) longest = e;
    }
  }

  void lay_threads() {
    call_place_.assign(trace_.calls.size(), {});
    std::map<std::pair<std::int32_t, Index>, std::size_t> number_of;
    std::map<std::int32_t, std::size_t> threads_of_rank;
    for (std::size_t c = 0; c < trace_.calls.size(); ++c) {
      if (waits_.release[c] == kUnknown) continue;
      const HostCall& call = trace_.calls[c];
      const auto first = ranks_.lower_bound({call.rank, INT32_MIN});
      if (first == ranks_.end() || first->first.first != call.rank) continue;  // no device events
      const std::int32_t rank = first->second;
      const auto [found, is_new] = number_of.try_emplace({rank, call.thread}, 0);
      if (is_new) found->second = threads_of_rank[rank]++;
      call_place_[c] = {rank, queue_of('t', found->second, 0)};
    }
  }

  void name_stream(std::size_t number, const Stream& stream) {
    std::string name = stream.name.empty() ? fmt::format("stream {}", stream.number) : stream.name;
    const auto [found, is_new] = stream_names_.try_emplace(number, name);
    if (!is_new && found->second != name) found->second = fmt::format("stream #{}", number + 1);
  }

  void name_queues() {
    made_.plan.extra_queues.resize(queues_.size());
    for (const auto& [key, queue] : queues_) {
      const auto& [kind, number, lane] = key;
      std::string name =
          kind == 't' ? fmt::format("host thread {}", number + 1) : stream_names_[number];
      if (lane > 0) name += fmt::format(", overlapping {}", lane);
      made_.plan.extra_queues[static_cast<std::size_t>(queue)] = name;
    }
  }

  void find_origin() {
    std::int64_t first = INT64_MAX, last = INT64_MIN;
    for (std::size_t i = 0; i < trace_.device.size(); ++i) {
      if (where_[i].rank < 0) continue;
      first = std::min(first, trace_.device[i].start_ns);
      last = std::max(last, end_of(trace_.device[i]));
    }
    if (first > last) return;
    made_.span = seconds(last - first);
    origin_ = first;
    for (std::size_t c = 0; c < waits_.release.size(); ++c) {
      if (call_place_[c].first >= 0) origin_ = std::min(origin_, waits_.release[c]);
    }
  }

  std::vector<Node> nodes() const {
    std::vector<Node> nodes;
    std::size_t wait = 0;
    for (std::size_t c = 0; c < trace_.calls.size(); ++c) {
      const auto call = static_cast<Index>(c);
      while (wait < waits_.host.size() && waits_.host[wait].call < call) ++wait;
      if (call_place_[c].first < 0) continue;
      const bool waited = wait < waits_.host.size() && waits_.host[wait].call == call;
      nodes.push_back({waits_.release[c], waited ? 2 : 0, true, call});
    }
    for (std::size_t i = 0; i < trace_.device.size(); ++i) {
      if (where_[i].rank < 0) continue;
      const std::int32_t couple = couple_of(static_cast<Index>(i));
      std::int64_t time = trace_.device[i].start_ns;
      if (couple >= 0) {
        const std::vector<Index>& members = couples_.members[static_cast<std::size_t>(couple)];
        if (members.front() != static_cast<Index>(i)) continue;
        for (const Index e : members) time = std::max(time, trace_.device[at(e)].start_ns);
      }
      nodes.push_back({time, 1, false, static_cast<Index>(i)});
    }
    std::stable_sort(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) {
      return std::tuple(a.time, a.order) < std::tuple(b.time, b.order);
    });
    return nodes;
  }

  /// The collective of several ranks that the event belongs to, or -1: overlapping executions of a
  /// stream are left apart.
  std::int32_t couple_of(Index e) const {
    if (couples_.of_event.empty() || couples_.of_event[at(e)] < 0) return -1;
    const std::int32_t couple = couples_.of_event[at(e)];
    for (const Index member : couples_.members[static_cast<std::size_t>(couple)]) {
      const Where& where = where_[at(member)];
      if (where.rank < 0 || where.cut || where.overlaps) return -1;
    }
    return couple;
  }

  void wait_for(Awaited& awaited, std::int32_t operation, std::int64_t time, std::int64_t until) {
    if (operation < 0 || time > until) {
      ++made_.contradicted;
      return;
    }
    awaited.operations.push_back(operation);
    awaited.ready = std::max(awaited.ready, time);
  }

  void add_call(Index c) {
    const auto [rank, queue] = call_place_[at(c)];
    const std::int64_t release = waits_.release[at(c)];
    Awaited awaited;
    awaited.ready = origin_;
    const Index previous = waits_.previous[at(c)];
    // The queue itself keeps the order on the thread.
    if (previous != kNone) awaited.ready = std::max(awaited.ready, waits_.release[at(previous)]);
    const Index by = waits_.handed_by[at(c)];
    if (by != kNone && operation_of_call_[at(by)] >= 0) {
      wait_for(awaited, operation_of_call_[at(by)], waits_.release[at(by)], release);
    }
    const auto first =
        std::lower_bound(waits_.host.begin(), waits_.host.end(), c,
                         [](const HostWait& wait, Index call) { return wait.call < call; });
    for (auto wait = first; wait != waits_.host.end() && wait->call == c; ++wait) {
      wait_for(awaited, made_.operation_of_event[at(wait->event)],
               end_of(trace_.device[at(wait->event)]), release);
    }
    const HostCall& call = trace_.calls[at(c)];
    const std::int32_t work = shared_work(Origin::host, trace_.texts[call.name],
                                          std::max<std::int64_t>(0, release - awaited.ready));
    operation_of_call_[at(c)] =
        made_.plan.add(work, {place(rank, queue)}, awaited.operations, Phase::other);
  }

  /// Waits of one event and the time between them and its start; adds the gap.
  std::vector<std::int32_t> arrive(Index e) {
    const DeviceEvent& event = trace_.device[at(e)];
    const Where& where = where_[at(e)];
    Awaited awaited;
    awaited.ready = origin_;
    const auto after = [&](Index before, bool whole) {
      if (before == kNone || before == e) return;
      const auto& operations = whole ? made_.operation_of_event : made_.first_operation_of_event;
      const std::int64_t time =
          whole ? end_of(trace_.device[at(before)]) : where_[at(before)].cut_at;
      wait_for(awaited, operations[at(before)], time, event.start_ns);
    };
    after(where.previous, !where.overlaps);
    if (where.longest != where.previous && where.longest != kNone &&
        end_of(trace_.device[at(where.longest)]) <= event.start_ns) {
      after(where.longest, true);
    }
    if (event.launch != kNone && operation_of_call_[at(event.launch)] >= 0) {
      wait_for(awaited, operation_of_call_[at(event.launch)], waits_.release[at(event.launch)],
               event.start_ns);
    }
    const auto first = std::lower_bound(
        waits_.device.begin(), waits_.device.end(), e,
        [](const Dependency& dependency, Index index) { return dependency.after < index; });
    for (auto wait = first; wait != waits_.device.end() && wait->after == e; ++wait) {
      if (where_[at(wait->before)].rank >= 0) after(wait->before, true);
    }
    const std::int64_t gap = event.start_ns - awaited.ready;
    if (gap <= 0) return awaited.operations;
    const std::int32_t work = shared_work(Origin::gap, "launch gap", gap);
    return {
        made_.plan.add(work, {place(where.rank, where.queue)}, awaited.operations, Phase::other)};
  }

  void add_event(Index e) {
    const std::int32_t couple = couple_of(e);
    if (couple >= 0) {
      add_couple(couples_.members[static_cast<std::size_t>(couple)]);
      return;
    }
    const DeviceEvent& event = trace_.device[at(e)];
    const Where& where = where_[at(e)];
    std::vector<std::int32_t> after = arrive(e);
    const std::int64_t whole = end_of(event) - event.start_ns;
    const std::int64_t head = where.cut ? where.cut_at - event.start_ns : whole;
    const std::vector<Place> places = {place(where.rank, where.queue)};
    const Phase phase =
        event.activity == Activity::communication ? Phase::communication : Phase::other;
    const std::int32_t first = made_.plan.add(own_work(e, head), places, after, phase);
    made_.first_operation_of_event[at(e)] = made_.operation_of_event[at(e)] = first;
    if (head == whole) return;
    made_.operation_of_event[at(e)] =
        made_.plan.add(own_work(e, whole - head), places, {first}, phase);
  }

  void add_couple(const std::vector<Index>& members) {
    std::vector<Place> places;
    std::vector<std::int32_t> after;
    std::int64_t shortest = INT64_MAX;
    for (const Index e : members) {
      const std::vector<std::int32_t> own = arrive(e);
      after.insert(after.end(), own.begin(), own.end());
      places.push_back(place(where_[at(e)].rank, where_[at(e)].queue));
      shortest = std::min(shortest, trace_.device[at(e)].duration_ns);
    }
    std::sort(after.begin(), after.end());
    after.erase(std::unique(after.begin(), after.end()), after.end());
    const std::int32_t operation =
        made_.plan.add(own_work(members.front(), shortest), places, after, Phase::communication);
    for (const Index e : members) {
      made_.first_operation_of_event[at(e)] = made_.operation_of_event[at(e)] = operation;
    }
    ++made_.coupled;
  }

  static Place place(std::int32_t rank, std::int32_t queue) {
    return {rank, static_cast<workloads::Stream>(kStreams + queue)};
  }

  std::int32_t own_work(Index e, std::int64_t ns) {
    const DeviceEvent& event = trace_.device[at(e)];
    Work work;
    work.name = short_name(trace_.name_of(event));
    work.is_communication = event.activity == Activity::communication;
    const Origin origin = work.is_communication                ? Origin::communication
                          : event.activity == Activity::kernel ? Origin::kernel
                                                               : Origin::transfer;
    made_.works.push_back({origin, e, seconds(ns)});
    return made_.plan.add_work(std::move(work));
  }

  /// Host times and gaps are often equal to the nanosecond, and have nothing else to tell apart.
  std::int32_t shared_work(Origin origin, const std::string& name, std::int64_t ns) {
    const auto [found, is_new] = shared_.try_emplace({name, ns}, 0);
    if (!is_new) return found->second;
    Work work;
    work.name = short_name(name);
    made_.works.push_back({origin, kNone, seconds(ns)});
    return found->second = made_.plan.add_work(std::move(work));
  }

  const Trace& trace_;
  Waits waits_;
  Couples couples_;
  ReplayPlan made_;
  std::vector<Where> where_;                     // [device]
  std::vector<std::int32_t> operation_of_call_;  // [calls]

  struct CallPlace {
    std::int32_t first = -1, queue = 0;
  };

  std::vector<CallPlace> call_place_;  // [calls]
  std::map<std::pair<Index, std::int32_t>, std::int32_t> ranks_;
  std::map<std::tuple<char, std::size_t, std::size_t>, std::int32_t> queues_;
  std::map<std::size_t, std::string> stream_names_;
  std::map<std::pair<std::string, std::int64_t>, std::int32_t> shared_;
  std::int64_t origin_ = 0;
};

}  // namespace

ReplayPlan plan_of(const Trace& trace, Ranks ranks) {
  return Planner(trace, ranks).run();
}

}  // namespace aisle::workloads::traces
