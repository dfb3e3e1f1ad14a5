// SPDX-License-Identifier: Apache-2.0
// Laws of a replay as recorded, over seeded random traces.
#include "sim/base/random.hpp"
#include "tests/analytic/engine/hand_made.hpp"
#include "tests/unit/replay/hand_trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace aisle::workloads::traces {
namespace {

using test::HandTrace;
using Kind = HostCall::Kind;

constexpr std::uint64_t kSeeds = 40;

double between(Random& random, double low, double high) {
  return low + (high - low) * static_cast<double>(random.below(1000)) / 1000;
}

/// Streams that overlap, wait, are launched late or by nobody; a host that waits now and then.
/// Every time is a multiple of `scale`.
HandTrace random_trace(std::uint64_t seed, double scale) {
  Random random(seed, "trace");
  const int ranks = 1 + static_cast<int>(random.below(3));
  HandTrace made(ranks);
  for (int r = 0; r < ranks; ++r) {
    const Index threads[] = {made.thread(r), made.thread(r)};
    std::vector<Index> streams;
    std::vector<double> free;
    for (std::uint64_t s = 0; s < 1 + random.below(3); ++s) {
      streams.push_back(made.stream(static_cast<std::int64_t>(7 * s), r));
      free.push_back(0);
    }
    double host = 0;
    for (int i = 0; i < 60; ++i) {
      const auto s = static_cast<std::size_t>(random.below(streams.size()));
      const Index thread = threads[random.below(8) == 0 ? 1 : 0];
      host += between(random, 1, 40);
      const std::uint64_t what = random.below(10);
      if (what == 0) {
        made.call(Kind::wait_event, scale * host, scale, thread, "cudaStreamWaitEvent");
        continue;
      }
      if (what == 1) {
        const double end = std::max(host, *std::max_element(free.begin(), free.end())) + 3;
        made.call(Kind::wait, scale * host, scale * (end - host), thread, "cudaDeviceSynchronize");
        host = end;
        continue;
      }
      const Index call =
          what == 2 ? kNone : made.call(Kind::launch, scale * host, scale * 4, thread);
      double start = std::max(host + between(random, 1, 8), free[s] + between(random, 0, 5));
      if (what == 3) start = std::max(host + 1, free[s] - 2);  // before its predecessor ends
      const double duration = between(random, 0, 60);
      if (what == 4) {
        made.collective(streams[s], scale * start, scale * duration, CollectiveKind::all_reduce, 8);
      } else {
        made.kernel(streams[s], scale * start, scale * duration, "kernel", call);
      }
      free[s] = std::max(free[s], start + duration);
    }
  }
  made.done();
  return made;
}

TEST(Recorded, IsGivenBackToTheNanosecond) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HandTrace made = random_trace(seed, 1);
    const ReplayPlan replay = plan_of(made.trace(), Ranks::apart);
    const auto times =
        test::times_of(made.trace(), replay, sim::execute_analytic(test::as_recorded(replay)));
    for (std::size_t e = 0; e < times.start.size(); ++e) {
      ASSERT_NEAR(times.start[e], times.recorded_start[e], 2e-9) << e;
      ASSERT_NEAR(times.end[e], times.recorded_end[e], 2e-9) << e;
    }
  }
}

TEST(Recorded, EnginesAgree) {
  for (std::uint64_t seed = 1; seed <= kSeeds; seed += 4) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HandTrace made = random_trace(seed, 1);
    for (const Ranks ranks : {Ranks::apart, Ranks::coupled}) {
      const ReplayPlan replay = plan_of(made.trace(), ranks);
      const sim::TimedPlan timed = test::as_recorded(replay);
      sim::test::expect_same_times(sim::execute_analytic(timed), sim::test::event_in_child(timed));
    }
  }
}

TEST(Recorded, TwiceAsLongTakesTwiceAsLong) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HandTrace once = random_trace(seed, 1), twice = random_trace(seed, 2);
    const auto span = [](const Trace& trace) {
      const ReplayPlan replay = plan_of(trace, Ranks::apart);
      return sim::execute_analytic(test::as_recorded(replay)).makespan.si();
    };
    EXPECT_NEAR(span(twice.trace()), 2 * span(once.trace()), 1e-8);
  }
}

/// Whatever becomes of the times, nothing begins before what it waited for, and all ends.
TEST(Recorded, OrderOnStreamsHoldsUnderAnyTimes) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HandTrace made = random_trace(seed, 1);
    const ReplayPlan replay = plan_of(made.trace(), Ranks::coupled);
    sim::TimedPlan timed = test::as_recorded(replay);
    Random random(seed, "times");
    for (sim::TimedWork& work : timed.works) work.alone *= between(random, 0.1, 4);
    const sim::Execution execution = sim::execute_analytic(timed);
    for (std::size_t e = 1; e < made.trace().device.size(); ++e) {
      const auto start = [&](std::size_t i) {
        return execution.start_s[static_cast<std::size_t>(replay.first_operation_of_event[i])];
      };
      const DeviceEvent &a = made.trace().device[e - 1], &b = made.trace().device[e];
      if (a.stream != b.stream || a.start_ns > b.start_ns) continue;
      EXPECT_GE(start(e), start(e - 1) - 1e-9) << e;
    }
  }
}

}  // namespace
}  // namespace aisle::workloads::traces
