// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/schedule.hpp"

#include "sim/base/diagnostics.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string>

namespace aisle::sim {

using workloads::kStreams;
using workloads::Operation;
using workloads::Place;
using workloads::Plan;
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
  }
  return "unknown";
}

double rate_factor(const TimedWork& work, int held, int cores, double interference) {
  if (held <= 0 || work.widths.empty()) return 1;
  const double left = std::max(1, cores - held);
  double slowed = 0;
  for (const Width& width : work.widths) {
    slowed += width.time.si() * std::max(1.0, width.cores / left);
  }
  if (slowed <= 0) return 1;
  return work.alone.si() / slowed / interference;
}

Schedule::Schedule(const Plan& plan)
    : plan_(plan),
      next_(plan.places.size(), -1),
      blockers_(plan.operations.size(), 0),
      first_dependent_(plan.operations.size() + 1, 0),
      dependents_(plan.dependencies.size()),
      left_(static_cast<std::int64_t>(plan.operations.size())) {
  const auto count = static_cast<std::int32_t>(plan.operations.size());
  // For each queue, where in plan.places its last operation so far stands, and which it is.
  std::vector<std::int32_t> last_place(plan.ranks.size() * kStreams, -1);
  std::vector<std::int32_t> last_operation(plan.ranks.size() * kStreams, -1);
  for (std::int32_t o = 0; o < count; ++o) {
    const Operation& operation = plan.operations[static_cast<std::size_t>(o)];
    auto& blockers = blockers_[static_cast<std::size_t>(o)];
    blockers += operation.dependencies;
    for (std::int32_t i = 0; i < operation.places; ++i) {
      const std::int32_t at = operation.first_place + i;
      const std::size_t queue = slot(plan.places[static_cast<std::size_t>(at)]);
      AISLE_ASSERT(queue < last_place.size(), "a place refers to a rank of its plan");
      AISLE_ASSERT(last_operation[queue] != o, "an operation occupies each place once");
      if (last_place[queue] >= 0) {
        next_[static_cast<std::size_t>(last_place[queue])] = o;
        ++blockers;
      }
      last_place[queue] = at;
      last_operation[queue] = o;
    }
    for (const std::int32_t dependency : dependencies_of(plan, operation)) {
      AISLE_ASSERT(dependency >= 0 && dependency < count,
                   "a dependency refers to an operation of its plan");
      ++first_dependent_[static_cast<std::size_t>(dependency) + 1];
    }
  }
  for (std::size_t i = 1; i < first_dependent_.size(); ++i) {
    first_dependent_[i] += first_dependent_[i - 1];
  }
  std::vector<std::int32_t> fill(first_dependent_.begin(), first_dependent_.end() - 1);
  for (std::int32_t o = 0; o < count; ++o) {
    for (const std::int32_t dependency :
         dependencies_of(plan, plan.operations[static_cast<std::size_t>(o)])) {
      auto& at = fill[static_cast<std::size_t>(dependency)];
      dependents_[static_cast<std::size_t>(at++)] = o;
    }
  }
}

std::vector<std::int32_t> Schedule::initially_ready() const {
  std::vector<std::int32_t> ready;
  for (std::size_t o = 0; o < blockers_.size(); ++o) {
    if (blockers_[o] == 0) ready.push_back(static_cast<std::int32_t>(o));
  }
  return ready;
}

void Schedule::end(std::int32_t operation, std::vector<std::int32_t>& ready) {
  --left_;
  const auto release = [&](std::int32_t waiting) {
    if (--blockers_[static_cast<std::size_t>(waiting)] == 0) ready.push_back(waiting);
  };
  const Operation& ended = plan_.operations[static_cast<std::size_t>(operation)];
  for (std::int32_t i = 0; i < ended.places; ++i) {
    const std::int32_t next = next_[static_cast<std::size_t>(ended.first_place + i)];
    if (next >= 0) release(next);
  }
  const auto o = static_cast<std::size_t>(operation);
  for (std::int32_t i = first_dependent_[o]; i < first_dependent_[o + 1]; ++i) {
    release(dependents_[static_cast<std::size_t>(i)]);
  }
}

void Schedule::check_all_ended() const {
  if (left_ == 0) return;
  std::string names;
  int named = 0;
  for (std::size_t o = 0; o < blockers_.size() && named < 4; ++o) {
    if (blockers_[o] == 0) continue;
    const Operation& operation = plan_.operations[o];
    names += fmt::format("{}operation {} '{}'", named++ > 0 ? ", " : "", o,
                         plan_.works[static_cast<std::size_t>(operation.work)].name);
    for (const Place& place : places_of(plan_, operation)) {
      names += fmt::format(" on {} ({})", plan_.ranks[static_cast<std::size_t>(place.rank)].name,
                           workloads::to_string(place.stream));
    }
  }
  const std::string sentence = fmt::format(
      "{} operations of the plan wait for one another in a cycle; first {}", left_, names);
  AISLE_ASSERT(left_ == 0, sentence.c_str());
}

namespace {

/// Whether an operation draws the capacity at a place on the stream: the sender's place draws the
/// outward links of its rank, the receiver's the inward ones.
bool draws_at(Stream stream, Capacity capacity) {
  switch (capacity) {
    case Capacity::hbm:
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
      draws_(plan.works.size() * kStreams, Draws{}),
      contended_(plan.plan->ranks.size(), 0),
      factors_(plan.works.size() * (static_cast<std::size_t>(plan.cores) + 1), 0) {
  AISLE_ASSERT(plan.works.size() == plan.plan->works.size(), "every work of a plan is timed");
  AISLE_ASSERT(plan.interference >= 1, "communication never speeds compute up");
  for (std::size_t w = 0; w < plan.works.size(); ++w) {
    const TimedWork& work = plan.works[w];
    if (work.alone.si() <= 0) continue;
    for (std::size_t s = 0; s < kStreams; ++s) {
      for (std::size_t c = 0; c < kCapacities; ++c) {
        if (!draws_at(static_cast<Stream>(s), static_cast<Capacity>(c))) continue;
        draws_[w * kStreams + s][c] = std::min(1.0, work.demand[c] / work.alone.si());
      }
    }
  }
  std::vector<Draws> largest(plan.plan->ranks.size() * kStreams, Draws{});
  for (const Operation& operation : plan.plan->operations) {
    for (const Place& place : places_of(*plan.plan, operation)) {
      const Draws& here = draws(operation.work, place.stream);
      Draws& most = largest[slot(place)];
      for (std::size_t c = 0; c < kCapacities; ++c) most[c] = std::max(most[c], here[c]);
    }
  }
  for (std::size_t r = 0; r < contended_.size(); ++r) {
    for (std::size_t c = 0; c < kCapacities; ++c) {
      double sum = 0;
      for (std::size_t s = 0; s < kStreams; ++s) sum += largest[r * kStreams + s][c];
      if (sum > 1 + 1e-12) contended_[r] |= 1U << c;
    }
  }
}

double Sharing::factor(std::int32_t work, int held) {
  const auto w = static_cast<std::size_t>(work);
  const int column = std::clamp(held, 0, plan_.cores);
  double& factor =
      factors_[w * (static_cast<std::size_t>(plan_.cores) + 1) + static_cast<std::size_t>(column)];
  if (factor == 0) factor = rate_factor(plan_.works[w], held, plan_.cores, plan_.interference);
  return factor;
}

}  // namespace aisle::sim
