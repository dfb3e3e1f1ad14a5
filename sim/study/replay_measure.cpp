// SPDX-License-Identifier: Apache-2.0
// From the execution of a replay to the figures of its result.
#include "sim/study/measure.hpp"
#include "sim/study/replay.hpp"

#include <algorithm>
#include <map>

namespace aisle::sim {

namespace {

using workloads::Operation;
using workloads::traces::Origin;

std::size_t at(std::int32_t i) {
  return static_cast<std::size_t>(i);
}

constexpr const char* kCompute = "compute";
constexpr const char* kSlowed = "compute slowed by communication";
constexpr const char* kSkew = "waiting for other ranks";
constexpr const char* kCopies = "copies";
constexpr const char* kGaps = "launch gaps";
constexpr const char* kHost = "host";
constexpr const char* kIdle = "pipeline bubble and waiting";

class Meter {
 public:
  Meter(const RetimeInput& input, const Retimed& retimed, const Execution& execution)
      : in_(input), retimed_(retimed), execution_(execution), plan_(input.replay.plan) {
    find_span();
    find_busiest();
  }

  void record(pb::Result& result) {
    const std::map<std::string, double> parts = parts_of(busiest_);
    const Basis basis = in_.to == nullptr ? Basis::measured : Basis::extrapolated;
    const double time = last_ - first_, recorded = in_.replay.span.si();
    add_metric(result, "replay_time_s", time, basis);
    add_metric(result, "step_time_s", time, basis);
    add_metric(result, "recorded_time_s", recorded, Basis::measured);
    if (time > 0) add_metric(result, "speedup", recorded / time, basis);
    add_parts(parts, basis, result);
    add_bounds(parts, time, basis, result);
    add_families(basis, result);
  }

 private:
  const workloads::traces::ReplayWork& work_of(std::size_t operation) const {
    return in_.replay.works[at(plan_.operations[operation].work)];
  }

  bool on_device(std::size_t operation) const {
    const Origin origin = work_of(operation).origin;
    return origin != Origin::host && origin != Origin::gap;
  }

  void find_span() {
    first_ = execution_.makespan.si();
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      if (!on_device(o)) continue;
      first_ = std::min(first_, execution_.start_s[o]);
      last_ = std::max(last_, execution_.end_s[o]);
    }
    last_ = std::max(last_, first_);
  }

  void find_busiest() {
    std::vector<double> compute(plan_.ranks.size(), 0);
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      if (work_of(o).origin != Origin::kernel) continue;
      const auto place = plan_.places[at(plan_.operations[o].first_place)];
      compute[at(place.rank)] += execution_.end_s[o] - execution_.start_s[o];
    }
    busiest_ = static_cast<std::int32_t>(std::max_element(compute.begin(), compute.end()) -
                                         compute.begin());
  }

  /// What an operation counts as; `arrived`: at a collective that other ranks have not reached.
  enum class Role { kernel, communication, transfer, gap, host, arrived };

  struct Edge {
    double time;
    bool starts;
    std::size_t operation;
    Role role;
  };

  Role role_of(std::size_t operation) const {
    switch (work_of(operation).origin) {
      case Origin::kernel:
        return Role::kernel;
      case Origin::communication:
        return Role::communication;
      case Origin::transfer:
        return Role::transfer;
      case Origin::gap:
        return Role::gap;
      case Origin::host:
        break;
    }
    return Role::host;
  }

  std::vector<Edge> edges_of(std::int32_t rank) const {
    std::vector<Edge> edges;
    std::vector<double> queue_end(plan_.queues(), 0);
    const auto add = [&](double from, double to, std::size_t o, Role role) {
      if (to <= from) return;
      edges.push_back({from, true, o, role});
      edges.push_back({to, false, o, role});
    };
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      const Operation& operation = plan_.operations[o];
      for (std::int32_t p = 0; p < operation.places; ++p) {
        const workloads::Place place = plan_.places[at(operation.first_place + p)];
        if (place.rank != rank) continue;
        double& end = queue_end[static_cast<std::size_t>(place.stream)];
        if (operation.places > 1) add(end, execution_.start_s[o], o, Role::arrived);
        add(execution_.start_s[o], execution_.end_s[o], o, role_of(o));
        end = execution_.end_s[o];
      }
    }
    std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
      return a.time != b.time ? a.time < b.time : a.starts < b.starts;
    });
    return edges;
  }

  /// Seconds of each part between the first and the last device event, on one rank. An instant is
  /// that of a kernel while one runs, else of a communication, a copy, a launch gap, the host.
  std::map<std::string, double> parts_of(std::int32_t rank) {
    std::map<std::string, double> parts;
    std::map<Role, std::vector<std::size_t>> active;
    double now = first_;
    const auto account = [&](double until) {
      const double length = std::min(until, last_) - now;
      if (length <= 0) return;
      now += length;
      if (!active[Role::communication].empty()) communicating_ += length;
      if (!active[Role::kernel].empty()) {
        computing_ += length;
        if (!active[Role::communication].empty()) hidden_ += length;
        const std::size_t o = active[Role::kernel].back();
        const double alone = retimed_.timed.works[at(plan_.operations[o].work)].alone.si();
        const double took = execution_.end_s[o] - execution_.start_s[o];
        const double whole = std::min(alone, took) / took;
        parts[kCompute] += length * whole;
        if (whole < 1) parts[kSlowed] += length * (1 - whole);
      } else if (!active[Role::communication].empty()) {
        expose(active[Role::communication].back(), length, parts);
      } else if (!active[Role::transfer].empty()) {
        parts[kCopies] += length;
      } else if (!active[Role::gap].empty()) {
        parts[kGaps] += length;
      } else {
        const char* rest = active[Role::arrived].empty() ? kIdle : kSkew;
        parts[active[Role::host].empty() ? rest : kHost] += length;
      }
    };
    for (const Edge& edge : edges_of(rank)) {
      account(edge.time);
      std::vector<std::size_t>& running = active[edge.role];
      if (edge.starts) {
        running.push_back(edge.operation);
      } else {
        std::erase(running, edge.operation);
      }
    }
    account(last_);
    return parts;
  }

  void expose(std::size_t operation, double length, std::map<std::string, double>& parts) const {
    const std::int32_t work = plan_.operations[operation].work;
    const double alone = retimed_.timed.works[at(work)].alone.si();
    const double waits = alone > 0 ? retimed_.waiting_s[at(work)] / alone : 0;
    parts[kSkew] += length * waits;
    const auto kind = plan_.works[at(work)].communication.kind;
    if (waits < 1) parts["exposed " + std::string(to_string(kind))] += length * (1 - waits);
  }

  void add_parts(const std::map<std::string, double>& parts, Basis basis, pb::Result& result) {
    double exposed = 0;
    for (const auto& [name, seconds] : parts) {
      pb::Part& part = *result.add_breakdown();
      part.set_name(name);
      part.set_seconds(seconds);
      if (!name.starts_with("exposed ")) continue;
      exposed += seconds;
      add_metric(result, "exposed_" + name.substr(8) + "_s", seconds, basis);
    }
    std::stable_sort(
        result.mutable_breakdown()->begin(), result.mutable_breakdown()->end(),
        [](const pb::Part& a, const pb::Part& b) { return a.seconds() > b.seconds(); });
    result.set_breakdown_rank(plan_.ranks[at(busiest_)].name);
    add_metric(result, "exposed_communication_s", exposed, basis);
  }

  static double part(const std::map<std::string, double>& parts, const char* name) {
    const auto found = parts.find(name);
    return found == parts.end() ? 0 : found->second;
  }

  /// What the time is bound by: kernel time by what limits each kernel on this machine, and what
  /// nothing hides.
  void add_bounds(const std::map<std::string, double>& parts, double time, Basis basis,
                  pb::Result& result) {
    double memory = 0, all = 0;
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      if (work_of(o).origin != Origin::kernel) continue;
      const Operation& operation = plan_.operations[o];
      if (plan_.places[at(operation.first_place)].rank != busiest_) continue;
      const double took = execution_.end_s[o] - execution_.start_s[o];
      all += took;
      if (retimed_.memory_bound[at(operation.work)] != 0) memory += took;
    }
    const double computing = computing_;
    if (in_.from != nullptr || in_.to != nullptr) {
      const double share = all > 0 ? memory / all : 0;
      add_metric(result, "compute_bound_s", computing * (1 - share), basis);
      add_metric(result, "hbm_bound_s", computing * share, basis);
    }
    add_metric(result, "host_bound_s", part(parts, kHost) + part(parts, kGaps), basis);
    add_metric(result, "rank_skew_s", part(parts, kSkew), basis);
    if (time > 0) {
      add_metric(result, "compute_busy_fraction", computing_ / time, basis);
      add_metric(result, "communication_busy_fraction", communicating_ / time, basis);
    }
    if (communicating_ > 0) {
      add_metric(result, "hidden_communication_fraction", hidden_ / communicating_, basis);
    }
  }

  void add_families(Basis basis, pb::Result& result) {
    struct Sum {
      double now = 0, recorded = 0;
      std::int64_t count = 0;
    };

    std::map<std::size_t, Sum> sums;
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      const auto work = at(plan_.operations[o].work);
      if (work_of(o).origin != Origin::kernel || plan_.works[work].kernels.empty()) continue;
      if (plan_.places[at(plan_.operations[o].first_place)].rank != busiest_) continue;
      Sum& sum = sums[static_cast<std::size_t>(plan_.works[work].kernels.front().family)];
      sum.now += retimed_.timed.works[work].alone.si();
      sum.recorded += in_.replay.works[work].recorded.si();
      // Of an execution in two parts the last one counts.
      sum.count += in_.replay.operation_of_event[at(in_.replay.works[work].event)] ==
                   static_cast<std::int32_t>(o);
    }
    for (const auto& [f, sum] : sums) {
      pb::FamilyTime& family = *result.add_family();
      family.set_family(std::string(to_string(static_cast<workloads::Family>(f))));
      family.set_seconds(sum.now);
      family.set_recorded_seconds(sum.recorded);
      family.set_count(sum.count);
      family.set_basis(to_pb(basis));
    }
  }

  const RetimeInput& in_;
  const Retimed& retimed_;
  const Execution& execution_;
  const workloads::Plan& plan_;
  double first_ = 0, last_ = 0;
  double computing_ = 0, communicating_ = 0, hidden_ = 0;
  std::int32_t busiest_ = 0;
};

}  // namespace

void measure_replay(const RetimeInput& input, const Retimed& retimed, const Execution& execution,
                    pb::Result& result) {
  if (input.replay.plan.ranks.empty()) return;
  Meter(input, retimed, execution).record(result);
}

}  // namespace aisle::sim
