// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/schedule.hpp"

#include <queue>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace aisle::sim {

namespace {

using workloads::kStreams;
using workloads::Operation;
using workloads::Place;
using workloads::Plan;
using workloads::Stream;

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

/// What one operation does at one place of a device.
struct Flow {
  std::size_t at = 0;  // slot
  const Sharing::Draws* draw = nullptr;
  double limit = 1;  // rate that nothing but its own work allows
  double rate = 1;
};

/// Bottleneck max-fairness on one device: each flow runs at its limit, or is held back at a
/// saturated capacity of which nobody draws more than it does.
class Device {
 public:
  void clear() { flows_ = 0; }

  void add(const Flow& flow) { flow_[static_cast<std::size_t>(flows_++)] = flow; }

  /// Sets the rates; `watched` has a bit for each capacity that can run short.
  void share(unsigned watched) {
    for (int i = 0; i < flows_; ++i) at(i).rate = at(i).limit;
    if (!saturated(watched)) return;
    // Level: the largest draw that a capacity grants. Each depends on the others' through the flows
    // that they hold back; sweeping over them settles geometrically, mostly in two sweeps.
    std::array<double, kCapacities> level;
    level.fill(kUnlimited);
    constexpr int kSweeps = 64;
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      double change = 0;
      for (std::size_t c = 0; c < kCapacities; ++c) {
        if ((watched >> c & 1U) == 0) continue;
        const double before = level[c];
        level[c] = kUnlimited;
        level[c] = fair_level(c, level);
        change = std::max(change, std::abs(1 / level[c] - 1 / before));
      }
      if (!(change > 1e-13)) break;
    }
    for (int i = 0; i < flows_; ++i) at(i).rate = allowed(at(i), level);
  }

  int flows() const { return flows_; }

  Flow& at(int i) { return flow_[static_cast<std::size_t>(i)]; }

 private:
  bool saturated(unsigned watched) {
    for (std::size_t c = 0; c < kCapacities; ++c) {
      if ((watched >> c & 1U) == 0) continue;
      double sum = 0;
      for (int i = 0; i < flows_; ++i) sum += (*at(i).draw)[c] * at(i).rate;
      if (sum > 1 + 1e-12) return true;
    }
    return false;
  }

  static double allowed(const Flow& flow, const std::array<double, kCapacities>& level) {
    double rate = flow.limit;
    for (std::size_t c = 0; c < kCapacities; ++c) {
      if ((*flow.draw)[c] > 0) rate = std::min(rate, level[c] / (*flow.draw)[c]);
    }
    return rate;
  }

  /// Level of capacity c, given those of the others: the smallest draws are granted whole, the rest
  /// is divided equally.
  double fair_level(std::size_t c, const std::array<double, kCapacities>& level) {
    std::array<double, kStreams> wish{};  // ascending
    int wishes = 0;
    for (int i = 0; i < flows_; ++i) {
      const double draw = (*at(i).draw)[c];
      if (draw <= 0) continue;
      const double wished = draw * allowed(at(i), level);
      int k = wishes++;
      for (; k > 0 && wish[static_cast<std::size_t>(k - 1)] > wished; --k) {
        wish[static_cast<std::size_t>(k)] = wish[static_cast<std::size_t>(k - 1)];
      }
      wish[static_cast<std::size_t>(k)] = wished;
    }
    double left = 1;
    for (int i = 0; i < wishes; ++i) {
      const double fair = left / (wishes - i);
      if (wish[static_cast<std::size_t>(i)] > fair) return fair;
      left -= wish[static_cast<std::size_t>(i)];
    }
    return kUnlimited;
  }

  std::array<Flow, kStreams> flow_;
  int flows_ = 0;
};

class AnalyticEngine {
 public:
  explicit AnalyticEngine(const TimedPlan& timed)
      : timed_(timed),
        plan_(*timed.plan),
        schedule_(plan_),
        sharing_(timed),
        running_(plan_.ranks.size() * kStreams, -1),
        place_rate_(plan_.ranks.size() * kStreams, 0),
        held_(plan_.ranks.size(), 0),
        is_touched_(plan_.ranks.size(), 0),
        state_(plan_.operations.size()) {
    execution_.start_s.resize(plan_.operations.size());
    execution_.end_s.resize(plan_.operations.size());
  }

  Execution run() {
    ready_ = schedule_.initially_ready();
    start_ready();
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      if (event.version != state_[static_cast<std::size_t>(event.operation)].version) continue;
      now_ = event.time;
      finish(event.operation);
      // All that end now leave together, so that nobody's rate is computed twice.
      while (!events_.empty() && events_.top().time == now_) {
        const Event twin = events_.top();
        events_.pop();
        if (twin.version == state_[static_cast<std::size_t>(twin.operation)].version) {
          finish(twin.operation);
        }
      }
      start_ready();
    }
    schedule_.check_all_ended();
    execution_.makespan = Seconds::from_si(now_);
    execution_.classes = static_cast<std::int64_t>(plan_.ranks.size());
    execution_.activities = static_cast<std::int64_t>(plan_.operations.size());
    return std::move(execution_);
  }

 private:
  struct State {
    double left = 0;  // seconds that it would still take alone
    double rate = 0;  // since `since`
    double since = 0;
    std::int32_t version = 0;  // events of earlier versions are void
  };

  struct Event {
    double time;
    std::int32_t operation, version;

    bool operator<(const Event& other) const {  // std::priority_queue has the largest on top
      return time != other.time ? time > other.time : operation > other.operation;
    }
  };

  void start_ready() {
    // Grows while operations of no duration end as they start.
    for (std::size_t i = 0; i < ready_.size(); ++i) start(ready_[i]);
    ready_.clear();
    settle();
  }

  void start(std::int32_t o) {
    const Operation& operation = plan_.operations[static_cast<std::size_t>(o)];
    const TimedWork& work = timed_.works[static_cast<std::size_t>(operation.work)];
    execution_.start_s[static_cast<std::size_t>(o)] = now_;
    if (work.alone.si() <= 0) {
      execution_.end_s[static_cast<std::size_t>(o)] = now_;
      schedule_.end(o, ready_);
      return;
    }
    State& state = state_[static_cast<std::size_t>(o)];
    state.left = work.alone.si();
    state.since = now_;
    for (const Place& place : places_of(plan_, operation)) {
      running_[slot(place)] = o;
      place_rate_[slot(place)] = 0;
      held_[static_cast<std::size_t>(place.rank)] += work.cores_held;
      touch(place.rank);
    }
  }

  void finish(std::int32_t o) {
    const Operation& operation = plan_.operations[static_cast<std::size_t>(o)];
    execution_.end_s[static_cast<std::size_t>(o)] = now_;
    ++state_[static_cast<std::size_t>(o)].version;
    const int held = timed_.works[static_cast<std::size_t>(operation.work)].cores_held;
    for (const Place& place : places_of(plan_, operation)) {
      running_[slot(place)] = -1;
      held_[static_cast<std::size_t>(place.rank)] -= held;
      touch(place.rank);
    }
    schedule_.end(o, ready_);
  }

  void touch(std::int32_t rank) {
    char& touched = is_touched_[static_cast<std::size_t>(rank)];
    if (touched == 0) touched_.push_back(rank);
    touched = 1;
  }

  /// Brings the rates of all that runs on touched devices up to date.
  void settle() {
    for (const std::int32_t rank : touched_) {
      is_touched_[static_cast<std::size_t>(rank)] = 0;
      share(rank);
    }
    touched_.clear();
    for (const std::int32_t o : changed_) set_rate(o);
    changed_.clear();
  }

  void share(std::int32_t rank) {
    device_.clear();
    for (std::size_t s = 0; s < kStreams; ++s) {
      const std::size_t at = static_cast<std::size_t>(rank) * kStreams + s;
      if (running_[at] < 0) continue;
      const std::int32_t work = plan_.operations[static_cast<std::size_t>(running_[at])].work;
      const double limit = sharing_.factor(work, held_[static_cast<std::size_t>(rank)]);
      device_.add({at, &sharing_.draws(work, static_cast<Stream>(s)), limit, limit});
    }
    device_.share(sharing_.contended(rank));
    for (int i = 0; i < device_.flows(); ++i) {
      const Flow& flow = device_.at(i);
      if (place_rate_[flow.at] == flow.rate) continue;
      place_rate_[flow.at] = flow.rate;
      changed_.push_back(running_[flow.at]);
    }
  }

  void set_rate(std::int32_t o) {
    const Operation& operation = plan_.operations[static_cast<std::size_t>(o)];
    double rate = kUnlimited;
    for (const Place& place : places_of(plan_, operation)) {
      rate = std::min(rate, place_rate_[slot(place)]);
    }
    State& state = state_[static_cast<std::size_t>(o)];
    if (rate == state.rate) return;
    state.left = std::max(0.0, state.left - state.rate * (now_ - state.since));
    state.since = now_;
    state.rate = rate;
    events_.push({now_ + state.left / rate, o, ++state.version});
  }

  const TimedPlan& timed_;
  const Plan& plan_;
  Schedule schedule_;
  Sharing sharing_;
  Device device_;
  Execution execution_;
  double now_ = 0;
  std::vector<std::int32_t> running_;  // [slots] operation, or -1
  std::vector<double> place_rate_;     // [slots] what the device grants the operation there
  std::vector<int> held_;              // [ranks] cores that communication holds
  std::vector<char> is_touched_;       // [ranks]
  std::vector<State> state_;           // [operations]
  std::vector<std::int32_t> ready_, touched_, changed_;
  std::priority_queue<Event> events_;
};

}  // namespace

Execution execute_analytic(const TimedPlan& plan) {
  return AnalyticEngine(plan).run();
}

}  // namespace aisle::sim
