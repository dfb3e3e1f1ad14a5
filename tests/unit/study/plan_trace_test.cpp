// SPDX-License-Identifier: Apache-2.0
// The plan of a step, written for other simulators and read back.
#include "sim/study/plan_trace.hpp"

#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"
#include "tests/command.hpp"
#include "workloads/traces/read.hpp"
#include "workloads/traces/write_chakra.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

namespace aisle::sim {
namespace {

namespace traces = workloads::traces;

constexpr const char* kStudy = R"(
engine: analytic
cluster { accelerator: "h100-sxm" count: 16 }
workload { training { model: "llama-3.1-8b" sequence: 8192 global_batch: 16 micro_batch: 1
                      parallel { tensor: 4 pipeline: 2 data: 2 zero: 1 } } }
)";

/// Rank, start, duration, kind of communication (-1: none), bytes.
using Line = std::tuple<std::int32_t, std::int64_t, std::int64_t, int, std::int64_t>;

std::vector<Line> lines_of(const traces::Trace& trace) {
  std::vector<Line> lines;
  for (const traces::DeviceEvent& event : trace.device) {
    int kind = -1;
    std::int64_t bytes = 0;
    if (event.activity == traces::Activity::communication && event.detail != traces::kNone) {
      const auto& call = trace.collectives[static_cast<std::size_t>(event.detail)];
      kind = static_cast<int>(call.kind);
      bytes = call.bytes;
    }
    const auto rank = trace.ranks[static_cast<std::size_t>(event.rank)].number;
    lines.emplace_back(rank, event.start_ns, event.duration_ns, kind, bytes);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST(PlanTrace, ChakraReadsBackAsItWasWritten) {
  const tests::Folder folder;
  Diagnostics diagnostics;
  const auto catalogue = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  const auto study = load(folder.write("study.textproto", kStudy), {}, diagnostics);
  ASSERT_TRUE(catalogue && study);
  std::optional<traces::Trace> written;
  RunOptions options;
  options.fold = false;
  options.executed = [&](const TimedPlan& timed, const Execution& execution) {
    written = trace_of(timed, execution);
  };
  const auto result = run(*study, *catalogue, options, diagnostics);
  ASSERT_TRUE(result && written);
  EXPECT_EQ(written->ranks.size(), 16U);
  std::vector<std::string> paths;
  for (std::size_t r = 0; r < written->ranks.size(); ++r) {
    paths.push_back((folder / ("trace." + std::to_string(r) + ".et")).string());
    ASSERT_TRUE(
        traces::write_chakra(*written, static_cast<traces::Index>(r), paths.back(), diagnostics));
  }
  const auto read = traces::read_trace(paths, diagnostics);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->ranks.size(), 16U);
  const std::vector<Line> before = lines_of(*written), after = lines_of(*read);
  ASSERT_EQ(before.size(), after.size());
  EXPECT_EQ(before, after);
  // Members of a group are all there, and the step ends when the last event does.
  for (const traces::Group& group : written->groups) {
    EXPECT_EQ(static_cast<std::size_t>(group.size), group.ranks.size());
  }
  std::int64_t end = 0;
  for (const traces::DeviceEvent& event : read->device) {
    end = std::max(end, event.start_ns + event.duration_ns);
  }
  EXPECT_NEAR(static_cast<double>(end) * 1e-9, result->metric(0).value(), 1e-6);
}

}  // namespace
}  // namespace aisle::sim
