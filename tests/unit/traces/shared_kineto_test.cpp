// SPDX-License-Identifier: Apache-2.0
// Recorded traces beside the repository, where they are present.
#include "workloads/traces/read.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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
    std::int64_t launched = 0, of_ops = 0;
    for (const DeviceEvent& event : trace->device) {
      launched += event.launch != kNone;
      of_ops += event.op != kNone;
    }
    std::printf(
        "%-45s events %ld imported %ld device %zu launched %ld ops %ld deps %zu calls %zu "
        "operators %zu\n",
        file.c_str(), trace->accounting.events, trace->accounting.imported, trace->device.size(),
        launched, of_ops, trace->dependencies.size(), trace->calls.size(), trace->operators.size());
    for (auto& u : trace->accounting.unused) std::printf("     %ld %s\n", u.count, u.name.c_str());
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
    std::printf("%d shift %ld error %g\n", i, rank.clock_shift_ns, rank.clock_error_ns);
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
  std::int64_t launched = 0, of_ops = 0;
  for (const DeviceEvent& event : trace->device) {
    launched += event.launch != kNone;
    of_ops += event.op != kNone;
  }
  std::printf("launched %ld ops %ld\n", launched, of_ops);
  for (auto& u : trace->accounting.unused) std::printf("     %ld %s\n", u.count, u.name.c_str());
}

}  // namespace
}  // namespace aisle::workloads::traces
