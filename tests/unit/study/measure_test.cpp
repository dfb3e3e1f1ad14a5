// SPDX-License-Identifier: Apache-2.0
// What a result tells of communication and of the critical path, on plans small enough to be worked
// out by hand.
#include "sim/study/measure.hpp"

#include "sim/study/result.pb.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace aisle::sim {
namespace {

using namespace units;  // NOLINT: literals of a test
using workloads::Phase;
using workloads::Stream;

/// Two ranks: the first computes 2 s, the second 1 s; both reduce (0.5 s) twice, the second time
/// more bytes, while the first computes again; then the first sends to the second, which computes.
struct Job {
  workloads::Plan plan;
  TimedPlan timed;
  Execution execution;

  Job() {
    plan.ranks = {{"first", 3, 0}, {"second", 5, 1}};
    add_compute("long", 2);
    add_compute("short", 1);
    add_reduce(1 * MB);
    add_reduce(2 * MB);
    add_send();
    timed.plan = &plan;
    const auto first = plan.add(0, {{0, Stream::compute}}, {}, Phase::forward);
    const auto second = plan.add(1, {{1, Stream::compute}}, {}, Phase::forward);
    for (const std::int32_t reduce : {2, 3}) {
      plan.add(reduce, {{0, Stream::collective}, {1, Stream::collective}}, {first, second},
               Phase::communication);
    }
    const auto again = plan.add(1, {{0, Stream::compute}}, {}, Phase::backward);
    const auto sent =
        plan.add(4, {{0, Stream::send}, {1, Stream::receive}}, {again}, Phase::communication);
    plan.add(1, {{1, Stream::compute}}, {sent}, Phase::backward);
    execution = execute_analytic(timed);
  }

  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

 private:
  void add_compute(const std::string& name, double seconds) {
    workloads::Work work;
    work.name = name;
    plan.add_work(work);
    timed.works.emplace_back().alone = seconds * s;
  }

  void add_reduce(Bytes bytes) {
    workloads::Work work;
    work.name = "gradients";
    work.is_communication = true;
    work.communication.kind = workloads::CollectiveKind::all_reduce;
    work.communication.axis = workloads::ParallelAxis::data;
    work.communication.bytes = bytes;
    work.communication.group = {8, 2, 4, 1};
    plan.add_work(work);
    TimedWork& reduce = timed.works.emplace_back();
    reduce.alone = 0.5 * s;
    reduce.choice = {workloads::Algorithm::ring, workloads::Protocol::simple, 16, "NIC"};
  }

  void add_send() {
    workloads::Work work;
    work.name = "send";
    work.is_communication = true;
    work.communication.group = {2, 2, 1, 1};
    plan.add_work(work);
    timed.works.emplace_back().alone = 0.25 * s;
  }
};

TEST(Measure, CommunicationsAlikeInAllThatIsToldStandTogether) {
  const Job job;
  pb::Result result;
  add_phases(job.timed, job.execution, result);
  ASSERT_EQ(result.collective_use_size(), 3);
  const auto find = [&](const std::string& name, double bytes) {
    for (const auto& use : result.collective_use())
      if (use.name() == name && use.bytes() == bytes) return use;
    ADD_FAILURE() << name << " " << bytes;
    return pb::CollectiveUse();
  };
  const pb::CollectiveUse small = find("gradients", 1e6), large = find("gradients", 2e6);
  EXPECT_EQ(small.operation(), "all_reduce");
  EXPECT_EQ(small.group(), "data");
  EXPECT_EQ(small.ranks(), 8);
  EXPECT_EQ(small.domains(), 2);
  EXPECT_EQ(small.algorithm(), "ring");
  EXPECT_EQ(small.channels(), 16);
  EXPECT_EQ(small.bound_by(), "NIC");
  EXPECT_NEAR(small.alone_s(), 0.5, 1e-12);
  EXPECT_NEAR(small.count(), 1, 1e-12);
  // Five of eight accelerators wait a second for the first rank; three hide it behind computation.
  EXPECT_NEAR(small.waiting_seconds(), 5.0 / 8, 1e-12);
  EXPECT_NEAR(small.hidden_seconds(), 3.0 / 8 * 0.5, 1e-12);
  EXPECT_NEAR(large.waiting_seconds(), 0, 1e-12);
  const pb::CollectiveUse send = find("send", 0);
  EXPECT_FALSE(send.has_group());
  EXPECT_FALSE(send.has_algorithm());
  // What is alike is part of what has the name.
  const double uses = small.seconds() + large.seconds() + send.seconds();
  const double phases = std::accumulate(
      result.phase().begin(), result.phase().end(), 0.0, [](double sum, const auto& phase) {
        return phase.stream() == "compute" ? sum : sum + phase.seconds();
      });
  EXPECT_NEAR(uses, phases, 1e-12);
}

TEST(Measure, TheCriticalPathIsWhatEachSpanWaitedFor) {
  const Job job;
  pb::Result result;
  record_timeline(job.timed, job.execution, result);
  const pb::Timeline& timeline = result.timeline();
  ASSERT_EQ(timeline.critical_rank_size(), timeline.critical_stream_size());
  ASSERT_EQ(timeline.critical_rank_size(), timeline.critical_span_size());
  std::vector<std::pair<std::string, std::string>> path;
  std::int64_t now = 0;
  for (int i = 0; i < timeline.critical_rank_size(); ++i) {
    const auto& rank = timeline.rank(timeline.critical_rank(i));
    const auto& stream = rank.stream(timeline.critical_stream(i));
    const int span = timeline.critical_span(i);
    ASSERT_LT(span, stream.start_ns_size());
    EXPECT_EQ(stream.start_ns(span), now);
    now += stream.duration_ns(span);
    path.emplace_back(rank.name(), timeline.name(stream.name_index(span)));
  }
  const std::vector<std::pair<std::string, std::string>> expected{
      {"first", "long"}, {"first", "short"}, {"second", "send"}, {"second", "short"}};
  EXPECT_EQ(path, expected);
  EXPECT_EQ(now, 4'250'000'000);
}

}  // namespace
}  // namespace aisle::sim
