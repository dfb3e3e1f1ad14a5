// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/finish.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace aisle::workloads::traces {
namespace {

// 1980: no recorder is older, and no clock that counts from boot comes so far.
constexpr std::int64_t kEarliestUnix = 315'532'800'000'000'000;

template <typename Events>
void shift(Events& events, Index rank, std::int64_t by_ns) {
  for (auto& event : events) {
    if (event.start_ns != kUnknown && (rank == kNone || event.rank == rank))
      event.start_ns += by_ns;
  }
}

template <typename Events>
std::int64_t earliest(const Events& events, std::int64_t so_far) {
  for (const auto& event : events) {
    if (event.start_ns != kUnknown) so_far = std::min(so_far, event.start_ns);
  }
  return so_far;
}

// How the indices of a trace change when it is put behind another.
class Offsets {
 public:
  Offsets(Trace& into, const Trace& from)
      : rank_(count(into.ranks)),
        stream_(count(into.streams)),
        thread_(count(into.threads)),
        device_(count(into.device)),
        launch_(count(into.launches)),
        transfer_(count(into.transfers)),
        collective_(count(into.collectives)),
        call_(count(into.calls)),
        op_(count(into.operators)),
        operands_(count(into.operands)) {
    texts_.reserve(from.texts.size());
    for (std::uint32_t id = 0; id < from.texts.size(); ++id) {
      texts_.push_back(into.texts.id(from.texts[id]));
    }
    const bool by_links = std::all_of(from.ranks.begin(), from.ranks.end(), deduces_members);
    for (const Group& group : from.groups) {
      groups_.push_back(index_of(into.groups, group, by_links));
    }
  }

  void apply(DeviceEvent& event) const {
    event.name = texts_[event.name];
    event.rank += rank_;
    move(event.stream, stream_);
    move(event.launch, call_);
    move(event.op, op_);
    const bool copies = event.activity == Activity::copy || event.activity == Activity::fill;
    move(event.detail, copies                                      ? transfer_
                       : event.activity == Activity::communication ? collective_
                                                                   : launch_);
  }

  void apply(HostCall& call) const {
    common(call);
    move(call.op, op_);
    move(call.stream, stream_);
  }

  void apply(Operator& op) const {
    common(op);
    move(op.parent, op_);
    move(op.operands, operands_);
  }

  void apply(Annotation& annotation) const {
    common(annotation);
    move(annotation.stream, stream_);
  }

  void apply(CollectiveCall& call) const {
    if (call.group != kNone) call.group = groups_[static_cast<std::size_t>(call.group)];
    move(call.shape, launch_);
    call.dtype = texts_[call.dtype];
    call.link = texts_[call.link];
  }

  void apply(Dependency& dependency) const {
    move(dependency.before, device_);
    move(dependency.after, device_);
  }

  void apply(Counters& counters) const { move(counters.event, device_); }

  void apply(KernelTotal& total) const { total.name = texts_[total.name]; }

  void apply(Stream& stream) const { stream.rank += rank_; }

  void apply(Thread& thread) const { thread.rank += rank_; }

 private:
  template <typename Items>
  static Index count(const Items& items) {
    return static_cast<Index>(items.size());
  }

  static void move(Index& index, Index by) {
    if (index != kNone) index += by;
  }

  template <typename Event>
  void common(Event& event) const {
    event.name = texts_[event.name];
    event.rank += rank_;
    move(event.thread, thread_);
  }

  // Ascend's files tell with whom a rank has links: a part of the group.
  static bool deduces_members(const Rank& rank) {
    return rank.format == Format::ascend_kernels || rank.format == Format::ascend_trace_view ||
           rank.format == Format::ascend_collectives;
  }

  // Both in order, as those that links tell are.
  static bool overlap(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
    if (!std::is_sorted(a.begin(), a.end()) || !std::is_sorted(b.begin(), b.end())) return false;
    std::vector<std::int32_t> common;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
    return !common.empty();
  }

  static void unite(Group& group, const std::vector<std::int32_t>& further) {
    std::vector<std::int32_t> all;
    std::set_union(group.ranks.begin(), group.ranks.end(), further.begin(), further.end(),
                   std::back_inserter(all));
    group.ranks = std::move(all);
    group.size = static_cast<std::int32_t>(group.ranks.size());
  }

  // Ranks name the same group alike; a group of no name is nobody else's. Where one file does not
  // tell the members, another may; `by_links`: each may tell some.
  static Index index_of(std::vector<Group>& groups, const Group& group, bool by_links) {
    const auto told = [](const Group& known) { return known.size > 0 || !known.ranks.empty(); };
    auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& known) {
      return known.name == group.name && known.size == group.size && known.ranks == group.ranks;
    });
    if (same == groups.end() && !group.name.empty()) {
      same = std::find_if(groups.begin(), groups.end(), [&](const Group& known) {
        return known.name == group.name && told(known) != told(group);
      });
      if (same != groups.end() && told(group)) {
        same->size = group.size;
        same->ranks = group.ranks;
      }
    }
    if (same == groups.end() && by_links && !group.name.empty()) {
      same = std::find_if(groups.begin(), groups.end(), [&](const Group& known) {
        return known.name == group.name && overlap(known.ranks, group.ranks);
      });
      if (same != groups.end()) unite(*same, group.ranks);
    }
    if (same != groups.end()) return static_cast<Index>(same - groups.begin());
    groups.push_back(group);
    return static_cast<Index>(groups.size() - 1);
  }

  Index rank_, stream_, thread_, device_, launch_, transfer_, collective_, call_, op_, operands_;
  std::vector<std::uint32_t> texts_;
  std::vector<Index> groups_;
};

template <typename Items>
void take(Items& into, Items& from, const Offsets& offsets) {
  for (auto& item : from) offsets.apply(item);
  std::move(from.begin(), from.end(), std::back_inserter(into));
  Items().swap(from);
}

template <typename Items>
void take_as_is(Items& into, Items& from) {
  std::move(from.begin(), from.end(), std::back_inserter(into));
  Items().swap(from);
}

}  // namespace

void shift_times(Trace& trace, Index rank, std::int64_t by_ns) {
  if (by_ns == 0) return;
  shift(trace.device, rank, by_ns);
  shift(trace.calls, rank, by_ns);
  shift(trace.operators, rank, by_ns);
  shift(trace.annotations, rank, by_ns);
}

void rebase(Trace& trace) {
  constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max();
  std::int64_t first = earliest(trace.device, kLatest);
  first = earliest(trace.calls, first);
  first = earliest(trace.operators, first);
  first = earliest(trace.annotations, first);
  if (first == kLatest) first = 0;
  shift_times(trace, kNone, -first);
  trace.origin_ns += first;
  if (trace.origin_ns < kEarliestUnix) trace.origin_ns = 0;
}

void append(Trace& trace, Trace&& other) {
  if (trace.origin_ns != 0 && other.origin_ns != 0) {
    const std::int64_t later = other.origin_ns - trace.origin_ns;
    shift_times(other, kNone, std::max<std::int64_t>(later, 0));
    shift_times(trace, kNone, std::max<std::int64_t>(-later, 0));
    trace.origin_ns = std::min(trace.origin_ns, other.origin_ns);
  } else if (trace.origin_ns == 0) {
    trace.origin_ns = other.origin_ns;
  }
  const Offsets offsets(trace, other);
  take(trace.device, other.device, offsets);
  take(trace.calls, other.calls, offsets);
  take(trace.operators, other.operators, offsets);
  take(trace.annotations, other.annotations, offsets);
  take(trace.collectives, other.collectives, offsets);
  take(trace.dependencies, other.dependencies, offsets);
  take(trace.counters, other.counters, offsets);
  take(trace.totals, other.totals, offsets);
  take(trace.streams, other.streams, offsets);
  take(trace.threads, other.threads, offsets);
  take_as_is(trace.ranks, other.ranks);
  take_as_is(trace.launches, other.launches);
  take_as_is(trace.transfers, other.transfers);
  take_as_is(trace.operands, other.operands);
  trace.accounting.events += other.accounting.events;
  trace.accounting.imported += other.accounting.imported;
  for (const Unused& lost : other.accounting.unused) {
    trace.accounting.lose(lost.name, lost.severity, lost.fault, lost.advice, lost.count);
  }
}

}  // namespace aisle::workloads::traces
