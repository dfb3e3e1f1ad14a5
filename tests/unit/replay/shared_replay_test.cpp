// SPDX-License-Identifier: Apache-2.0
// Recorded traces beside the repository, where they are present, replayed as they were.
#include "tests/unit/replay/hand_trace.hpp"
#include "workloads/traces/read.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace aisle::workloads::traces {
namespace {

namespace fs = std::filesystem;

const fs::path& recorded() {
  static const fs::path folder = AISLE_SOURCE_DIR "/../shared/data/kernel-traces/kineto";
  return folder;
}

/// Total within 1 %, and no execution reordered on any stream; in fact each starts to the
/// nanosecond as recorded.
void expect_given_back(const Trace& trace, Ranks ranks, double bound) {
  const ReplayPlan replay = plan_of(trace, ranks);
  const auto times =
      test::times_of(trace, replay, sim::execute_analytic(test::as_recorded(replay)));
  if (times.end.empty()) return;
  const double span = *std::max_element(times.end.begin(), times.end.end());
  EXPECT_NEAR(span, replay.span.si(), bound * replay.span.si());
  std::size_t moved = 0;
  std::map<Index, double> last;
  std::vector<Index> order;
  for (std::size_t e = 0; e < trace.device.size(); ++e) {
    if (replay.operation_of_event[e] >= 0) order.push_back(static_cast<Index>(e));
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    moved += std::abs(times.start[i] - times.recorded_start[i]) > 2e-9 ? 1 : 0;
    const Index stream = trace.device[static_cast<std::size_t>(order[i])].stream;
    const auto [found, is_new] = last.try_emplace(stream, times.start[i]);
    if (!is_new) {
      EXPECT_GE(times.start[i], found->second - 1e-9) << "event " << order[i];
      found->second = times.start[i];
    }
  }
  EXPECT_TRUE(ranks == Ranks::coupled || moved == 0) << moved;
}

TEST(RecordedReplay, OntoItself) {
  if (!fs::exists(recorded())) GTEST_SKIP() << "no recorded traces in ../shared";
  for (const fs::directory_entry& entry : fs::directory_iterator(recorded())) {
    SCOPED_TRACE(entry.path().filename().string());
    Diagnostics diagnostics;
    const auto trace = read_trace({entry.path().string()}, diagnostics);
    ASSERT_TRUE(trace.has_value());
    expect_given_back(*trace, Ranks::apart, 1e-6);
  }
}

TEST(RecordedReplay, SeveralRanks) {
  if (!fs::exists(recorded())) GTEST_SKIP() << "no recorded traces in ../shared";
  std::vector<std::string> files;
  for (int r = 0; r < 8; ++r) {
    files.push_back((recorded() / ("dlrm8_v100_rank" + std::to_string(r) + ".json.gz")).string());
  }
  Diagnostics diagnostics;
  const auto trace = read_trace(files, diagnostics);
  ASSERT_TRUE(trace.has_value());
  expect_given_back(*trace, Ranks::apart, 1e-6);
  expect_given_back(*trace, Ranks::coupled, 0.01);
}

}  // namespace
}  // namespace aisle::workloads::traces
