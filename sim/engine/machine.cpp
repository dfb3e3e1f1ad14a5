// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/machine.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <utility>

namespace aisle::sim {

using workloads::Operation;
using workloads::Place;
using workloads::Stream;

std::string_view to_string(Capacity capacity) {
  switch (capacity) {
    case Capacity::hbm:
      return "HBM";
    case Capacity::scale_up_out:
      return "scale-up out";
    case Capacity::scale_up_in:
      return "scale-up in";
    case Capacity::scale_out_out:
      return "scale-out out";
    case Capacity::scale_out_in:
      return "scale-out in";
    case Capacity::die_to_die:
      return "die-to-die";
  }
  return "unknown";
}

double rate_factor(const TimedWork& work, int held, int cores, double interference) {
  if (held <= 0 || work.widths.empty()) return 1;
  const double left = std::max(1, cores - held);
  double slowed = 0;
  for (const Width& width : work.widths) {
    const double factor = width.cores > 0 ? std::max(interference, width.cores / left) : 1;
    slowed += width.time.si() * factor;
  }
  if (slowed <= 0) return 1;
  return work.alone.si() / slowed;
}

namespace {

/// Whether an operation draws the capacity at a place on the stream: the sender's place draws the
/// outward links of its rank, the receiver's the inward ones.
bool draws_at(Stream stream, Capacity capacity) {
  switch (capacity) {
    case Capacity::hbm:
    case Capacity::die_to_die:
      return true;
    case Capacity::scale_up_out:
    case Capacity::scale_out_out:
      return stream != Stream::receive;
    case Capacity::scale_up_in:
    case Capacity::scale_out_in:
      return stream != Stream::send;
  }
  return false;
}

}  // namespace

Sharing::Sharing(const TimedPlan& plan)
    : plan_(plan),
      draws_(plan.works.size() * kSides, Draws{}),
      contended_(plan.plan->ranks.size(), 0),
      factors_(static_cast<std::size_t>(plan.cores) + 1) {
  AISLE_ASSERT(plan.works.size() == plan.plan->works.size(), "every work of a plan is timed");
  AISLE_ASSERT(plan.interference >= 1, "communication never speeds compute up");
  for (std::size_t w = 0; w < plan.works.size(); ++w) {
    const TimedWork& work = plan.works[w];
    if (work.alone.si() <= 0) continue;
    for (const Stream stream : {Stream::send, Stream::receive, Stream::compute}) {
      for (std::size_t c = 0; c < kCapacities; ++c) {
        if (!draws_at(stream, static_cast<Capacity>(c))) continue;
        draws_[w * kSides + side_of(stream)][c] = std::min(1.0, work.demand[c] / work.alone.si());
      }
    }
  }
  const std::size_t queues = plan.plan->queues();
  std::vector<Draws> largest(plan.plan->ranks.size() * queues, Draws{});
  for (const Operation& operation : plan.plan->operations) {
    for (const Place& place : places_of(*plan.plan, operation)) {
      const Draws& here = draws(operation.work, place.stream);
      Draws& most = largest[slot(*plan.plan, place)];
      for (std::size_t c = 0; c < kCapacities; ++c) most[c] = std::max(most[c], here[c]);
    }
  }
  for (std::size_t r = 0; r < contended_.size(); ++r) {
    for (std::size_t c = 0; c < kCapacities; ++c) {
      double sum = 0;
      for (std::size_t s = 0; s < queues; ++s) sum += largest[r * queues + s][c];
      if (sum > 1 + 1e-12) contended_[r] |= 1U << c;
    }
  }
}

double Sharing::factor(std::int32_t work, int held) {
  const auto w = static_cast<std::size_t>(work);
  std::vector<double>& row = factors_[static_cast<std::size_t>(std::clamp(held, 0, plan_.cores))];
  if (row.empty()) row.resize(plan_.works.size(), 0);
  double& factor = row[w];
  if (factor == 0) factor = rate_factor(plan_.works[w], held, plan_.cores, plan_.interference);
  return factor;
}

Machine::Machine(const TimedPlan& plan, Scope scope)
    : timed_(plan),
      plan_(*plan.plan),
      scope_(scope),
      queues_(plan_.queues()),
      schedule_(plan_),
      sharing_(plan),
      running_(plan_.ranks.size() * queues_, -1),
      place_rate_(plan_.ranks.size() * queues_, 0),
      held_(plan_.ranks.size(), 0),
      rate_(plan_.operations.size(), 0),
      ready_(schedule_.initially_ready()),
      is_touched_(plan_.ranks.size(), 0),
      reached_at_(plan_.ranks.size(), -1),
      is_joined_(plan_.operations.size(), 0) {
  execution_.start_s.resize(plan_.operations.size());
  execution_.end_s.resize(plan_.operations.size());
}

void Machine::end(std::int32_t o, double now) {
  const Operation& operation = plan_.operations[static_cast<std::size_t>(o)];
  execution_.end_s[static_cast<std::size_t>(o)] = now;
  occupy(operation, -1, -timed_.works[static_cast<std::size_t>(operation.work)].cores_held);
  schedule_.end(o, ready_);
}

const std::vector<Machine::Change>& Machine::advance(double now) {
  changes_.clear();
  // Grows while operations of no duration end as they start.
  for (std::size_t i = 0; i < ready_.size(); ++i) start(ready_[i], now);
  ready_.clear();
  for (const std::int32_t rank : touched_) {
    if (is_touched_[static_cast<std::size_t>(rank)] == 0) continue;  // shared with another
    scope_ == Scope::device ? share_device(rank) : share_jointly(rank);
  }
  touched_.clear();
  if (scope_ == Scope::joint) return changes_;
  for (const std::int32_t o : joined_) {
    is_joined_[static_cast<std::size_t>(o)] = 0;
    double rate = 1;
    for (const Place& place : places_of(plan_, plan_.operations[static_cast<std::size_t>(o)])) {
      rate = std::min(rate, place_rate_[slot(plan_, place)]);
    }
    set_rate(o, rate);
  }
  joined_.clear();
  return changes_;
}

Execution Machine::take() {
  schedule_.check_all_ended();
  double last = 0;
  for (const double end : execution_.end_s) last = std::max(last, end);
  execution_.makespan = Seconds::from_si(last);
  execution_.classes = static_cast<std::int64_t>(plan_.ranks.size());
  execution_.activities = static_cast<std::int64_t>(plan_.operations.size());
  return std::move(execution_);
}

void Machine::start(std::int32_t o, double now) {
  const Operation& operation = plan_.operations[static_cast<std::size_t>(o)];
  const TimedWork& work = timed_.works[static_cast<std::size_t>(operation.work)];
  execution_.start_s[static_cast<std::size_t>(o)] = now;
  if (work.alone.si() <= 0) {
    execution_.end_s[static_cast<std::size_t>(o)] = now;
    schedule_.end(o, ready_);
    return;
  }
  occupy(operation, o, work.cores_held);
}

/// Puts an operation (-1: none) on the places.
void Machine::occupy(const Operation& operation, std::int32_t running, int held_more) {
  for (const Place& place : places_of(plan_, operation)) {
    running_[slot(plan_, place)] = running;
    place_rate_[slot(plan_, place)] = 0;
    held_[static_cast<std::size_t>(place.rank)] += held_more;
    touch(place.rank);
  }
}

void Machine::touch(std::int32_t rank) {
  char& touched = is_touched_[static_cast<std::size_t>(rank)];
  if (touched == 0) touched_.push_back(rank);
  touched = 1;
}

double Machine::limit(std::int32_t work, std::int32_t rank) {
  return sharing_.factor(work, held_[static_cast<std::size_t>(rank)]);
}

void Machine::add_draws(std::int32_t work, const Place& place, std::size_t first_capacity) {
  const unsigned contended = sharing_.contended(place.rank);
  if (contended == 0) return;
  const Sharing::Draws& draws = sharing_.draws(work, place.stream);
  for (std::size_t c = 0; c < kCapacities; ++c) {
    if ((contended >> c & 1U) != 0 && draws[c] > 0) fair_.add_draw(first_capacity + c, draws[c]);
  }
}

/// Shares the capacities of one device among the places that are in use there.
void Machine::share_device(std::int32_t rank) {
  is_touched_[static_cast<std::size_t>(rank)] = 0;
  fair_.clear();
  const std::size_t first = static_cast<std::size_t>(rank) * queues_;
  for (std::size_t s = 0; s < queues_; ++s) {
    if (running_[first + s] < 0) continue;
    const std::int32_t work = plan_.operations[static_cast<std::size_t>(running_[first + s])].work;
    fair_.add_flow(limit(work, rank));
    add_draws(work, {rank, static_cast<Stream>(s)}, 0);
  }
  fair_.solve();
  std::size_t flow = 0;
  for (std::size_t s = 0; s < queues_; ++s) {
    const std::int32_t o = running_[first + s];
    if (o < 0) continue;
    const double rate = fair_.rate(flow++);
    if (place_rate_[first + s] == rate) continue;
    place_rate_[first + s] = rate;
    char& joined = is_joined_[static_cast<std::size_t>(o)];
    if (joined == 0) joined_.push_back(o);
    joined = 1;
  }
}

/// Shares the capacities of all devices that operations connect with this one.
void Machine::share_jointly(std::int32_t rank) {
  fair_.clear();
  reached_.assign(1, rank);
  reached_at_[static_cast<std::size_t>(rank)] = 0;
  for (std::size_t i = 0; i < reached_.size(); ++i) {
    const std::size_t first = static_cast<std::size_t>(reached_[i]) * queues_;
    for (std::size_t s = 0; s < queues_; ++s) {
      const std::int32_t o = running_[first + s];
      if (o >= 0 && is_joined_[static_cast<std::size_t>(o)] == 0) join(o);
    }
  }
  fair_.solve();
  for (std::size_t f = 0; f < joined_.size(); ++f) {
    is_joined_[static_cast<std::size_t>(joined_[f])] = 0;
    set_rate(joined_[f], fair_.rate(f));
  }
  joined_.clear();
  for (const std::int32_t r : reached_) {
    is_touched_[static_cast<std::size_t>(r)] = 0;
    reached_at_[static_cast<std::size_t>(r)] = -1;
  }
}

/// Adds an operation to the joint system, and the devices whose capacities it draws on.
void Machine::join(std::int32_t o) {
  is_joined_[static_cast<std::size_t>(o)] = 1;
  joined_.push_back(o);
  const Operation& operation = plan_.operations[static_cast<std::size_t>(o)];
  double slowest = 1;
  for (const Place& place : places_of(plan_, operation)) {
    slowest = std::min(slowest, limit(operation.work, place.rank));
  }
  fair_.add_flow(slowest);
  for (const Place& place : places_of(plan_, operation)) {
    if (sharing_.contended(place.rank) == 0) continue;
    std::int32_t& at = reached_at_[static_cast<std::size_t>(place.rank)];
    if (at < 0) {
      at = static_cast<std::int32_t>(reached_.size());
      reached_.push_back(place.rank);
    }
    add_draws(operation.work, place, static_cast<std::size_t>(at) * kCapacities);
  }
}

void Machine::set_rate(std::int32_t o, double rate) {
  double& current = rate_[static_cast<std::size_t>(o)];
  if (rate == current) return;
  current = rate;
  changes_.push_back({o, rate});
}

}  // namespace aisle::sim
