// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/waits.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <tuple>

namespace aisle::workloads::traces {

namespace {

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

// Times at which something is evidently the cause of something else. Waking a host thread and
// starting a stream that an event holds back take 1 to 10 us in recorded traces.
constexpr std::int64_t kWake = 20'000, kStreamWake = 10'000;
// A host thread that pauses so long between two calls may have waited, or been handed control.
constexpr std::int64_t kPause = 200'000, kHandover = 50'000;
// A launch call so many times as long as the median one was held back by a full queue.
constexpr std::int64_t kBlockedLaunch = 20;

class WaitFinder {
 public:
  explicit WaitFinder(const Trace& trace)
      : trace_(trace),
        first_start_(trace.calls.size(), kUnknown),
        first_event_(trace.calls.size() + 1, 0),
        last_launched_(trace.streams.size(), kNone),
        of_stream_(trace.streams.size()),
        of_rank_(trace.ranks.size()) {
    waits_.release.assign(trace.calls.size(), kUnknown);
    waits_.previous.assign(trace.calls.size(), kNone);
    waits_.handed_by.assign(trace.calls.size(), kNone);
  }

  Waits run() {
    sort_events();
    sort_calls();
    for (std::size_t r = 0; r < of_rank_.size(); ++r) walk(of_rank_[r], static_cast<Index>(r));
    explain_gaps();
    std::stable_sort(waits_.host.begin(), waits_.host.end(),
                     [](const HostWait& a, const HostWait& b) { return a.call < b.call; });
    std::stable_sort(waits_.device.begin(), waits_.device.end(),
                     [](const Dependency& a, const Dependency& b) { return a.after < b.after; });
    return std::move(waits_);
  }

 private:
  /// Events by call and by stream; what the file itself says of dependencies.
  void sort_events() {
    streams_of_rank_.resize(trace_.ranks.size());
    for (std::size_t s = 0; s < trace_.streams.size(); ++s) {
      streams_of_rank_[at(trace_.streams[s].rank)].push_back(s);
    }
    for (std::size_t i = 0; i < trace_.device.size(); ++i) {
      const DeviceEvent& event = trace_.device[i];
      if (!has_time(event)) continue;
      if (event.stream != kNone) of_stream_[at(event.stream)].push_back(static_cast<Index>(i));
      if (event.launch == kNone) continue;
      std::int64_t& first = first_start_[at(event.launch)];
      if (first == kUnknown || event.start_ns < first) first = event.start_ns;
      ++first_event_[at(event.launch) + 1];
    }
    std::partial_sum(first_event_.begin(), first_event_.end(), first_event_.begin());
    launched_.resize(first_event_.back());
    std::vector<std::size_t> fill(first_event_.begin(), first_event_.end() - 1);
    for (std::size_t i = 0; i < trace_.device.size(); ++i) {
      const DeviceEvent& event = trace_.device[i];
      if (!has_time(event) || event.launch == kNone) continue;
      launched_[fill[at(event.launch)]++] = static_cast<Index>(i);
    }
    for (std::vector<Index>& events : of_stream_) {
      std::stable_sort(events.begin(), events.end(), [&](Index a, Index b) {
        return trace_.device[at(a)].start_ns < trace_.device[at(b)].start_ns;
      });
    }
    rank_says_.assign(trace_.ranks.size(), 0);
    for (const Dependency& dependency : trace_.dependencies) {
      waits_.device.push_back(dependency);
      rank_says_[at(trace_.device[at(dependency.after)].rank)] = 1;
    }
  }

  /// Calls of each rank in the order in which they began.
  void sort_calls() {
    std::vector<std::int64_t> durations;
    for (std::size_t c = 0; c < trace_.calls.size(); ++c) {
      const HostCall& call = trace_.calls[c];
      if (call.start_ns == kUnknown || call.duration_ns == kUnknown) continue;
      const bool waits = call.kind == HostCall::Kind::wait;
      const bool marks = call.kind == HostCall::Kind::wait_event;
      if (first_start_[c] == kUnknown && !waits && !marks) continue;
      of_rank_[at(call.rank)].push_back(static_cast<Index>(c));
      if (call.kind == HostCall::Kind::launch) durations.push_back(call.duration_ns);
    }
    if (!durations.empty()) {
      const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
      std::nth_element(durations.begin(), middle, durations.end());
      blocked_launch_ = std::max(kPause, kBlockedLaunch * *middle);
    }
    for (std::vector<Index>& calls : of_rank_) {
      std::stable_sort(calls.begin(), calls.end(), [&](Index a, Index b) {
        return trace_.calls[at(a)].start_ns < trace_.calls[at(b)].start_ns;
      });
    }
  }

  struct ThreadState {
    Index last = kNone;                      ///< call
    Index last_event = kNone;                ///< the last one launched
    std::vector<std::int64_t> stream_waits;  ///< times of stream waits since the last launch
  };

  void walk(const std::vector<Index>& calls, Index rank) {
    std::map<Index, ThreadState> threads;
    Index last_of_any = kNone;
    // A stream that waits, named by no later launch yet: when it was told to, and which stream was
    // launched on in the meantime.
    std::vector<std::pair<std::int64_t, Index>> open;
    for (const Index c : calls) {
      const HostCall& call = trace_.calls[at(c)];
      ThreadState& thread = threads[call.thread];
      if (call.kind == HostCall::Kind::wait_event) {
        thread.stream_waits.push_back(call.start_ns);
        continue;
      }
      const std::int64_t before = thread.last == kNone ? kUnknown : waits_.release[at(thread.last)];
      find_host_wait(c, thread, before);
      waits_.release[at(c)] = std::max(before, release_of(c));
      waits_.previous[at(c)] = thread.last;
      // Autograd and other engines run on threads that the one of the program waits for.
      if (last_of_any != kNone && last_of_any != thread.last &&
          (before == kUnknown || call.start_ns - before > kHandover)) {
        waits_.handed_by[at(c)] = last_of_any;
      }
      thread.last = last_of_any = c;
      const std::span<const Index> events = launched_by(c);
      if (events.empty()) continue;
      const Index event = events.front();
      thread.last_event = events.back();
      if (rank_says_[at(rank)] == 0 && trace_.device[at(event)].stream != kNone)
        tell_streams(event, thread.stream_waits, open);
      thread.stream_waits.clear();
      for (const Index e : events) {
        const Index stream = trace_.device[at(e)].stream;
        if (stream != kNone) last_launched_[at(stream)] = e;
      }
    }
  }

  std::span<const Index> launched_by(Index call) const {
    return {launched_.data() + first_event_[at(call)],
            first_event_[at(call) + 1] - first_event_[at(call)]};
  }

  /// Device work may begin before the call that starts it returns.
  std::int64_t release_of(Index c) const {
    const HostCall& call = trace_.calls[at(c)];
    std::int64_t end = call.start_ns + call.duration_ns;
    for (auto wait = waits_.host.rbegin(); wait != waits_.host.rend() && wait->call == c; ++wait) {
      end = std::max(end, end_of(trace_.device[at(wait->event)]));
    }
    if (!waits_.host.empty() && waits_.host.back().call == c) return end;
    return first_start_[at(c)] == kUnknown ? end : std::min(end, first_start_[at(c)]);
  }

  void find_host_wait(Index c, const ThreadState& thread, std::int64_t before) {
    const HostCall& call = trace_.calls[at(c)];
    const std::int64_t end = call.start_ns + call.duration_ns;
    if (call.kind == HostCall::Kind::wait) {
      wait_for_streams(c, call, end);
      return;
    }
    if (call.kind == HostCall::Kind::copy) {
      for (const Index e : launched_by(c)) {
        if (is_to_host(trace_.device[at(e)]) && end_of(trace_.device[at(e)]) <= end + kWake) {
          waits_.host.push_back({c, e});
        }
      }
      return;
    }
    // Polling for the counts of an exchange: nothing but the pause shows it.
    if (before != kUnknown && thread.last_event != kNone && call.start_ns - before > kPause) {
      const DeviceEvent& last = trace_.device[at(thread.last_event)];
      const std::int64_t ended = end_of(last);
      const bool awaited = last.activity == Activity::communication &&
                           name_class(last).rendezvous && ended > before &&
                           ended <= call.start_ns &&
                           3 * (call.start_ns - ended) <= call.start_ns - before;
      if (awaited) deduce_host_wait(c, thread.last_event);
    }
    if (call.duration_ns > blocked_launch_) {
      const Index cause = last_ended(call.rank, call.start_ns, end);
      if (cause != kNone) deduce_host_wait(c, cause);
    }
  }

  void deduce_host_wait(Index call, Index event) {
    waits_.host.push_back({call, event});
    ++waits_.deduced;
  }

  const KernelClass& name_class(const DeviceEvent& event) const {
    static const KernelClass kNothing;
    return event.name < trace_.classes.size() ? trace_.class_of(event) : kNothing;
  }

  bool is_to_host(const DeviceEvent& event) const {
    return event.activity == Activity::copy && event.detail != kNone &&
           trace_.transfers[at(event.detail)].kind == CopyKind::device_to_host;
  }

  /// cudaStreamSynchronize and its kin: all that was launched before, on one stream or on all.
  void wait_for_streams(Index c, const HostCall& call, std::int64_t end) {
    for (const std::size_t s : streams_of_rank_[at(call.rank)]) {
      const Index e = last_launched_[s];
      if (e == kNone) continue;
      if (call.stream != kNone && at(call.stream) != s) continue;
      const std::int64_t ended = end_of(trace_.device[at(e)]);
      if (ended <= end + kWake) waits_.host.push_back({c, e});
    }
  }

  /// The event of the rank that ended last in (from, to], if just before `to`.
  Index last_ended(Index rank, std::int64_t from, std::int64_t to) const {
    Index best = kNone;
    for (const std::size_t s : streams_of_rank_[at(rank)]) {
      const Index e = ended_by(static_cast<Index>(s), to, to);
      if (e == kNone) continue;
      const std::int64_t end = end_of(trace_.device[at(e)]);
      if (end <= std::max(from, to - kWake)) continue;
      if (best == kNone || end > end_of(trace_.device[at(best)])) best = e;
    }
    return best;
  }

  /// The last event of a stream that had ended by `end` and had been launched by `launched`.
  Index ended_by(Index stream, std::int64_t end, std::int64_t launched) const {
    const std::vector<Index>& events = of_stream_[at(stream)];
    auto next = std::upper_bound(
        events.begin(), events.end(), end,
        [&](std::int64_t time, Index e) { return time < trace_.device[at(e)].start_ns; });
    while (next != events.begin()) {
      const DeviceEvent& event = trace_.device[at(*--next)];
      const std::int64_t call =
          event.launch == kNone ? event.start_ns : trace_.calls[at(event.launch)].start_ns;
      if (end_of(event) <= end && call <= launched) return *next;
    }
    return kNone;
  }

  /// Calls that make a stream wait carry neither the stream nor the event. The last of a run of
  /// them is taken to be for the stream of the launch that follows, those before it for the next
  /// launch on another stream.
  void tell_streams(Index event, const std::vector<std::int64_t>& told,
                    std::vector<std::pair<std::int64_t, Index>>& open) {
    const Index stream = trace_.device[at(event)].stream;
    for (std::size_t i = 0; i < open.size();) {
      if (open[i].second == stream) {
        ++i;
        continue;
      }
      deduce_stream_wait(event, open[i].first);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (std::size_t i = 0; i < told.size(); ++i) {
      if (i + 1 == told.size()) {
        deduce_stream_wait(event, told[i]);
      } else {
        open.emplace_back(told[i], stream);
      }
    }
  }

  /// `event` waited for something that another stream had been given by `told`. It is taken to be
  /// the last that had ended when it began: of the stream that evidently held it back, else of a
  /// communication stream for a computation and the other way round.
  void deduce_stream_wait(Index event, std::int64_t told) {
    const DeviceEvent& waiting = trace_.device[at(event)];
    Index best = kNone;
    std::tuple<bool, bool, std::int64_t> best_score;
    for (const std::size_t s : streams_of_rank_[at(waiting.rank)]) {
      if (static_cast<Index>(s) == waiting.stream) continue;
      const Index e = ended_by(static_cast<Index>(s), waiting.start_ns, told);
      if (e == kNone || e == event) continue;
      const DeviceEvent& source = trace_.device[at(e)];
      const std::int64_t end = end_of(source);
      const bool other_kind = (source.activity == Activity::communication) !=
                              (waiting.activity == Activity::communication);
      const std::tuple score{end >= waiting.start_ns - kStreamWake, other_kind, end};
      if (best != kNone && score <= best_score) continue;
      best = e;
      best_score = score;
    }
    if (best == kNone) return;
    waits_.device.push_back({best, event});
    ++waits_.deduced;
  }

  /// A device event that neither its stream nor its launch held back, and that began just as
  /// another stream's event ended, waited for it.
  void explain_gaps() {
    for (const std::vector<Index>& events : of_stream_) {
      std::int64_t stream_end = kUnknown;
      for (const Index e : events) {
        const DeviceEvent& event = trace_.device[at(e)];
        std::int64_t ready = stream_end;
        if (event.launch != kNone) ready = std::max(ready, waits_.release[at(event.launch)]);
        stream_end = std::max(stream_end, end_of(event));
        if (ready == kUnknown || event.start_ns - ready <= kStreamWake) continue;
        const Index cause = cause_of(event);
        if (cause == kNone) continue;
        waits_.device.push_back({cause, e});
        ++waits_.deduced;
      }
    }
  }

  Index cause_of(const DeviceEvent& event) const {
    Index best = kNone;
    for (const std::size_t s : streams_of_rank_[at(event.rank)]) {
      if (static_cast<Index>(s) == event.stream) continue;
      if (trace_.streams[s].device != trace_.streams[at(event.stream)].device) continue;
      const Index e = ended_by(static_cast<Index>(s), event.start_ns, event.start_ns);
      if (e == kNone) continue;
      const std::int64_t end = end_of(trace_.device[at(e)]);
      if (end < event.start_ns - kStreamWake) continue;
      if (best == kNone || end > end_of(trace_.device[at(best)])) best = e;
    }
    return best;
  }

  const Trace& trace_;
  Waits waits_;
  std::vector<std::int64_t> first_start_;      // [calls] of what they launched
  std::vector<std::size_t> first_event_;       // [calls + 1] slices of launched_
  std::vector<Index> launched_;                // device events
  std::vector<Index> last_launched_;           // [streams] while walking through the calls
  std::vector<std::vector<Index>> of_stream_;  // [streams] device events by start
  std::vector<std::vector<std::size_t>> streams_of_rank_;
  std::vector<std::vector<Index>> of_rank_;  // [ranks] calls by start
  std::vector<char> rank_says_;              // [ranks] the file has dependencies of its own
  std::int64_t blocked_launch_ = kPause;
};

}  // namespace

Waits find_waits(const Trace& trace) {
  return WaitFinder(trace).run();
}

}  // namespace aisle::workloads::traces
