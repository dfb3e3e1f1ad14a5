// SPDX-License-Identifier: Apache-2.0
#include "sim/engine/schedule.hpp"
#include "sim/study/measure.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace aisle::sim {

namespace {

using workloads::kStreams;
using workloads::Operation;
using workloads::Place;
using workloads::Plan;
using workloads::Stream;

/// Seconds before any instant during which one rank computes.
class Busy {
 public:
  /// Intervals come in order and do not overlap: they are one stream's.
  void add(double start, double end) {
    if (end <= start) return;
    before_.push_back(before_.empty() ? 0 : before_.back() + end_.back() - start_.back());
    start_.push_back(start);
    end_.push_back(end);
  }

  double between(double from, double to) const { return std::max(0.0, until(to) - until(from)); }

 private:
  double until(double time) const {
    const auto next = std::upper_bound(start_.begin(), start_.end(), time);
    if (next == start_.begin()) return 0;
    const auto i = static_cast<std::size_t>(next - start_.begin()) - 1;
    return before_[i] + std::min(time, end_[i]) - start_[i];
  }

  std::vector<double> start_, end_, before_;
};

/// What all operations of one name on one stream, or all alike, add up to, over all accelerators.
struct Sum {
  double count = 0, seconds = 0, waiting = 0, hidden = 0, alone = 0;

  void add(const Sum& other) {
    count += other.count;
    seconds += other.seconds;
    waiting += other.waiting;
    hidden += other.hidden;
    alone += other.alone;
  }

  /// Fills a PhaseTime or CollectiveUse: of one accelerator.
  template <class Message>
  void write(double accelerators, Message& message) const {
    message.set_count(count / accelerators);
    message.set_seconds(seconds / accelerators);
    message.set_waiting_seconds(waiting / accelerators);
    message.set_hidden_seconds(hidden / accelerators);
  }
};

/// Numbers the values that it is given, equal ones alike, in the order in which they come.
template <class Key>
std::size_t number_of(std::map<Key, std::size_t>& known, const Key& key) {
  return known.emplace(key, known.size()).first->second;
}

/// What makes two communications alike: the name, and what is told of them.
auto likeness(const workloads::Work& work, const TimedWork& timed) {
  const workloads::Communication& c = work.communication;
  return std::tuple(work.name, c.kind, c.axis, c.bytes.si(), c.group.size, c.group.domains,
                    timed.choice.algorithm, timed.choice.protocol, timed.choice.channels,
                    timed.choice.bound_by);
}

bool meets_others(Stream stream) {
  return stream == Stream::collective || stream == Stream::data_parallel;
}

class Phases {
 public:
  Phases(const TimedPlan& timed, const Execution& execution)
      : timed_(timed),
        plan_(*timed.plan),
        execution_(execution),
        computing_(plan_.ranks.size()),
        queue_free_(plan_.ranks.size() * kStreams, 0),
        ready_(plan_.ranks.size(), 0),
        is_member_(plan_.ranks.size(), 0) {
    std::map<std::string, std::size_t> known;
    std::map<decltype(likeness({}, {})), std::size_t> alike;
    for (std::size_t w = 0; w < plan_.works.size(); ++w) {
      const workloads::Work& work = plan_.works[w];
      name_of_work_.push_back(number_of(known, work.name));
      use_of_work_.push_back(0);
      if (!work.is_communication) continue;
      use_of_work_[w] = number_of(alike, likeness(work, timed.works[w]));
      if (use_of_work_[w] == work_of_use_.size()) work_of_use_.push_back(w);
    }
    names_.resize(known.size());
    for (const auto& [name, index] : known) names_[index] = name;
    sums_.resize(names_.size() * kStreams);
    uses_.resize(alike.size());
    for (const workloads::Rank& rank : plan_.ranks) {
      accelerators_ += static_cast<double>(rank.multiplicity);
    }
  }

  void run() {
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      for (const Place& place : places_of(plan_, plan_.operations[o])) {
        if (place.stream != Stream::compute) continue;
        computing_[static_cast<std::size_t>(place.rank)].add(execution_.start_s[o],
                                                             execution_.end_s[o]);
      }
    }
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) account(o);
  }

  void write(pb::Result& result) const {
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      const Sum& sum = sums_[i];
      if (sum.count == 0) continue;
      pb::PhaseTime& phase = *result.add_phase();
      phase.set_name(names_[i / kStreams]);
      phase.set_stream(std::string(to_string(static_cast<Stream>(i % kStreams))));
      sum.write(accelerators_, phase);
    }
  }

  void write_uses(pb::Result& result) const {
    for (std::size_t u = 0; u < uses_.size(); ++u) {
      if (uses_[u].count == 0) continue;
      const workloads::Communication& communication = plan_.works[work_of_use_[u]].communication;
      const workloads::Choice& choice = timed_.works[work_of_use_[u]].choice;
      pb::CollectiveUse& use = *result.add_collective_use();
      use.set_name(plan_.works[work_of_use_[u]].name);
      use.set_operation(std::string(to_string(communication.kind)));
      if (communication.axis != workloads::ParallelAxis::none) {
        use.set_group(std::string(to_string(communication.axis)));
      }
      use.set_bytes(communication.bytes.in(units::B));
      use.set_ranks(communication.group.size);
      use.set_domains(communication.group.domains);
      if (choice.algorithm != workloads::Algorithm::automatic) {
        use.set_algorithm(std::string(to_string(choice.algorithm)));
      }
      if (choice.protocol != workloads::Protocol::automatic) {
        use.set_protocol(std::string(to_string(choice.protocol)));
      }
      if (choice.channels > 0) use.set_channels(choice.channels);
      use.set_bound_by(choice.bound_by);
      use.set_alone_s(uses_[u].alone / uses_[u].count);
      uses_[u].write(accelerators_, use);
    }
    std::stable_sort(result.mutable_collective_use()->begin(),
                     result.mutable_collective_use()->end(),
                     [](const auto& a, const auto& b) { return a.seconds() > b.seconds(); });
  }

 private:
  /// When each member has all that it itself brings: its queue free, its dependencies ended.
  void find_ready(const Operation& operation, std::span<const Place> members) {
    for (const Place& place : members) {
      const auto rank = static_cast<std::size_t>(place.rank);
      ready_[rank] = queue_free_[slot(plan_, place)];
      is_member_[rank] = 1;
    }
    for (const std::int32_t d : dependencies_of(plan_, operation)) {
      const auto dependency = static_cast<std::size_t>(d);
      for (const Place& place : places_of(plan_, plan_.operations[dependency])) {
        const auto rank = static_cast<std::size_t>(place.rank);
        if (is_member_[rank] == 0) continue;
        ready_[rank] = std::max(ready_[rank], execution_.end_s[dependency]);
      }
    }
    for (const Place& place : members) is_member_[static_cast<std::size_t>(place.rank)] = 0;
  }

  void account(std::size_t o) {
    const Operation& operation = plan_.operations[o];
    const auto work = static_cast<std::size_t>(operation.work);
    const std::span<const Place> members = places_of(plan_, operation);
    const double start = execution_.start_s[o], end = execution_.end_s[o];
    const bool waits = members.size() > 1 && meets_others(members.front().stream);
    if (waits) find_ready(operation, members);
    for (const Place& place : members) {
      const auto rank = static_cast<std::size_t>(place.rank);
      const auto stream = static_cast<std::size_t>(place.stream);
      const auto many = static_cast<double>(plan_.ranks[rank].multiplicity);
      const double waiting = waits ? std::max(0.0, start - ready_[rank]) : 0;
      const bool computes = place.stream == Stream::compute;
      const double hidden = computes ? 0 : computing_[rank].between(start - waiting, end);
      const double alone = many * timed_.works[work].alone.in(units::s);
      const Sum sum{many, many * (end - start), many * waiting, many * hidden, alone};
      sums_[name_of_work_[work] * kStreams + stream].add(sum);
      if (plan_.works[work].is_communication) uses_[use_of_work_[work]].add(sum);
      queue_free_[slot(plan_, place)] = end;
    }
  }

  const TimedPlan& timed_;
  const Plan& plan_;
  const Execution& execution_;
  std::vector<Busy> computing_;            // [ranks]
  std::vector<double> queue_free_;         // [ranks x streams] end of the last operation so far
  std::vector<double> ready_;              // [ranks] of the operation in hand
  std::vector<char> is_member_;            // [ranks]
  std::vector<std::size_t> name_of_work_;  // [works]
  std::vector<std::string> names_;
  std::vector<Sum> sums_;                 // [names x streams]
  std::vector<std::size_t> use_of_work_;  // [works] of communications
  std::vector<std::size_t> work_of_use_;  // [uses] the first of those alike
  std::vector<Sum> uses_;                 // [uses]
  double accelerators_ = 0;
};

/// "expert forward" -> "expert_forward".
std::string snake(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '_');
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace

void add_phases(const TimedPlan& timed, const Execution& execution, pb::Result& result) {
  Phases phases(timed, execution);
  phases.run();
  phases.write(result);
  phases.write_uses(result);
}

void add_phase_metrics(Basis basis, pb::Result& result) {
  for (const pb::PhaseTime& phase : result.phase()) {
    add_metric(result, "phase_" + snake(phase.name()) + "_s", phase.seconds() / phase.count(),
               basis);
  }
}

void add_waiting_metrics(Basis basis, pb::Result& result) {
  double busy = 0, waiting = 0, hidden = 0;
  for (const pb::PhaseTime& phase : result.phase()) {
    if (phase.stream() == to_string(Stream::compute)) continue;
    busy += phase.seconds() + phase.waiting_seconds();
    waiting += phase.waiting_seconds();
    hidden += phase.hidden_seconds();
  }
  // Who waits how long follows from draws of an assumed spread.
  add_metric(result, "barrier_s", waiting, Basis::assumed);
  if (busy > 0) add_metric(result, "communication_hidden_share", hidden / busy, basis);
}

}  // namespace aisle::sim
