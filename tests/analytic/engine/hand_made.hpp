// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/random.hpp"
#include "sim/engine/engine.hpp"
#include "workloads/plan.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

/// Plans made by hand, timed without catalogue or kernels, for the tests of the engines.
namespace aisle::sim::test {

using workloads::Phase;
using workloads::Place;
using workloads::Plan;
using workloads::Stream;

using Demand = std::array<double, kCapacities>;

inline Demand hbm(double seconds) {
  Demand demand{};
  demand[static_cast<std::size_t>(Capacity::hbm)] = seconds;
  return demand;
}

inline Demand scale_out(double seconds, double hbm_seconds = 0) {
  Demand demand = hbm(hbm_seconds);
  demand[static_cast<std::size_t>(Capacity::scale_out_out)] = seconds;
  demand[static_cast<std::size_t>(Capacity::scale_out_in)] = seconds;
  return demand;
}

/// A plan and the times of its works, which are added together.
struct HandMade {
  Plan plan;
  std::vector<TimedWork> works;
  int cores = 132;
  double interference = 1;

  explicit HandMade(int ranks) {
    for (int r = 0; r < ranks; ++r) plan.ranks.push_back({"rank " + std::to_string(r), 1, r});
  }

  std::int32_t compute(double seconds, int cores_used, const Demand& demand = {}) {
    TimedWork work;
    work.alone = Seconds::from_si(seconds);
    work.demand = demand;
    work.widths = {{work.alone, cores_used}};
    return add(std::move(work), "compute");
  }

  std::int32_t communicate(double seconds, int cores_held, const Demand& demand = {}) {
    TimedWork work;
    work.alone = Seconds::from_si(seconds);
    work.demand = demand;
    work.cores_held = cores_held;
    return add(std::move(work), "communication");
  }

  std::int32_t add(TimedWork work, const char* name) {
    works.push_back(std::move(work));
    workloads::Work described;
    described.name = name;
    return plan.add_work(std::move(described));
  }

  TimedPlan timed() const { return timed(plan); }

  TimedPlan timed(const Plan& other) const { return {&other, works, cores, interference}; }
};

inline Place at(int rank, Stream stream) {
  return {rank, stream};
}

/// Everything that the file descriptor still gives.
inline void read_all(int file, void* into, std::size_t bytes) {
  auto* to = static_cast<char*>(into);
  while (bytes > 0) {
    const ssize_t got = read(file, to, bytes);
    ASSERT_GT(got, 0) << "the event engine's process ended early";
    to += got;
    bytes -= static_cast<std::size_t>(got);
  }
}

inline void write_all(int file, const void* from, std::size_t bytes) {
  const auto* next = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t put = write(file, next, bytes);
    if (put <= 0) _exit(3);
    next += put;
    bytes -= static_cast<std::size_t>(put);
  }
}

/// execute_event in a process of its own, since it runs once per process.
inline Execution event_in_child(const TimedPlan& timed) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    const Execution execution = execute_event(timed);
    const double makespan = execution.makespan.si();
    write_all(ends[1], execution.start_s.data(), execution.start_s.size() * sizeof(double));
    write_all(ends[1], execution.end_s.data(), execution.end_s.size() * sizeof(double));
    write_all(ends[1], &makespan, sizeof makespan);
    _exit(0);
  }
  close(ends[1]);
  Execution execution;
  execution.start_s.resize(timed.plan->operations.size());
  execution.end_s.resize(timed.plan->operations.size());
  double makespan = 0;
  read_all(ends[0], execution.start_s.data(), execution.start_s.size() * sizeof(double));
  read_all(ends[0], execution.end_s.data(), execution.end_s.size() * sizeof(double));
  read_all(ends[0], &makespan, sizeof makespan);
  close(ends[0]);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  execution.makespan = Seconds::from_si(makespan);
  return execution;
}

/// Equal within 1e-9 relative plus one nanosecond, the engines' own notion.
inline void expect_same_time(double a, double b, const std::string& what) {
  EXPECT_NEAR(a, b, 1e-9 + 1e-9 * std::max(a, b)) << what;
}

inline void expect_same_times(const Execution& a, const Execution& b) {
  ASSERT_EQ(a.end_s.size(), b.end_s.size());
  for (std::size_t o = 0; o < a.end_s.size(); ++o) {
    expect_same_time(a.start_s[o], b.start_s[o], "start of operation " + std::to_string(o));
    expect_same_time(a.end_s[o], b.end_s[o], "end of operation " + std::to_string(o));
  }
  expect_same_time(a.makespan.si(), b.makespan.si(), "makespan");
}

/// Ends of the operations of each queue, in the queue's order: [ranks x streams].
inline std::vector<std::vector<double>> ends_by_queue(const Plan& plan,
                                                      const Execution& execution) {
  std::vector<std::vector<double>> queues(plan.ranks.size() * workloads::kStreams);
  for (std::size_t o = 0; o < plan.operations.size(); ++o) {
    const workloads::Operation& operation = plan.operations[o];
    for (std::int32_t i = 0; i < operation.places; ++i) {
      const Place& place = plan.places[static_cast<std::size_t>(operation.first_place + i)];
      queues[static_cast<std::size_t>(place.rank) * workloads::kStreams +
             static_cast<std::size_t>(place.stream)]
          .push_back(execution.end_s[o]);
    }
  }
  return queues;
}

}  // namespace aisle::sim::test
