// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/engine.hpp"
#include "sim/engine/machine.hpp"

#include <queue>

#include <algorithm>
#include <vector>

namespace aisle::sim {

namespace {

/// A clock of its own: a heap of predicted ends, of which those with an old version are void.
class AnalyticEngine {
 public:
  explicit AnalyticEngine(const TimedPlan& plan)
      : plan_(plan),
        machine_(plan, Machine::Scope::device),
        progress_(plan.plan->operations.size()) {}

  Execution run() {
    apply(machine_.advance(now_));
    while (!events_.empty()) {
      now_ = events_.top().time;
      // All that end now leave together, so that nobody's rate is found twice.
      while (!events_.empty() && events_.top().time == now_) {
        const Event event = events_.top();
        events_.pop();
        if (event.version != progress_[static_cast<std::size_t>(event.operation)].version) continue;
        machine_.end(event.operation, now_);
      }
      apply(machine_.advance(now_));
    }
    return machine_.take();
  }

 private:
  struct Progress {
    double left = -1;  // seconds that it would still take alone; negative: not started
    double rate = 0;   // since `since`
    double since = 0;
    std::int32_t version = 0;
  };

  struct Event {
    double time;
    std::int32_t operation, version;

    bool operator<(const Event& other) const {  // std::priority_queue has the largest on top
      return time != other.time ? time > other.time : operation > other.operation;
    }
  };

  void apply(const std::vector<Machine::Change>& changes) {
    for (const Machine::Change& change : changes) {
      const auto o = static_cast<std::size_t>(change.operation);
      Progress& progress = progress_[o];
      if (progress.left < 0) {
        const std::int32_t work = plan_.plan->operations[o].work;
        progress.left = plan_.works[static_cast<std::size_t>(work)].alone.si();
      } else {
        const double done = progress.rate * (now_ - progress.since);
        progress.left = std::max(0.0, progress.left - done);
      }
      progress.since = now_;
      progress.rate = change.rate;
      events_.push({now_ + progress.left / change.rate, change.operation, ++progress.version});
    }
  }

  const TimedPlan& plan_;
  Machine machine_;
  std::vector<Progress> progress_;  // [operations]
  std::priority_queue<Event> events_;
  double now_ = 0;
};

}  // namespace

Execution execute_analytic(const TimedPlan& plan) {
  return AnalyticEngine(plan).run();
}

}  // namespace aisle::sim
