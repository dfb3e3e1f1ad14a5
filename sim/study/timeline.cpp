// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/schedule.hpp"
#include "sim/study/measure.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace aisle::sim {

namespace {

/// Kinds of spans as result.proto numbers them.
int kind_of(const workloads::Work& work, const workloads::Operation& operation) {
  if (work.is_communication) return 1;
  return operation.phase == workloads::Phase::optimizer ? 2 : 0;
}

/// One operation's stay on one queue: an index into Plan::places, or -1.
using PlaceIndex = std::int32_t;

/// For each place the one before it in its queue.
std::vector<PlaceIndex> places_before(const workloads::Plan& plan) {
  std::vector<PlaceIndex> last(plan.ranks.size() * plan.queues(), -1);
  std::vector<PlaceIndex> before(plan.places.size());
  for (const workloads::Operation& operation : plan.operations) {
    for (std::int32_t p = operation.first_place; p < operation.first_place + operation.places;
         ++p) {
      PlaceIndex& here = last[slot(plan, plan.places[static_cast<std::size_t>(p)])];
      before[static_cast<std::size_t>(p)] = std::exchange(here, p);
    }
  }
  return before;
}

/// From the operation that ends last back to the step's start: each time to that which ended last
/// of what the operation waited for, in its queues and by its dependencies.
class CriticalPath {
 public:
  CriticalPath(const workloads::Plan& plan, const Execution& execution)
      : plan_(plan), execution_(execution), before_(places_before(plan)) {
    operation_of_.resize(plan.places.size());
    span_of_.resize(plan.places.size());
    std::vector<std::int32_t> spans(plan.ranks.size() * plan.queues(), 0);
    for (std::size_t o = 0; o < plan.operations.size(); ++o) {
      const workloads::Operation& operation = plan.operations[o];
      for (std::int32_t p = 0; p < operation.places; ++p) {
        const auto at = static_cast<std::size_t>(operation.first_place + p);
        operation_of_[at] = static_cast<std::int32_t>(o);
        span_of_[at] = spans[slot(plan, plan.places[at])]++;
      }
    }
  }

  void write(std::size_t first_queue, pb::Timeline& timeline) const {
    const auto last = std::max_element(execution_.end_s.begin(), execution_.end_s.end());
    if (last == execution_.end_s.end()) return;
    const auto end = static_cast<std::size_t>(last - execution_.end_s.begin());
    std::vector<PlaceIndex> path{plan_.operations[end].first_place};
    while (path.back() >= 0) path.push_back(bound_by(operation_of_[index(path.back())]));
    path.pop_back();
    for (auto at = path.rbegin(); at != path.rend(); ++at) {
      const workloads::Place& place = plan_.places[index(*at)];
      timeline.add_critical_rank(place.rank);
      timeline.add_critical_stream(static_cast<int>(place.stream) - static_cast<int>(first_queue));
      timeline.add_critical_span(span_of_[index(*at)]);
    }
  }

 private:
  static std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }

  double end_of(PlaceIndex place) const {
    return execution_.end_s[index(operation_of_[index(place)])];
  }

  /// Where a dependency ran: on a rank of the operation that waits for it, if it can be.
  PlaceIndex place_of(std::int32_t dependency, const workloads::Operation& waits) const {
    const workloads::Operation& operation = plan_.operations[index(dependency)];
    for (std::int32_t p = operation.first_place; p < operation.first_place + operation.places; ++p)
      for (const workloads::Place& place : places_of(plan_, waits))
        if (plan_.places[index(p)].rank == place.rank) return p;
    return operation.first_place;
  }

  PlaceIndex bound_by(std::int32_t o) const {
    const workloads::Operation& operation = plan_.operations[index(o)];
    PlaceIndex latest = -1;
    const auto consider = [&](PlaceIndex place) {
      if (place >= 0 && (latest < 0 || end_of(place) > end_of(latest))) latest = place;
    };
    for (const std::int32_t d : dependencies_of(plan_, operation)) consider(place_of(d, operation));
    for (std::int32_t p = operation.first_place; p < operation.first_place + operation.places; ++p)
      consider(before_[index(p)]);
    return latest;
  }

  const workloads::Plan& plan_;
  const Execution& execution_;
  std::vector<PlaceIndex> before_;          // [places]
  std::vector<std::int32_t> operation_of_;  // [places]
  std::vector<std::int32_t> span_of_;       // [places] index among the spans of its queue
};

}  // namespace

void record_timeline(const TimedPlan& timed, const Execution& execution, pb::Result& result) {
  const workloads::Plan& plan = *timed.plan;
  // Plans with queues of their own use no others.
  const std::size_t first_queue = plan.extra_queues.empty() ? 0 : workloads::kStreams;
  pb::Timeline& timeline = *result.mutable_timeline();
  for (const workloads::Work& work : plan.works) timeline.add_name(work.name);
  for (const workloads::Rank& rank : plan.ranks) {
    pb::TimelineRank& entry = *timeline.add_rank();
    entry.set_name(rank.name);
    entry.set_multiplicity(rank.multiplicity);
    for (std::size_t q = first_queue; q < plan.queues(); ++q) {
      entry.add_stream()->set_name(plan.queue_name(static_cast<workloads::Stream>(q)));
    }
  }
  for (std::size_t i = 0; i < plan.operations.size(); ++i) {
    const workloads::Operation& operation = plan.operations[i];
    const std::int64_t start = std::llround(execution.start_s[i] * 1e9);
    const std::int64_t end = std::llround(execution.end_s[i] * 1e9);
    for (std::int32_t p = 0; p < operation.places; ++p) {
      const workloads::Place place =
          plan.places[static_cast<std::size_t>(operation.first_place + p)];
      pb::TimelineStream& stream =
          *timeline.mutable_rank(place.rank)
               ->mutable_stream(static_cast<int>(place.stream) - static_cast<int>(first_queue));
      stream.add_start_ns(start);
      stream.add_duration_ns(end - start);
      stream.add_name_index(operation.work);
      stream.add_kind(kind_of(plan.works[static_cast<std::size_t>(operation.work)], operation));
      stream.add_micro_batch(operation.micro_batch);
    }
  }
  CriticalPath(plan, execution).write(first_queue, timeline);
}

}  // namespace aisle::sim
