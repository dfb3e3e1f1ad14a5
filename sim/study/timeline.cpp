// SPDX-License-Identifier: Apache-2.0
#include "sim/study/measure.hpp"

#include <cmath>

namespace aisle::sim {

namespace {

/// Kinds of spans as result.proto numbers them.
int kind_of(const workloads::Work& work, const workloads::Operation& operation) {
  if (work.is_communication) return 1;
  return operation.phase == workloads::Phase::optimizer ? 2 : 0;
}

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
}

}  // namespace aisle::sim
