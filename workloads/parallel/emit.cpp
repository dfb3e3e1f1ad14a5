// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/emit.hpp"

#include <algorithm>
#include <utility>

namespace aisle::workloads::parallel {

namespace {

void tidy(std::vector<std::int32_t>& operations) {
  std::sort(operations.begin(), operations.end());
  operations.erase(std::unique(operations.begin(), operations.end()), operations.end());
  operations.erase(operations.begin(), std::find_if(operations.begin(), operations.end(),
                                                    [](std::int32_t op) { return op >= 0; }));
}

}  // namespace

Flow::Flow(int pipeline_rank, int micro_batch, int replicas, const Operations& inputs)
    : pipeline_rank_(pipeline_rank),
      micro_batch_(micro_batch),
      replicas_(static_cast<std::size_t>(replicas)) {
  for (std::size_t i = 0; i < inputs.size(); ++i) replicas_[i].last = inputs[i];
  depend(inputs);
  start_layer();
}

void Flow::depend(const Operations& operations) {
  for (std::size_t i = 0; i < operations.size(); ++i) {
    replicas_[i].waits.push_back(operations[i]);
  }
}

Operations Flow::last() const {
  Operations result;
  for (const State& state : replicas_) result.push_back(state.last);
  return result;
}

Operations Flow::prefetched() const {
  Operations result;
  for (const State& state : replicas_) result.push_back(state.prefetch);
  return result;
}

Operations Flow::weights() const {
  Operations result;
  for (const State& state : replicas_) {
    result.push_back(state.weight >= 0 ? state.weight : state.last);
  }
  return result;
}

void Emitter::run(Flow& flow, const Steps& steps) {
  for (const Step& step : steps) {
    for (const auto& members : groups_.members(step.group)) run(flow, step, members);
  }
}

void Emitter::run(Flow& flow, const Step& step, const std::vector<int>& members) {
  const bool weight = step.role == Role::weight;
  const bool chain = step.role == Role::chain || (weight && !job_.overlap);
  std::vector<Place> places;
  std::vector<std::int32_t> after;
  for (const int member : members) {
    Flow::State& state = flow.replicas_[static_cast<std::size_t>(member)];
    places.push_back({flow.pipeline_rank_ * groups_.replicas() + member, step.stream});
    if (weight) {
      after.insert(after.end(), {state.computed, state.prefetch});
      if (state.computed < 0) after.push_back(state.last);
    }
    if (!weight || chain) after.insert(after.end(), state.waits.begin(), state.waits.end());
  }
  tidy(after);
  const std::int32_t operation = plan_.add(step.work, places, after, step.phase, flow.micro_batch_);
  plan_.operations.back().layer = flow.layer_;
  for (const int member : members) {
    Flow::State& state = flow.replicas_[static_cast<std::size_t>(member)];
    if (step.role == Role::prefetch) state.prefetch = operation;
    if (step.role == Role::beside) state.beside.push_back(operation);
    if (weight) {
      state.weight = operation;
      state.prefetch = -1;
    }
    if (!chain) continue;
    state.last = operation;
    state.waits = std::exchange(state.beside, {});
    state.waits.push_back(operation);
    if (step.stream == Stream::compute) state.computed = operation;
  }
}

void Emitter::beside(Flow& flow, const Beside& what, const Operations& after) {
  Operations done;
  for (int i = 0; i < groups_.replicas(); ++i) {
    std::vector<std::int32_t> inputs;
    if (!after.empty()) inputs.push_back(after[static_cast<std::size_t>(i)]);
    tidy(inputs);
    done.push_back(plan_.add(what.work,
                             {{flow.pipeline_rank_ * groups_.replicas() + i, what.stream}}, inputs,
                             Phase::other, flow.micro_batch_));
  }
  flow.depend(done);
}

Operations Emitter::message(std::int32_t work, int from_rank, int to_rank,
                            const std::vector<Operations>& after, int micro_batch) {
  Operations receipts;
  for (int i = 0; i < groups_.replicas(); ++i) {
    std::vector<std::int32_t> producers;
    producers.reserve(after.size());
    for (const Operations& operations : after) {
      producers.push_back(operations[static_cast<std::size_t>(i)]);
    }
    tidy(producers);
    receipts.push_back(plan_.add(work,
                                 {{from_rank * groups_.replicas() + i, Stream::send},
                                  {to_rank * groups_.replicas() + i, Stream::receive}},
                                 producers, Phase::communication, micro_batch));
  }
  return receipts;
}

}  // namespace aisle::workloads::parallel
