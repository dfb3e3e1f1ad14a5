// SPDX-License-Identifier: Apache-2.0
// Recorded traces beside the repository, where they are present.
#include "workloads/traces/read.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

namespace aisle::workloads::traces {
namespace {

namespace fs = std::filesystem;

const fs::path& recorded() {
  static const fs::path folder = AISLE_SOURCE_DIR "/../shared/data/kernel-traces";
  return folder;
}

std::int64_t accounted(const Accounting& accounting) {
  std::int64_t sum = accounting.imported;
  for (const Unused& lost : accounting.unused) sum += lost.count;
  return sum;
}

struct Count {
  std::int64_t kernels = 0, memory = 0;
};

Count count(const Trace& trace) {
  Count counted;
  for (const DeviceEvent& event : trace.device) {
    const bool memory = event.activity == Activity::copy || event.activity == Activity::fill;
    ++(memory ? counted.memory : counted.kernels);
  }
  return counted;
}

TEST(RecordedKineto, EveryFileIsImportedToTheLastEvent) {
  if (!fs::exists(recorded() / "kineto")) GTEST_SKIP() << "no recorded traces in ../shared";
  // Kernels by the list of the recordings.
  const std::map<std::string, std::int64_t> kernels = {
      {"deepseek_v3_train_h800_ep64", 963},
      {"gptoss120b_vllm_tp8_b200_prefill888", 768},
      {"gptoss20b_vllm_mi300x_decode32", 425},
      {"qwen3_8b_sglang_mi300x_prefill15360", 527},
      {"qwen15_05b_fwd_h100_b16s559", 1465},
      {"timesformer_fwd_h100", 446},
      {"bert_small_fwd_h100", 60},
      {"bert_small_fwd_mi300x", 60},
      {"resnet_ddp8_mi300x_rccl", 2995},
      {"torch_compile_triton_mi300x", 12},
      {"resnet_ddp2_a100_nccl_meta", 2700},
      {"dlrm8_a100_alltoall_rank3", 8568},
      {"recsys128_sampled_rank0", 1154},
      {"recsys128_sampled_rank1", 1104},
      {"resnet_v100_nsres", 4350},
      {"alexnet_a100_cuda_sync", 79},
      {"cuda_event_sync_multistream", 3},
      {"triton_example", 1},
      {"toy_train_mi250", 14},
      {"no_gpu_events_rank", 0},
      {"legacy2021_resnet50_v100dgxs", 8868},
  };
  int files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(recorded() / "kineto")) {
    const std::string file = entry.path().filename().string();
    SCOPED_TRACE(file);
    Diagnostics diagnostics;
    const auto trace = read_trace({entry.path().string()}, diagnostics);
    ASSERT_TRUE(trace);
    ++files;
    EXPECT_TRUE(diagnostics.all().empty());
    EXPECT_EQ(trace->accounting.events, accounted(trace->accounting));
    const auto known = kernels.find(file.substr(0, file.find('.')));
    if (known != kernels.end()) { EXPECT_EQ(count(*trace).kernels, known->second); }
    for (const DeviceEvent& event : trace->device) ASSERT_GE(event.start_ns, 0);
  }
  EXPECT_GT(files, 20);
}

TEST(RecordedKineto, EightRanksComeOnOneClock) {
  if (!fs::exists(recorded() / "kineto")) GTEST_SKIP() << "no recorded traces in ../shared";
  std::vector<std::string> files;
  for (int rank = 0; rank < 8; ++rank) {
    files.push_back(
        (recorded() / "kineto" / ("dlrm8_v100_rank" + std::to_string(rank) + ".json.gz")).string());
  }
  Diagnostics diagnostics;
  const auto trace = read_trace(files, diagnostics);
  ASSERT_TRUE(trace);
  EXPECT_TRUE(diagnostics.all().empty());
  ASSERT_EQ(trace->ranks.size(), 8U);
  for (int i = 0; i < 8; ++i) {
    const Rank& rank = trace->ranks[static_cast<std::size_t>(i)];
    EXPECT_EQ(rank.number, i);
    EXPECT_EQ(rank.world, 8);
    // All on one host, with stamps of whole microseconds: the true shift is 0.
    EXPECT_LE(std::abs(rank.clock_shift_ns), 3000);
    if (i > 0) {
      EXPECT_GT(rank.clock_error_ns, 0);
      EXPECT_LT(rank.clock_error_ns, 5000);
    }
  }
}

TEST(RecordedKineto, TraceViewOfAscend) {
  const fs::path file = recorded() / "ascend" / "alexnet_ddp2_rank0_trace_view.json.gz";
  if (!fs::exists(file)) GTEST_SKIP() << "no recorded traces in ../shared";
  Diagnostics diagnostics;
  const auto trace = read_trace({file.string()}, diagnostics);
  ASSERT_TRUE(trace);
  EXPECT_TRUE(diagnostics.all().empty());
  EXPECT_EQ(trace->ranks.at(0).format, Format::ascend_trace_view);
  EXPECT_EQ(trace->accounting.events, accounted(trace->accounting));
  EXPECT_EQ(count(*trace).kernels, 191);  // as kernel_details.csv of the same rank has rows
  EXPECT_EQ(count(*trace).memory, 24);
  const auto of_ops = std::count_if(trace->device.begin(), trace->device.end(),
                                    [](const DeviceEvent& event) { return event.op != kNone; });
  EXPECT_EQ(of_ops, 210);  // as many arrows lead from operators
}

TEST(RecordedKineto, TrainingStepOfDeepSeek) {
  const fs::path file = recorded() / "kineto" / "deepseek_v3_train_h800_ep64.json.gz";
  if (!fs::exists(file)) GTEST_SKIP() << "no recorded traces in ../shared";
  Diagnostics diagnostics;
  const auto trace = read_trace({file.string()}, diagnostics);
  ASSERT_TRUE(trace);
  EXPECT_EQ(count(*trace).memory, 20);
  EXPECT_EQ(trace->ranks.at(0).device, "NVIDIA H800");
  EXPECT_EQ(trace->ranks.at(0).cores, 132);
  EXPECT_EQ(trace->ranks.at(0).world, 64);
  EXPECT_TRUE(std::all_of(trace->device.begin(), trace->device.end(),
                          [](const DeviceEvent& event) { return event.launch != kNone; }));
  std::int64_t first = INT64_MAX, last = 0;
  for (const DeviceEvent& event : trace->device) {
    first = std::min(first, event.start_ns);
    last = std::max(last, event.start_ns + event.duration_ns);
  }
  EXPECT_NEAR(static_cast<double>(last - first), 129.0e6, 0.1e6);
}

}  // namespace
}  // namespace aisle::workloads::traces
