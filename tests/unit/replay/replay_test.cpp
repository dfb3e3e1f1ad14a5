// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/replay.hpp"

#include "tests/unit/replay/hand_trace.hpp"

#include <gtest/gtest.h>

namespace aisle::workloads::traces {
namespace {

using test::as_recorded;
using test::HandTrace;
using Kind = HostCall::Kind;

constexpr double kNear = 1e-9;

/// Starts and ends are as recorded.
void expect_as_recorded(const Trace& trace, const ReplayPlan& replay) {
  const auto times = test::times_of(trace, replay, sim::execute_analytic(as_recorded(replay)));
  for (std::size_t e = 0; e < times.start.size(); ++e) {
    EXPECT_NEAR(times.start[e], times.recorded_start[e], kNear) << "event " << e;
    EXPECT_NEAR(times.end[e], times.recorded_end[e], kNear) << "event " << e;
  }
}

/// Start of an event when another one takes `factor` times as long.
double start_with(const Trace& trace, Index event, Index slowed, double factor) {
  const ReplayPlan replay = plan_of(trace, Ranks::apart);
  sim::TimedPlan timed = as_recorded(replay);
  for (std::size_t w = 0; w < replay.works.size(); ++w) {
    if (replay.works[w].event == slowed) timed.works[w].alone *= factor;
  }
  const sim::Execution execution = sim::execute_analytic(timed);
  const std::int32_t o = replay.first_operation_of_event[static_cast<std::size_t>(event)];
  return execution.start_s[static_cast<std::size_t>(o)];
}

TEST(Replay, GivesBackStartsAndEnds) {
  HandTrace made;
  const Index thread = made.thread(), stream = made.stream(7), other = made.stream(27);
  for (int i = 0; i < 5; ++i) {
    const Index call = made.call(Kind::launch, 10.0 * i, 4, thread);
    made.kernel(i % 2 == 0 ? stream : other, 30.0 * i + 3, 25, "kernel", call);
  }
  const Trace& trace = made.done();
  const ReplayPlan replay = plan_of(trace, Ranks::apart);
  EXPECT_EQ(replay.plan.ranks.size(), 1u);
  EXPECT_EQ(replay.plan.extra_queues.size(), 3u);
  EXPECT_NEAR(replay.span.si(), 145e-6, kNear);
  expect_as_recorded(trace, replay);
}

TEST(Replay, KernelsWithoutLaunchKeepTheirGaps) {
  HandTrace made;
  const Index stream = made.stream(7);
  const Index first = made.kernel(stream, 0, 10), second = made.kernel(stream, 13, 10);
  const Trace& trace = made.done();
  expect_as_recorded(trace, plan_of(trace, Ranks::apart));
  EXPECT_NEAR(start_with(trace, second, first, 3), 33e-6, kNear);
}

TEST(Replay, OverlappingKernelsOfOneStreamKeepTheirOverlap) {
  HandTrace made;
  const Index stream = made.stream(7);
  const Index first = made.kernel(stream, 0, 10);
  const Index second = made.kernel(stream, 8, 10);
  made.kernel(stream, 18, 5);
  const Trace& trace = made.done();
  expect_as_recorded(trace, plan_of(trace, Ranks::apart));
  EXPECT_NEAR(start_with(trace, second, first, 2), 16e-6, kNear);
}

TEST(Replay, KernelThatBeginsBeforeItsLaunchReturns) {
  HandTrace made;
  const Index thread = made.thread(), stream = made.stream(7);
  made.kernel(stream, 3, 5, "kernel", made.call(Kind::launch, 0, 6, thread));
  made.kernel(stream, 9, 5, "kernel", made.call(Kind::launch, 7, 6, thread));
  const Trace& trace = made.done();
  expect_as_recorded(trace, plan_of(trace, Ranks::apart));
}

TEST(Replay, OneGraphLaunchStartsManyKernels) {
  HandTrace made;
  const Index thread = made.thread(), stream = made.stream(7), other = made.stream(8);
  const Index call = made.call(Kind::graph_launch, 0, 20, thread, "cudaGraphLaunch");
  made.kernel(stream, 10, 10, "kernel", call);
  const Index fork = made.kernel(stream, 22, 10, "kernel", call);
  const Index joined = made.kernel(other, 34, 10, "kernel", call);
  const Trace& trace = made.done();
  expect_as_recorded(trace, plan_of(trace, Ranks::apart));
  // It began as the other stream's kernel ended: it waited for it.
  EXPECT_NEAR(start_with(trace, joined, fork, 2), 34e-6, kNear);  // since the launch's release
}

TEST(Replay, RecordedDependenciesHold) {
  HandTrace made;
  const Index stream = made.stream(7), other = made.stream(27);
  const Index source = made.kernel(stream, 0, 10);
  const Index waiting = made.kernel(other, 40, 10);
  made.after(source, waiting);
  const Trace& trace = made.done();
  expect_as_recorded(trace, plan_of(trace, Ranks::apart));
  EXPECT_NEAR(start_with(trace, waiting, source, 10), 130e-6, kNear);
}

TEST(Replay, StreamWaitsAreDeduced) {
  HandTrace made;
  const Index thread = made.thread(), stream = made.stream(7), other = made.stream(27);
  const Index source =
      made.kernel(stream, 10, 100, "kernel", made.call(Kind::launch, 0, 4, thread));
  made.call(Kind::wait_event, 5, 1, thread, "cudaStreamWaitEvent");
  const Index waiting =
      made.kernel(other, 300, 10, "kernel", made.call(Kind::launch, 7, 4, thread));
  const Trace& trace = made.done();
  const ReplayPlan replay = plan_of(trace, Ranks::apart);
  EXPECT_EQ(replay.deduced, 1);
  expect_as_recorded(trace, replay);
  EXPECT_GT(start_with(trace, waiting, source, 5), 500e-6);
}

TEST(Replay, HostWaitsForTheDevice) {
  HandTrace made;
  const Index thread = made.thread(), stream = made.stream(7);
  const Index slow = made.kernel(stream, 5, 100, "kernel", made.call(Kind::launch, 0, 4, thread));
  made.call(Kind::wait, 6, 102, thread, "cudaDeviceSynchronize");
  const Index next =
      made.kernel(stream, 125, 10, "kernel", made.call(Kind::launch, 115, 4, thread));
  const Trace& trace = made.done();
  expect_as_recorded(trace, plan_of(trace, Ranks::apart));
  const double later = start_with(trace, next, slow, 2) - start_with(trace, next, slow, 1);
  EXPECT_NEAR(later, 100e-6, kNear);
}

TEST(Replay, CopiesToTheHostHoldTheHost) {
  HandTrace made;
  const Index thread = made.thread(), stream = made.stream(7);
  const Index call = made.call(Kind::copy, 0, 60, thread, "cudaMemcpyAsync");
  const Index copy = made.copy_to_host(stream, 10, 45, call);
  const Index next = made.kernel(stream, 80, 10, "kernel", made.call(Kind::launch, 70, 4, thread));
  const Trace& trace = made.done();
  expect_as_recorded(trace, plan_of(trace, Ranks::apart));
  EXPECT_GT(start_with(trace, next, copy, 2), start_with(trace, next, copy, 1) + 44e-6);
}

TEST(Replay, PollingForARendezvousIsSeen) {
  HandTrace made;
  const Index thread = made.thread(), stream = made.stream(27);
  const Index call = made.call(Kind::launch, 0, 4, thread);
  const Index notify = made.collective(stream, 10, 2000, CollectiveKind::barrier, kUnknown);
  made.trace().device.back().launch = call;
  const Index next =
      made.kernel(stream, 2110, 10, "kernel", made.call(Kind::launch, 2100, 4, thread));
  const Trace& trace = made.done(Family::other, true);
  const ReplayPlan replay = plan_of(trace, Ranks::apart);
  EXPECT_EQ(replay.deduced, 1);
  expect_as_recorded(trace, replay);
  const double later = start_with(trace, next, notify, 2) - start_with(trace, next, notify, 1);
  EXPECT_NEAR(later, 2000e-6, 1e-6);
}

TEST(Replay, CollectivesOfSeveralRanksEndTogether) {
  HandTrace made(2);
  const Index streams[] = {made.stream(7, 0), made.stream(7, 1)};
  const Index late = made.kernel(streams[0], 0, 50);
  made.collective(streams[0], 50, 10, CollectiveKind::all_reduce, 1000);
  made.kernel(streams[1], 0, 20);
  made.collective(streams[1], 20, 40, CollectiveKind::all_reduce, 1000);
  const Trace& trace = made.done();
  const ReplayPlan replay = plan_of(trace, Ranks::coupled);
  EXPECT_EQ(replay.coupled, 1);
  EXPECT_EQ(replay.plan.ranks.size(), 2u);
  sim::TimedPlan timed = as_recorded(replay);
  EXPECT_NEAR(sim::execute_analytic(timed).makespan.si(), 60e-6, kNear);
  for (std::size_t w = 0; w < replay.works.size(); ++w) {
    if (replay.works[w].event == late) timed.works[w].alone *= 0.1;
  }
  EXPECT_NEAR(sim::execute_analytic(timed).makespan.si(), 30e-6, kNear);
}

TEST(Replay, EventsWithoutTimesAreCounted) {
  HandTrace made;
  const Index stream = made.stream(7);
  made.kernel(stream, 0, 10);
  made.kernel(stream, 10, 10);
  made.trace().device.back().duration_ns = kUnknown;
  const ReplayPlan replay = plan_of(made.done(), Ranks::apart);
  EXPECT_EQ(replay.without_time, 1);
  EXPECT_EQ(replay.operation_of_event[1], -1);
}

TEST(Replay, NothingOnTheDevice) {
  HandTrace made;
  made.call(Kind::wait, 0, 4, made.thread());
  const ReplayPlan replay = plan_of(made.done(), Ranks::coupled);
  EXPECT_TRUE(replay.plan.operations.empty());
}

}  // namespace
}  // namespace aisle::workloads::traces
