// SPDX-License-Identifier: Apache-2.0
// Messages between stages: when they leave, and who waits for them.
#include "tests/unit/parallel/fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace aisle::workloads {
namespace {

using test::Ground;
using test::plan_of;
using test::Times;

constexpr double kMessage = 0.5;

bool is_message(const Plan& plan, const Operation& operation) {
  return test::work_of(plan, operation).name.rfind("pipeline ", 0) == 0;
}

/// A layer forward takes 1, backward 2, a message kMessage, everything else nothing.
Times layered_times(const Plan& plan) {
  return test::times_of(plan, [&plan](const Operation& operation) {
    if (is_message(plan, operation)) return kMessage;
    const std::string& name = test::work_of(plan, operation).name;
    if (name == "feed-forward forward") return 1.0;
    return name == "feed-forward backward" ? 2.0 : 0.0;
  });
}

Plan dense_plan(const Ground& on, int micro_batches, const std::string& parallel) {
  return plan_of(on, "sequence: 2048 global_batch: " + std::to_string(8 * micro_batches) +
                         " parallel { data: 8 zero: 1 " + parallel + " }")
      .plan;
}

Plan expert_plan(const std::string& parallel) {
  const Ground on = test::ground("deepseek-v3", "h800-sxm", 64, "layers: 8 experts { routed: 32 }");
  return plan_of(on,
                 "sequence: 4096 global_batch: 64 precision: \"fp8\" scaling: blocks recompute: "
                 "selective "
                 "parallel { tensor: 2 pipeline: 4 data: 8 expert: 4 zero: 1 " +
                     parallel + " }")
      .plan;
}

/// Computations of the sender that run while a message leaves, among those inserted before it and
/// after it.
struct Beside {
  int before = 0, after = 0;
};

Beside beside_messages(const Plan& plan) {
  const Times times = test::times_of(plan, [&plan](const Operation& operation) {
    return is_message(plan, operation)                       ? 3.0
           : test::work_of(plan, operation).is_communication ? 0.1
                                                             : 1.0;
  });
  EXPECT_FALSE(times.end.empty()) << "locked up";
  Beside found;
  if (times.end.empty()) return found;
  for (std::size_t m = 0; m < plan.operations.size(); ++m) {
    const Operation& message = plan.operations[m];
    if (!is_message(plan, message)) continue;
    const Place& sender = plan.places[static_cast<std::size_t>(message.first_place)];
    EXPECT_EQ(sender.stream, Stream::send);
    for (std::size_t i = 0; i < plan.operations.size(); ++i) {
      const Place& place = plan.places[static_cast<std::size_t>(plan.operations[i].first_place)];
      if (place.rank != sender.rank || place.stream != Stream::compute) continue;
      if (times.start[i] < times.end[m] && times.end[i] > times.start[m]) {
        ++(i < m ? found.before : found.after);
      }
    }
  }
  return found;
}

/// Rank 1 turns every micro-batch round in F + B and waits for its gradient to leave; F + c before
/// the first arrives, B after the last gradient has.
TEST(Messages, TwoStagesOfOneFOneBInClosedForm) {
  const Ground on = test::ground("llama-3.1-70b", "h100-sxm", 16, "layers: 2");
  for (const int m : {2, 4, 9}) {
    const Plan plan = dense_plan(on, m, "pipeline: 2 stage_layers: [1, 1]");
    const Times times = layered_times(plan);
    ASSERT_FALSE(times.end.empty());
    EXPECT_NEAR(*std::max_element(times.end.begin(), times.end.end()),
                1 + kMessage + m * (1 + 2 + kMessage) + 2, 1e-9);
  }
}

TEST(Messages, OfOneStageThereAreNone) {
  const Ground on = test::ground("llama-3.1-70b", "h100-sxm", 8, "layers: 2");
  const Plan plan = dense_plan(on, 4, "pipeline: 1");
  for (const Operation& operation : plan.operations) EXPECT_FALSE(is_message(plan, operation));
}

TEST(Messages, LeaveWhenTheChunkHasEndedAndAreWaitedFor) {
  for (const char* parallel :
       {"", "schedule: gpipe", "schedule: dual_pipe", "schedule: dual_pipe overlap: false"}) {
    SCOPED_TRACE(parallel);
    const Beside found = beside_messages(expert_plan(parallel));
    EXPECT_EQ(found.before, 0);
    EXPECT_EQ(found.after, 0);
  }
}

TEST(Messages, InterleavedGoesOnWithOverlapOnly) {
  const Ground on = test::ground("llama-3.1-70b", "h100-sxm", 16, "layers: 8");
  const std::string chunks = "pipeline: 2 schedule: interleaved virtual_stages: 2 ";
  EXPECT_GT(beside_messages(dense_plan(on, 4, chunks)).after, 0);
  const Beside waits = beside_messages(dense_plan(on, 4, chunks + "overlap: false"));
  EXPECT_EQ(waits.before, 0);
  EXPECT_EQ(waits.after, 0);
}

}  // namespace
}  // namespace aisle::workloads
