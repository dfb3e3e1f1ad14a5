// SPDX-License-Identifier: Apache-2.0
// Where the step's time goes by resource, mean over all accelerators
// (docs/guide/reading-a-result.md).
#include "sim/engine/schedule.hpp"
#include "sim/study/measure.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace aisle::sim {

namespace {

using workloads::Operation;
using workloads::ParallelAxis;
using workloads::Phase;
using workloads::Place;
using workloads::Plan;
using workloads::Stream;

enum Resource : std::uint8_t {
  tensor_cores,
  memory_bandwidth,
  launch_gaps,
  host_memory,
  optimizer,
  slowed,
  exposed_tensor,
  exposed_context,
  exposed_expert,
  exposed_pipeline,
  exposed_data,
  exposed_other,
  bubble,
  imbalance,
  other,
  kResources
};

constexpr std::array<const char*, kResources> kNames = {
    "tensor cores",    "HBM",        "launch gaps",
    "host memory",     "optimizer",  "slowed by communication",
    "exposed TP",      "exposed CP", "exposed EP",
    "exposed PP",      "exposed DP", "exposed other",
    "pipeline bubble", "imbalance",  "other"};

/// One accelerator, s.
using ResourceSeconds = std::array<double, kResources>;

Resource exposed(const workloads::Communication& communication, Stream stream) {
  switch (communication.axis) {
    case ParallelAxis::tensor:
      return exposed_tensor;
    case ParallelAxis::context:
      return exposed_context;
    case ParallelAxis::expert:
      return exposed_expert;
    case ParallelAxis::pipeline:
      return exposed_pipeline;
    case ParallelAxis::data:
      return exposed_data;
    case ParallelAxis::none:
      break;
  }
  if (stream == Stream::send || stream == Stream::receive) return exposed_pipeline;
  if (stream == Stream::data_parallel) return exposed_data;
  return exposed_other;
}

/// One operation's stay on one queue of one rank.
struct Span {
  double start, end;
  std::int32_t operation;
  Stream stream;
};

/// The step of one rank from its spans: every instant belongs to one resource. Computation comes
/// before communication, communication before waiting.
class RankSweep {
 public:
  RankSweep(const TimedPlan& timed, const Execution& execution)
      : timed_(timed), execution_(execution), active_(timed.plan->queues()) {}

  ResourceSeconds run(const std::vector<Span>& spans) {
    struct Edge {
      double time;
      bool start;
      const Span* span;
    };

    seconds_ = {};
    waited_ = 0;
    std::fill(active_.begin(), active_.end(), nullptr);
    std::vector<Edge> edges;
    edges.reserve(2 * spans.size());
    for (const Span& span : spans) {
      edges.push_back({span.start, true, &span});
      edges.push_back({span.end, false, &span});
    }
    std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
      return a.time != b.time ? a.time < b.time : a.start < b.start;
    });
    double now = 0;
    for (const Edge& edge : edges) {
      if (edge.time > now) account(edge.time - now);
      now = std::max(now, edge.time);
      active_[static_cast<std::size_t>(edge.span->stream)] = edge.start ? edge.span : nullptr;
      if (edge.start) end_waiting(*edge.span);
    }
    seconds_[bubble] += waited_ + std::max(0.0, execution_.makespan.in(units::s)-now);
    return seconds_;
  }

 private:
  const workloads::Work& work_of(const Span& span) const {
    const Operation& operation = timed_.plan->operations[static_cast<std::size_t>(span.operation)];
    return timed_.plan->works[static_cast<std::size_t>(operation.work)];
  }

  void account(double length) {
    if (const Span* compute = active_[static_cast<std::size_t>(Stream::compute)]) {
      return account_compute(*compute, length);
    }
    for (const Stream stream :
         {Stream::collective, Stream::data_parallel, Stream::receive, Stream::send}) {
      const Span* span = active_[static_cast<std::size_t>(stream)];
      if (span == nullptr) continue;
      seconds_[exposed(work_of(*span).communication, stream)] += length;
      return;
    }
    for (const auto& [stream, resource] :
         {std::pair(Stream::copy, host_memory), std::pair(Stream::host, launch_gaps)}) {
      if (active_[static_cast<std::size_t>(stream)] == nullptr) continue;
      seconds_[resource] += length;
      return;
    }
    for (std::size_t queue = workloads::kStreams; queue < active_.size(); ++queue) {
      if (active_[queue] == nullptr) continue;
      seconds_[other] += length;
      return;
    }
    waited_ += length;
  }

  void account_compute(const Span& span, double length) {
    const Operation& operation = timed_.plan->operations[static_cast<std::size_t>(span.operation)];
    const TimedWork& work = timed_.works[static_cast<std::size_t>(operation.work)];
    const double alone = work.alone.in(units::s), took = span.end - span.start;
    const double share = std::min(alone, took) / took;  // of the time that is the work's own
    seconds_[slowed] += length * (1 - share);
    if (operation.phase == Phase::optimizer) {
      seconds_[optimizer] += length * share;
    } else if (const double known = work.binding.sum(); known > 0) {
      const double scale = length * share / known;
      seconds_[tensor_cores] += scale * work.binding.tensor_s;
      seconds_[memory_bandwidth] += scale * work.binding.memory_s;
      seconds_[launch_gaps] += scale * work.binding.gaps_s;
      seconds_[imbalance] += scale * work.binding.imbalance_s;
    } else {
      seconds_[other] += length * share;
    }
  }

  /// Waiting that ends with the communication of a group within a stage was for its last member,
  /// other waiting for another stage of the pipeline.
  void end_waiting(const Span& next) {
    if (waited_ <= 0) return;
    const ParallelAxis axis = work_of(next).communication.axis;
    const bool within = axis != ParallelAxis::none && axis != ParallelAxis::pipeline;
    seconds_[within ? imbalance : bubble] += waited_;
    waited_ = 0;
  }

  const TimedPlan& timed_;
  const Execution& execution_;
  std::vector<const Span*> active_;  // [queues]
  ResourceSeconds seconds_{};
  double waited_ = 0;
};

std::vector<std::vector<Span>> spans_by_rank(const Plan& plan, const Execution& execution) {
  std::vector<std::vector<Span>> spans(plan.ranks.size());
  for (std::size_t o = 0; o < plan.operations.size(); ++o) {
    if (execution.end_s[o] <= execution.start_s[o]) continue;
    for (const Place& place : places_of(plan, plan.operations[o])) {
      spans[static_cast<std::size_t>(place.rank)].push_back(
          {execution.start_s[o], execution.end_s[o], static_cast<std::int32_t>(o), place.stream});
    }
  }
  return spans;
}

}  // namespace

void add_resources(const TimedPlan& timed, const Execution& execution, pb::Result& result) {
  const Plan& plan = *timed.plan;
  const auto spans = spans_by_rank(plan, execution);
  RankSweep sweep(timed, execution);
  ResourceSeconds sum{};
  double accelerators = 0;
  for (std::size_t r = 0; r < spans.size(); ++r) {
    const auto many = static_cast<double>(plan.ranks[r].multiplicity);
    const ResourceSeconds own = sweep.run(spans[r]);
    for (std::size_t i = 0; i < kResources; ++i) sum[i] += many * own[i];
    accelerators += many;
  }
  for (std::size_t i = 0; i < kResources; ++i) {
    if (sum[i] == 0) continue;
    pb::Part& part = *result.add_resource();
    part.set_name(kNames[i]);
    part.set_seconds(sum[i] / accelerators);
  }
}

}  // namespace aisle::sim
