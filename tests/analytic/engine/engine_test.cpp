// SPDX-License-Identifier: Apache-2.0
// Closed forms that both engines must meet.
#include "sim/engine/engine.hpp"

#include "sim/base/diagnostics.hpp"
#include "tests/analytic/engine/hand_made.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <vector>

namespace aisle::sim {
namespace {

using test::at;
using test::Demand;
using test::event_in_child;
using test::HandMade;
using test::hbm;
using test::scale_out;
using workloads::Phase;
using workloads::Place;
using workloads::Stream;

/// Each test runs on both engines.
class Engine : public ::testing::TestWithParam<bool> {
 protected:
  static Execution execute(const HandMade& made) {
    const TimedPlan timed = made.timed();
    return GetParam() ? event_in_child(timed) : execute_analytic(timed);
  }
};

INSTANTIATE_TEST_SUITE_P(Both, Engine, ::testing::Bool(), [](const auto& which) {
  return which.param ? std::string("Event") : std::string("Analytic");
});

constexpr double kNear = 1e-9;

// A calibrated kernel that uses 30 % of HBM leaves 70 % to others: the copy runs at 0.7 of full
// rate, the product is not slowed.
TEST_P(Engine, GemmBesideCopy) {
  HandMade made(1);
  made.plan.add(made.compute(1.0, 132, hbm(0.3)), {at(0, Stream::compute)}, {}, Phase::forward);
  made.plan.add(made.communicate(0.35, 0, hbm(0.35)), {at(0, Stream::collective)}, {},
                Phase::communication);
  const Execution done = execute(made);
  EXPECT_NEAR(done.end_s[0], 1.0, kNear);
  EXPECT_NEAR(done.end_s[1], 0.5, kNear);
  EXPECT_NEAR(done.makespan.si(), 1.0, kNear);
}

// Two operations that each could fill HBM get half each, whatever else they need or not.
TEST_P(Engine, EqualDemandsShareEqually) {
  HandMade made(1);
  made.plan.add(made.compute(1.0, 132, hbm(1.0)), {at(0, Stream::compute)}, {}, Phase::forward);
  made.plan.add(made.communicate(2.0, 0, scale_out(1.0, 2.0)), {at(0, Stream::collective)}, {},
                Phase::communication);
  const Execution done = execute(made);
  EXPECT_NEAR(done.end_s[0], 2.0, kNear);  // half rate
  EXPECT_NEAR(done.end_s[1], 3.0, kNear);  // half rate for 2 s, then alone for 1 s
}

// Incast: two senders to one receiver over links of unequal idle time share its inward link
// equally; with unequal needs the smaller is served whole.
TEST_P(Engine, FairSharesOfOneLink) {
  HandMade made(1);
  const std::int32_t wide = made.communicate(1.0, 0, scale_out(1.0));
  const std::int32_t narrow = made.communicate(1.0, 0, scale_out(0.25));
  made.plan.add(wide, {at(0, Stream::receive)}, {}, Phase::communication);
  made.plan.add(wide, {at(0, Stream::collective)}, {}, Phase::communication);
  made.plan.add(narrow, {at(0, Stream::data_parallel)}, {}, Phase::communication);
  const Execution done = execute(made);
  EXPECT_NEAR(done.end_s[2], 1.0, kNear);
  // 0.375 each while the narrow one draws 0.25, until 1 s; then half each.
  EXPECT_NEAR(done.end_s[0], 1.0 + 0.625 / 0.5, kNear);
  EXPECT_NEAR(done.end_s[1], done.end_s[0], kNear);
}

// The sender's place draws only the outward link and the receiver's only the inward one: opposite
// messages over one full-duplex link do not meet.
TEST_P(Engine, DirectionsDoNotContend) {
  HandMade made(2);
  const std::int32_t message = made.communicate(1.0, 0, scale_out(1.0));
  for (const int r : {0, 1}) {
    made.plan.add(message, {at(r, Stream::send), at(1 - r, Stream::receive)}, {},
                  Phase::communication);
  }
  const Execution done = execute(made);
  EXPECT_NEAR(done.end_s[0], 1.0, kNear);
  EXPECT_NEAR(done.end_s[1], 1.0, kNear);
}

// A kernel that uses all 132 cores beside communication that holds 20 takes 132/112 as long; one
// that uses no more than 112 is not slowed; both again full speed once the cores are back.
TEST_P(Engine, CoresAreTakenNotShared) {
  for (const auto& [used, slow] : {std::pair{132, 132.0 / 112.0}, std::pair{112, 1.0}}) {
    HandMade made(1);
    const std::int32_t work = made.compute(1.0, used);
    made.plan.add(work, {at(0, Stream::compute)}, {}, Phase::forward);
    made.plan.add(work, {at(0, Stream::compute)}, {}, Phase::forward);
    made.plan.add(made.communicate(slow + 0.5 * slow, 20), {at(0, Stream::collective)}, {},
                  Phase::communication);
    const Execution done = execute(made);
    EXPECT_NEAR(done.end_s[0], slow, kNear);
    EXPECT_NEAR(done.end_s[1], 1.5 * slow + 0.5, kNear);  // half of it beside, half alone
  }
}

// Cores held add up over streams; a kernel loses them or the interference, whichever is more.
TEST_P(Engine, HeldCoresAddUp) {
  HandMade made(1);
  made.interference = 1.25;
  made.plan.add(made.compute(1.0, 132), {at(0, Stream::compute)}, {}, Phase::forward);
  made.plan.add(made.communicate(10, 20), {at(0, Stream::collective)}, {}, Phase::communication);
  made.plan.add(made.communicate(10, 2), {at(0, Stream::send)}, {}, Phase::communication);
  const Execution done = execute(made);
  EXPECT_NEAR(done.end_s[0], 1.25, kNear);  // 132 / 110 is less
}

// A chain of kernels of unlike width: exact for the whole.
TEST_P(Engine, MixedWidths) {
  HandMade made(1);
  TimedWork chain;
  chain.alone = Seconds::from_si(1.0);
  chain.widths = {
      {Seconds::from_si(0.5), 132}, {Seconds::from_si(0.4), 100}, {Seconds::from_si(0.1), 0}};
  made.plan.add(made.add(chain, "chain"), {at(0, Stream::compute)}, {}, Phase::forward);
  made.plan.add(made.communicate(10, 22), {at(0, Stream::collective)}, {}, Phase::communication);
  const Execution done = execute(made);
  EXPECT_NEAR(done.end_s[0], 0.5 * 132 / 110 + 0.5, kNear);
}

// A collective starts when its last member comes, and holds the early ones' places meanwhile.
TEST_P(Engine, CollectiveWaitsForItsLastMember) {
  HandMade made(3);
  std::vector<std::int32_t> before;
  std::vector<Place> members;
  for (int r = 0; r < 3; ++r) {
    before.push_back(
        made.plan.add(made.compute(1.0 + r, 132), {at(r, Stream::compute)}, {}, Phase::forward));
    members.push_back(at(r, Stream::collective));
  }
  const std::int32_t reduce = made.plan.add(made.communicate(0.5, 0, scale_out(0.5)), members,
                                            before, Phase::communication);
  const std::int32_t behind = made.plan.add(made.communicate(0.25, 0), {at(0, Stream::collective)},
                                            {}, Phase::communication);
  const Execution done = execute(made);
  EXPECT_NEAR(done.start_s[static_cast<std::size_t>(reduce)], 3.0, kNear);
  EXPECT_NEAR(done.end_s[static_cast<std::size_t>(reduce)], 3.5, kNear);
  EXPECT_NEAR(done.start_s[static_cast<std::size_t>(behind)], 3.5, kNear);
}

// An operation of several ranks moves at the rate of its most loaded member.
TEST_P(Engine, CollectiveMovesAtItsSlowestMember) {
  HandMade made(2);
  made.plan.add(made.communicate(1.0, 0, scale_out(1.0)),
                {at(0, Stream::collective), at(1, Stream::collective)}, {}, Phase::communication);
  made.plan.add(made.communicate(1.0, 0, scale_out(1.0)), {at(1, Stream::data_parallel)}, {},
                Phase::communication);
  const Execution done = execute(made);
  EXPECT_NEAR(done.end_s[0], 2.0, kNear);
  EXPECT_NEAR(done.end_s[1], 2.0, kNear);
}

TEST_P(Engine, ChainIsTheSumAndStreamsAreTheMaximum) {
  HandMade made(1);
  double sum = 0;
  std::int32_t previous = -1;
  for (int i = 1; i <= 20; ++i) {
    const double seconds = 1e-6 * i * i;
    sum += seconds;
    const auto stream = static_cast<Stream>(i % workloads::kStreams);
    previous = made.plan.add(made.compute(seconds, 132), {at(0, stream)},
                             previous < 0 ? std::vector<std::int32_t>{} : std::vector{previous},
                             Phase::forward);
  }
  EXPECT_NEAR(execute(made).makespan.si(), sum, 1e-12);

  HandMade wide(1);
  for (int s = 0; s < workloads::kStreams; ++s) {
    wide.plan.add(wide.compute(1.0 + s, 132), {at(0, static_cast<Stream>(s))}, {}, Phase::forward);
  }
  EXPECT_NEAR(execute(wide).makespan.si(), workloads::kStreams, kNear);
}

// Dependencies may point forwards, operations may take no time, and both engines say when.
TEST_P(Engine, ForwardDependenciesAndZeroDurations) {
  HandMade made(1);
  const std::int32_t nothing = made.communicate(0, 0);
  made.plan.add(nothing, {at(0, Stream::receive)}, {2}, Phase::other);
  made.plan.add(made.compute(1e-9, 132), {at(0, Stream::compute)}, {0}, Phase::other);
  made.plan.add(made.compute(0.25, 132), {at(0, Stream::send)}, {}, Phase::other);
  const Execution done = execute(made);
  EXPECT_NEAR(done.start_s[0], 0.25, kNear);
  EXPECT_EQ(done.start_s[0], done.end_s[0]);
  EXPECT_NEAR(done.end_s[1], 0.25 + 1e-9, 1e-15);
}

// One forward, one backward: p stages and m micro-batches of unit times take 2 (m + p - 1), each
// operation at its known time; activations and gradients travel in no time, in rendezvous.
TEST_P(Engine, PipelineOneForwardOneBackward) {
  constexpr int p = 4;
  constexpr int m = 9;

  struct Step {
    int time, stage, micro_batch;
    bool backward;
  };

  std::vector<Step> steps;
  for (int i = 0; i < p; ++i) {
    for (int j = 0; j < m; ++j) {
      steps.push_back({j < p - i ? i + j : 2 * j + i, i, j, false});
      steps.push_back({2 * p - 1 - i + 2 * j, i, j, true});
    }
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.time < b.time; });
  HandMade made(p);
  const std::int32_t unit = made.compute(1.0, 132);
  const std::int32_t message = made.communicate(0, 2);
  std::vector<std::int32_t> arrived_forward(p * m, -1), arrived_backward(p * m, -1);
  std::vector<std::pair<std::size_t, int>> expected;
  for (const Step& step : steps) {
    const int here = step.stage * m + step.micro_batch;
    auto& arrived = step.backward ? arrived_backward : arrived_forward;
    std::vector<std::int32_t> after;
    if (arrived[static_cast<std::size_t>(here)] >= 0) {
      after.push_back(arrived[static_cast<std::size_t>(here)]);
    }
    const std::int32_t work =
        made.plan.add(unit, {at(step.stage, Stream::compute)}, after,
                      step.backward ? Phase::backward : Phase::forward, step.micro_batch);
    expected.emplace_back(static_cast<std::size_t>(work), step.time);
    const int next = step.stage + (step.backward ? -1 : 1);
    if (next < 0 || next == p) continue;
    arrived[static_cast<std::size_t>(next * m + step.micro_batch)] =
        made.plan.add(message, {at(step.stage, Stream::send), at(next, Stream::receive)}, {work},
                      Phase::communication, step.micro_batch);
  }
  const Execution done = execute(made);
  for (const auto& [operation, time] : expected) {
    EXPECT_NEAR(done.start_s[operation], time, kNear) << operation;
  }
  EXPECT_NEAR(done.makespan.si(), 2 * (m + p - 1), kNear);
}

TEST_P(Engine, EmptyPlan) {
  const HandMade made(1);
  EXPECT_EQ(execute(made).makespan.si(), 0);
}

TEST_P(Engine, CycleIsNamed) {
  HandMade made(1);
  made.plan.add(made.compute(1, 132), {at(0, Stream::compute)}, {1}, Phase::forward);
  made.plan.add(made.communicate(1, 0), {at(0, Stream::send)}, {0}, Phase::communication);
  const TimedPlan timed = made.timed();
  EXPECT_DEATH(GetParam() ? execute_event(timed) : execute_analytic(timed),
               "2 operations of the plan wait.*operation 0 'compute' on rank 0 \\(compute\\)");
}

TEST(EventEngine, RunsOncePerProcess) {
  HandMade made(1);
  made.plan.add(made.compute(1, 132), {at(0, Stream::compute)}, {}, Phase::forward);
  const TimedPlan timed = made.timed();
  EXPECT_DEATH(
      {
        execute_event(timed);
        execute_event(timed);
      },
      "once per process");
}

TEST(RateFactor, FollowsItsFormula) {
  TimedWork work;
  work.alone = Seconds::from_si(1.0);
  work.widths = {{Seconds::from_si(1.0), 100}};
  EXPECT_EQ(rate_factor(work, 0, 100, 2), 1);
  EXPECT_DOUBLE_EQ(rate_factor(work, 50, 100, 1), 0.5);
  EXPECT_DOUBLE_EQ(rate_factor(work, 50, 100, 4), 0.25);   // the worse of the two, not both
  EXPECT_DOUBLE_EQ(rate_factor(work, 200, 100, 1), 0.01);  // one core is left
  work.widths = {{Seconds::from_si(0.5), 40}, {Seconds::from_si(0.5), 0}};
  EXPECT_DOUBLE_EQ(rate_factor(work, 50, 100, 3), 0.5);  // a narrow kernel and a gap
  EXPECT_EQ(rate_factor(TimedWork{}, 50, 100, 2), 1);    // communication
}

}  // namespace
}  // namespace aisle::sim
