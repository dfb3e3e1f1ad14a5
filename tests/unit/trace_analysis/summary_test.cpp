// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/summary.hpp"

#include "tests/unit/trace_analysis/made.hpp"

#include <gtest/gtest.h>

namespace {

using namespace aisle;
using namespace aisle::workloads;
using namespace aisle::workloads::traces;
using tests::MadeTrace;

Summary summary_of(MadeTrace& made) {
  Trace& trace = made.done();
  return summarise(trace, describe(trace, nullptr));
}

double ns(Seconds time) {
  return time.in(units::ns);
}

TEST(Summary, SplitsTheTimeOfADevice) {
  MadeTrace made;
  made.kernel("nvjet_tst_128x256", 0, 1000);
  made.kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL(P)", 800, 600, 1);
  made.kernel("void deep_ep::internode::notify_dispatch<false, 8>(P)", 1400, 100, 1);
  made.kernel("nvjet_tst_128x256", 2000, 1000);
  const Summary summary = summary_of(made);
  ASSERT_EQ(summary.devices.size(), 1U);
  const DeviceTime& device = summary.devices[0];
  EXPECT_NEAR(ns(device.span), 3000, 1e-6);
  EXPECT_NEAR(ns(device.busy), 2500, 1e-6);
  EXPECT_NEAR(ns(device.compute), 2000, 1e-6);
  EXPECT_NEAR(ns(device.communication), 700, 1e-6);
  EXPECT_NEAR(ns(device.waiting), 100, 1e-6);
  EXPECT_NEAR(ns(device.exposed), 500, 1e-6);
  EXPECT_NEAR(ns(device.idle), 500, 1e-6);
  EXPECT_FALSE(device.late_launches.has_value());
  EXPECT_NEAR(ns(*summary.span), 3000, 1e-6);
}

TEST(Summary, TellsLateLaunchesFromOtherIdleTime) {
  MadeTrace made;
  made.kernel("nvjet_tst_128x256", 100, 100);
  made.launched_by("aten::mm", {}, "", 10);
  made.kernel("nvjet_tst_128x256", 202, 100);  // queued: 2 ns gap
  made.launched_by("aten::mm", {}, "", 20);
  made.kernel("nvjet_tst_128x256", 500, 100);  // launched at 480
  made.launched_by("aten::mm", {}, "", 480);
  made.kernel("nvjet_tst_128x256", 650, 100);  // waited for something else
  made.launched_by("aten::mm", {}, "", 490);
  const Summary summary = summary_of(made);
  const DeviceTime& device = summary.devices.at(0);
  EXPECT_NEAR(ns(device.idle), 2 + 198 + 50, 1e-6);
  EXPECT_NEAR(ns(*device.late_launches), 198, 1e-6);
  EXPECT_EQ(device.queued, 2);
}

TEST(Summary, SumsFamiliesAndNamesAndSaysWhatIsUnknown) {
  MadeTrace made;
  made.kernel("nvjet_tst_128x256", 0, 1000);
  made.kernel("zzz", 1000, 300);
  made.kernel("zzz", 1400, 300);
  const Summary summary = summary_of(made);
  ASSERT_EQ(summary.families.size(), 2U);
  EXPECT_EQ(summary.families[0].family, "gemm");
  EXPECT_EQ(summary.families[1].family, "unknown");
  EXPECT_EQ(summary.families[1].count, 2);
  EXPECT_NEAR(ns(summary.kernels), 1600, 1e-6);
  EXPECT_EQ(summary.names[1].name, "zzz");
}

TEST(Summary, RatesCollectivesByTheirFastestCall) {
  MadeTrace made;
  made.trace.groups.push_back({"1", "tensor", 4, {}});
  CollectiveCall call;
  call.kind_known = true;
  call.bytes = 8'000'000;
  call.group = 0;
  made.trace.collectives.push_back(call);
  for (const std::int64_t duration : {300'000, 100'000, 200'000}) {
    made.kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL(P)", duration * 10, duration, 1);
    made.last().detail = 0;
  }
  const Summary summary = summary_of(made);
  ASSERT_EQ(summary.collectives.size(), 1U);
  const CollectiveTime& all_reduce = summary.collectives[0];
  EXPECT_EQ(all_reduce.kind, "all_reduce");
  EXPECT_EQ(all_reduce.group, "tensor");
  EXPECT_EQ(all_reduce.count, 3);
  EXPECT_NEAR(ns(all_reduce.fastest), 100'000, 1e-3);
  EXPECT_NEAR(ns(all_reduce.median), 200'000, 1e-3);
  EXPECT_NEAR(all_reduce.bus->in(units::GB / units::s), 80.0 * 1.5, 1e-9);
}

TEST(Summary, ListsStepsOnceAndPrefersTheDevicesSpans) {
  MadeTrace made;
  made.kernel("nvjet_tst_128x256", 0, 1000);
  Annotation step;
  step.name = made.trace.texts.id("ProfilerStep#3");
  step.step = true;
  step.thread = 0;
  step.start_ns = 0;
  step.duration_ns = 400;
  made.trace.annotations.push_back(step);
  step.thread = kNone;
  step.stream = 0;
  step.start_ns = 100;
  step.duration_ns = 900;
  made.trace.annotations.push_back(step);
  const Summary summary = summary_of(made);
  ASSERT_EQ(summary.steps.size(), 1U);
  EXPECT_NEAR(ns(summary.steps[0].time), 900, 1e-6);
  EXPECT_TRUE(summary.annotations.empty());
}

TEST(Summary, WorksOnTotalsAndOnNothing) {
  MadeTrace made;
  KernelTotal total;
  total.name = made.trace.texts.id("nvjet_tst_128x256");
  total.count = 7;
  total.total_ns = 700;
  made.trace.totals.push_back(total);
  made.done();
  made.trace.classes[total.name] = classify("nvjet_tst_128x256");
  const Summary summary = summarise(made.trace, {});
  EXPECT_FALSE(summary.span.has_value());
  EXPECT_TRUE(summary.devices.empty());
  ASSERT_EQ(summary.families.size(), 1U);
  EXPECT_EQ(summary.families[0].count, 7);

  const Trace empty;
  EXPECT_TRUE(summarise(empty, {}).families.empty());
}

}  // namespace
