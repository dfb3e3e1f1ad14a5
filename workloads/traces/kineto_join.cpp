// SPDX-License-Identifier: Apache-2.0
// What belongs together: operators and what is inside them, calls and what they launched, waits and
// what they waited for.
#include "workloads/traces/kineto.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

namespace aisle::workloads::traces {
namespace {

constexpr std::int64_t kTick = 1000;  // ns; clocks of whole microseconds round start and length

template <typename Items>
auto& at(Items& items, Index index) {
  return items[static_cast<std::size_t>(index)];
}

// Indices in an order; files mostly come in that order.
template <typename Less>
std::vector<Index> ordered(std::size_t count, Less&& less) {
  std::vector<Index> order(count);
  std::iota(order.begin(), order.end(), 0);
  if (!std::is_sorted(order.begin(), order.end(), less))
    std::stable_sort(order.begin(), order.end(), less);
  return order;
}

// By thread and start, the longer first.
template <typename Span>
std::vector<Index> nesting_order(const std::vector<Span>& spans) {
  return ordered(spans.size(), [&](Index a, Index b) {
    const Span &left = at(spans, a), &right = at(spans, b);
    if (left.thread != right.thread) return left.thread < right.thread;
    if (left.start_ns != right.start_ns) return left.start_ns < right.start_ns;
    return left.duration_ns > right.duration_ns;
  });
}

// The operators that are open at a point of a thread, outermost first.
class Open {
 public:
  explicit Open(const std::vector<Operator>& operators) : operators_(&operators) {}

  // Drops what has ended before.
  void advance(Index thread, std::int64_t time) {
    if (thread != thread_) open_.clear();
    thread_ = thread;
    while (!open_.empty() && end(open_.back()) <= time && start(open_.back()) < time) {
      open_.pop_back();
    }
  }

  // The innermost around a span. Operators that overlap without nesting (asynchronous ones) may lie
  // above it.
  Index around(std::int64_t end_ns) const {
    constexpr std::size_t kDeepest = 64;
    for (std::size_t i = 0; i < std::min(open_.size(), kDeepest); ++i) {
      const Index op = open_[open_.size() - 1 - i];
      if (end(op) + kTick >= end_ns) return op;
    }
    return kNone;
  }

  void push(Index op) { open_.push_back(op); }

 private:
  std::int64_t start(Index op) const { return at(*operators_, op).start_ns; }

  std::int64_t end(Index op) const { return start(op) + at(*operators_, op).duration_ns; }

  const std::vector<Operator>* operators_;
  std::vector<Index> open_;
  Index thread_ = kNone;
};

// The innermost operator around the start of each span. `order`: the operators' nesting order.
template <typename Span>
void find_operators(const std::vector<Operator>& operators, const std::vector<Index>& order,
                    std::vector<Span>& spans) {
  Open open(operators);
  auto next = order.begin();
  for (const Index index : nesting_order(spans)) {
    Span& span = at(spans, index);
    for (; next != order.end(); ++next) {
      const Operator& op = at(operators, *next);
      if (op.thread > span.thread || (op.thread == span.thread && op.start_ns > span.start_ns))
        break;
      if (op.thread < span.thread) continue;
      open.advance(op.thread, op.start_ns);
      open.push(*next);
    }
    open.advance(span.thread, span.start_ns);
    span.op = open.around(span.start_ns);
  }
}

}  // namespace

void KinetoBuilder::finish() {
  if (!begun_.empty()) {
    trace_->accounting.lose("begin or end without its other half", Severity::warning, Fault::file,
                            "record a longer window", static_cast<std::int64_t>(begun_.size()));
  }
  join_operators();
  join_launches();
  join_external();
  join_arrows();
  join_waits();
  name_streams();
  describe_rank();
  report_unused();
}

void KinetoBuilder::join_operators() {
  std::vector<Operator>& operators = trace_->operators;
  const std::vector<Index> order = nesting_order(operators);
  {
    Open open(operators);
    for (const Index index : order) {
      Operator& op = at(operators, index);
      open.advance(op.thread, op.start_ns);
      op.parent = open.around(op.start_ns + op.duration_ns);
      open.push(index);
    }
  }
  find_operators(operators, order, trace_->calls);
  find_operators(operators, order, arrows_);
}

// By correlation. Of several calls with the same one (several processes in a file) it is the last
// that does not start after the kernel; clocks of host and device may differ a little.
void KinetoBuilder::join_launches() {
  const std::vector<HostCall>& calls = trace_->calls;
  const auto id = [&](Index call) { return at(call_correlation_, call); };
  const std::vector<Index> order = ordered(calls.size(), [&](Index a, Index b) {
    if (id(a) != id(b)) return id(a) < id(b);
    return at(calls, a).start_ns < at(calls, b).start_ns;
  });
  for (std::size_t i = 0; i < trace_->device.size(); ++i) {
    const std::uint32_t sought = device_correlation_[i];
    if (sought == kNoId) continue;
    DeviceEvent& event = trace_->device[i];
    const auto [first, last] =
        std::equal_range(order.begin(), order.end(), sought, [&](const auto& a, const auto& b) {
          if constexpr (std::is_same_v<std::decay_t<decltype(a)>, Index>)
            return id(a) < b;
          else
            return a < id(b);
        });
    if (first == last) continue;
    auto best = std::upper_bound(first, last, event.start_ns, [&](std::int64_t time, Index call) {
      return time < at(calls, call).start_ns;
    });
    if (best != first) --best;
    event.launch = *best;
    event.op = at(calls, *best).op;
    const auto shape = std::lower_bound(call_shapes_.begin(), call_shapes_.end(),
                                        std::pair<Index, Index>(*best, 0));
    if (shape == call_shapes_.end() || shape->first != *best) continue;
    if (event.activity == Activity::kernel && event.detail == kNone) event.detail = shape->second;
    if (event.activity == Activity::communication && event.detail != kNone) {
      CollectiveCall& call = at(trace_->collectives, event.detail);
      if (call.shape == kNone) call.shape = shape->second;
    }
  }
}

// "External id" names the launching operator in some files, and repeats the correlation in others:
// it counts where most ids are found and are not the correlation.
void KinetoBuilder::join_external() {
  const auto id = [&](Index op) { return at(operator_external_, op); };
  const std::vector<Index> order =
      ordered(operator_external_.size(), [&](Index a, Index b) { return id(a) < id(b); });
  const auto find = [&](std::uint32_t sought) {
    const auto found =
        std::lower_bound(order.begin(), order.end(), sought,
                         [&](Index op, std::uint32_t other) { return id(op) < other; });
    return found == order.end() || id(*found) != sought ? kNone : *found;
  };
  std::size_t with_id = 0, found = 0;
  for (std::size_t i = 0; i < device_external_.size(); ++i) {
    if (device_external_[i] == kNoId) continue;
    ++with_id;
    if (device_external_[i] != device_correlation_[i] && find(device_external_[i]) != kNone)
      ++found;
  }
  if (2 * found <= with_id) return;
  for (std::size_t i = 0; i < device_external_.size(); ++i) {
    const Index op = device_external_[i] == kNoId ? kNone : find(device_external_[i]);
    if (op != kNone) trace_->device[i].op = op;
  }
}

// Ascend's arrows carry the start of the task in nanoseconds as their identifier.
void KinetoBuilder::join_arrows() {
  if (arrows_.empty()) return;
  std::unordered_map<std::int64_t, Index> by_start;
  for (const Arrow& arrow : arrows_) by_start.try_emplace(arrow.task_ns, arrow.op);
  for (DeviceEvent& event : trace_->device) {
    const auto arrow = by_start.find(event.start_ns);
    if (arrow != by_start.end() && arrow->second != kNone) event.op = arrow->second;
  }
}

// A stream that waits for an event of another: what the other was given last before the event was
// recorded must end before what this one is given next. Correlations count up with time.
void KinetoBuilder::join_waits() {
  if (syncs_.empty()) return;
  std::vector<Index> issued = ordered(trace_->device.size(), [&](Index a, Index b) {
    const Index left = at(trace_->device, a).stream, right = at(trace_->device, b).stream;
    if (left != right) return left < right;
    return at(device_correlation_, a) < at(device_correlation_, b);
  });
  // The first event of a stream with a correlation not below this one.
  const auto first_of = [&](Index stream, std::uint32_t correlation) {
    return std::lower_bound(
        issued.begin(), issued.end(), correlation, [&](Index event, std::uint32_t sought) {
          const Index other = at(trace_->device, event).stream;
          return other != stream ? other < stream : at(device_correlation_, event) < sought;
        });
  };
  const std::vector<Index> calls = ordered(trace_->calls.size(), [&](Index a, Index b) {
    return at(call_correlation_, a) < at(call_correlation_, b);
  });
  const std::size_t known = calls.size();
  for (const Sync& sync : syncs_) {
    const bool of_stream = sync.stream != kNone && sync.wait_stream != kNone;
    const auto call = std::lower_bound(
        calls.begin(), calls.end(), sync.correlation,
        [&](Index a, std::uint32_t sought) { return at(call_correlation_, a) < sought; });
    if (call != calls.begin() + static_cast<std::ptrdiff_t>(known) && sync.correlation != kNoId &&
        at(call_correlation_, *call) == sync.correlation) {
      at(trace_->calls, *call).stream = sync.stream != kNone ? sync.stream : sync.wait_stream;
    } else {
      HostCall alone;
      alone.start_ns = sync.start_ns;
      alone.duration_ns = sync.duration_ns;
      alone.name = sync.name;
      alone.stream = sync.stream != kNone ? sync.stream : sync.wait_stream;
      alone.kind = of_stream ? HostCall::Kind::wait_event : HostCall::Kind::wait;
      trace_->calls.push_back(alone);
    }
    if (!of_stream || sync.wait_correlation == kNoId || sync.correlation == kNoId) continue;
    const auto behind = first_of(sync.wait_stream, sync.wait_correlation);
    const auto after = first_of(sync.stream, sync.correlation);
    if (behind == issued.begin() || after == issued.end()) continue;
    const Index before = *std::prev(behind);
    if (at(trace_->device, before).stream != sync.wait_stream ||
        at(trace_->device, *after).stream != sync.stream)
      continue;
    trace_->dependencies.push_back({before, *after});
  }
}

void KinetoBuilder::name_streams() {
  std::unordered_map<std::string, std::string> rows;
  for (const Metadata& entry : metadata_) {
    if (!entry.process) rows.try_emplace(entry.pid + '/' + entry.tid, entry.name);
  }
  for (std::size_t i = 0; i < trace_->streams.size(); ++i) {
    const auto row = rows.find(stream_rows_[i]);
    if (row == rows.end()) continue;
    std::string& name = trace_->streams[i].name;
    name = row->second;
    while (name.ends_with(' ')) name.pop_back();
  }
}

// The device of the rank is the one on which most happened.
void KinetoBuilder::describe_rank() {
  std::vector<std::size_t> events(trace_->streams.size());
  for (const DeviceEvent& event : trace_->device) {
    if (event.stream != kNone) ++at(events, event.stream);
  }
  const auto most = std::max_element(events.begin(), events.end());
  const std::int32_t device =
      most == events.end()
          ? 0
          : trace_->streams[static_cast<std::size_t>(most - events.begin())].device;
  auto known = std::find(numbers_.begin(), numbers_.end(), device);
  if (known == numbers_.end()) known = numbers_.begin();
  if (known == numbers_.end()) return;
  const Rank& from = devices_[static_cast<std::size_t>(known - numbers_.begin())];
  Rank& rank = trace_->ranks.back();
  rank.device = from.device;
  rank.cores = from.cores;
  rank.memory_bytes = from.memory_bytes;
}

void KinetoBuilder::report_unused() {
  for (const Category& category : categories_) {
    if (category.unused == 0) continue;
    const bool known = category.kind == Kind::unused;
    trace_->accounting.lose(
        "event of category '" + category.name + "'", known ? Severity::note : Severity::warning,
        known ? Fault::none : Fault::aisle,
        known ? "" : "report the format if these are device work", category.unused);
  }
}

}  // namespace aisle::workloads::traces
