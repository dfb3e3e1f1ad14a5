// SPDX-License-Identifier: Apache-2.0
// The synthetic trace that is shipped, and that it reads as what it is meant to be. To write it
// anew after a change of its writer: AISLE_UPDATE_GOLDEN=1.
#include "tests/unit/replay/hand_trace.hpp"
#include "tests/unit/replay/synthetic_trace.hpp"
#include "workloads/traces/read.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aisle::workloads::traces {
namespace {

constexpr const char* kShipped = AISLE_SOURCE_DIR "/scenarios/traces/synthetic-moe-chunk.json";

TEST(SyntheticTrace, IsWhatItsWriterWrites) {
  const std::string text = test::synthetic_trace();
  if (std::getenv("AISLE_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(std::filesystem::path(kShipped).parent_path());
    std::ofstream(kShipped) << text;
  }
  std::stringstream shipped;
  shipped << std::ifstream(kShipped).rdbuf();
  EXPECT_EQ(shipped.str(), text);
}

TEST(SyntheticTrace, KernelsAreKnown) {
  Diagnostics diagnostics;
  const auto trace = read_trace({kShipped}, diagnostics);
  ASSERT_TRUE(trace.has_value());
  EXPECT_FALSE(diagnostics.has_errors());
  int communication = 0, dispatches = 0;
  for (const DeviceEvent& event : trace->device) {
    EXPECT_TRUE(trace->class_of(event).known) << trace->name_of(event);
    communication += event.activity == Activity::communication;
    dispatches +=
        event.activity == Activity::communication && event.detail != kNone &&
        trace->collectives[static_cast<std::size_t>(event.detail)].kind == CollectiveKind::dispatch;
  }
  EXPECT_EQ(communication, 13);
  EXPECT_GE(dispatches, 4);
  EXPECT_EQ(trace->ranks.front().world, 64);
}

TEST(SyntheticTrace, IsGivenBack) {
  Diagnostics diagnostics;
  const auto trace = read_trace({kShipped}, diagnostics);
  ASSERT_TRUE(trace.has_value());
  const ReplayPlan replay = plan_of(*trace, Ranks::apart);
  EXPECT_GT(replay.deduced, 0);
  const auto times =
      test::times_of(*trace, replay, sim::execute_analytic(test::as_recorded(replay)));
  for (std::size_t e = 0; e < times.start.size(); ++e) {
    EXPECT_NEAR(times.start[e], times.recorded_start[e], 1e-9);
  }
}

}  // namespace
}  // namespace aisle::workloads::traces
