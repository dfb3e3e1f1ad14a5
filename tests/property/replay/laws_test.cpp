// SPDX-License-Identifier: Apache-2.0
// Laws of replays on other machines.
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "tests/unit/replay/synthetic_trace.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace aisle::sim {
namespace {

using workloads::traces::test::SyntheticOptions;

const topology::Catalogue& catalogue() {
  static const auto read = [] {
    Diagnostics diagnostics;
    return topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return *read;
}

class Replays : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
  }

  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const SyntheticOptions& options, const std::string& name) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path) << workloads::traces::test::synthetic_trace(options);
    return path;
  }

  static std::map<std::string, double> replay(const std::string& trace,
                                              const std::vector<std::string>& fields,
                                              const std::string& engine = "analytic") {
    std::vector<FlagAssignment> all = {{"workload.replay.trace[0]=" + trace, ""},
                                       {"engine=" + engine, ""}};
    for (const std::string& field : fields) all.push_back({field, ""});
    Diagnostics diagnostics;
    const auto study = assemble("replay", all, diagnostics);
    std::map<std::string, double> metrics;
    const auto result =
        study ? run(*study, catalogue(), {}, diagnostics) : std::optional<pb::Result>();
    for (const Diagnostic& diagnostic : diagnostics.all()) ADD_FAILURE() << to_string(diagnostic);
    if (!result) return metrics;
    for (const pb::Metric& metric : result->metric()) metrics[metric.name()] = metric.value();
    return metrics;
  }

  static double time(const std::string& trace, const std::vector<std::string>& fields) {
    return replay(trace, fields)["replay_time_s"];
  }

  std::filesystem::path folder_;
};

const std::vector<std::string> kH800 = {"cluster.system=h800-node"};

TEST_F(Replays, OntoItself) {
  const std::string trace = write({}, "trace.json");
  auto metrics = replay(trace, {});
  EXPECT_NEAR(metrics["replay_time_s"], metrics["recorded_time_s"], 1e-9);
  // Re-timed for the machine it was recorded on: contention taken out and put back.
  EXPECT_NEAR(time(trace, kH800), metrics["recorded_time_s"], 0.01 * metrics["recorded_time_s"]);
}

TEST_F(Replays, ChipsOfOneDieAreEquallyFast) {
  const std::string trace = write({}, "trace.json");
  EXPECT_NEAR(time(trace, {"cluster.accelerator=h100-sxm"}), time(trace, kH800),
              0.01 * time(trace, kH800));
}

TEST_F(Replays, MoreBandwidthNeverHurts) {
  const std::string trace = write({}, "trace.json");
  double before = 1e9;
  for (const char* nic : {"100 Gb/s", "200 Gb/s", "400 Gb/s", "800 Gb/s", "1600 Gb/s"}) {
    auto fields = kH800;
    fields.push_back(std::string("cluster.scale_out.nic=") + nic);
    const double now = time(trace, fields);
    EXPECT_LE(now, before * (1 + 1e-9)) << nic;
    before = now;
  }
  before = 1e9;
  for (const char* hbm : {"2 TB/s", "3.35 TB/s", "4.8 TB/s", "8 TB/s"}) {
    auto fields = kH800;
    fields.push_back(std::string("cluster.what_if.hbm_bandwidth=") + hbm);
    const double now = time(trace, fields);
    EXPECT_LE(now, before * (1 + 1e-9)) << hbm;
    before = now;
  }
}

TEST_F(Replays, RanksThatNothingJoinsDoNotWait) {
  const std::string trace = write({2, false, 1}, "trace.json");
  const double one = time(trace, kH800);
  for (const int ranks : {128, 4096, 131072}) {
    auto fields = kH800;
    fields.push_back("workload.replay.ranks=" + std::to_string(ranks));
    EXPECT_NEAR(time(trace, fields), one, 1e-9) << ranks;
  }
}

TEST_F(Replays, MoreRanksAreNeverFaster) {
  const std::string trace = write({}, "trace.json");
  double before = 0;
  for (const int ranks : {64, 256, 2048, 16384}) {
    auto fields = kH800;
    fields.push_back("workload.replay.ranks=" + std::to_string(ranks));
    fields.emplace_back("workload.replay.group[0]=name: \"expert\" size: 64");
    const double now = time(trace, fields);
    EXPECT_GE(now, before * (1 - 1e-9)) << ranks;
    before = now;
  }
}

TEST_F(Replays, TwiceTheTimesTwiceTheReplay) {
  const std::string once = write({}, "once.json"), twice = write({2, true, 2}, "twice.json");
  EXPECT_NEAR(time(twice, {}), 2 * time(once, {}), 1e-7);
}

/// A trace without known kernels or launches: its time is that of bytes moved.
TEST_F(Replays, UnknownKernelsScaleByMemory) {
  const std::string path = (folder_ / "unknown.json").string();
  std::ofstream(path) << R"({"deviceProperties": [{"id": 0, "name": "NVIDIA H800", "numSms": 132,
    "totalGlobalMem": 84943110144}], "traceEvents": [
    {"ph": "X", "cat": "kernel", "name": "qqq", "pid": 0, "tid": 7, "ts": 0, "dur": 1003,
     "args": {"device": 0, "stream": 7, "correlation": 1}}]})";
  auto fields = kH800;
  fields.push_back("cluster.count=1");
  fields.push_back("cluster.speed_spread=0");
  EXPECT_NEAR(time(path, fields), 1003e-6, 1e-8);
  fields.push_back("cluster.what_if.hbm_bandwidth=6.7 TB/s");
  EXPECT_NEAR(time(path, fields), 503e-6, 1e-8);
}

TEST_F(Replays, InputErrorsAreLocated) {
  const auto errors = [](const std::vector<FlagAssignment>& fields) {
    Diagnostics diagnostics;
    const auto study = assemble("replay", fields, diagnostics);
    EXPECT_FALSE(study && run(*study, catalogue(), {}, diagnostics));
    return diagnostics.error_count();
  };
  const std::string trace = write({}, "trace.json");
  EXPECT_GT(errors({{"workload.replay.ranks=2", "--ranks 2"}}), 0);  // no trace
  EXPECT_GT(errors({{"workload.replay.trace[0]=/nowhere.json", ""}}), 0);
  EXPECT_GT(errors({{"workload.replay.trace[0]=" + trace, ""},
                    {"workload.replay.from=h801", "--from h801"}}),
            0);
  EXPECT_GT(errors({{"workload.replay.trace[0]=" + trace, ""},
                    {"workload.replay.model=nothing", "--model nothing"}}),
            0);
  EXPECT_GT(errors({{"workload.replay.trace[0]=" + trace, ""},
                    {"workload.replay.grow[0]=sideways", "--grow sideways"}}),
            0);
  EXPECT_GT(errors({{"workload.replay.trace[0]=" + trace, ""},
                    {"cluster.accelerator=h900", "--onto h900"}}),
            0);
}

}  // namespace
}  // namespace aisle::sim
