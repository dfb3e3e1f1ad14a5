// SPDX-License-Identifier: Apache-2.0
// Recorded traces beside the repository, where they are at hand: every record is accounted for, and
// kernels are as many as the data's own notes say.
#include "tests/unit/trace_formats/import_text.hpp"

#include <algorithm>
#include <filesystem>

namespace aisle::workloads::traces {
namespace {

namespace fs = std::filesystem;

const fs::path kTraces = fs::path(AISLE_SOURCE_DIR) / ".." / "shared" / "data" / "kernel-traces";

std::int64_t kernels_of(const Trace& trace) {
  return std::count_if(trace.device.begin(), trace.device.end(), [](const DeviceEvent& event) {
    return event.activity == Activity::kernel || event.activity == Activity::communication;
  });
}

struct Expected {
  const char* file;
  Format format;
  std::int64_t kernels;
  std::int64_t ranks;
};

class SharedTrace : public testing::TestWithParam<Expected> {};

TEST_P(SharedTrace, IsAccountedFor) {
  const Expected& expected = GetParam();
  const fs::path path = kTraces / expected.file;
  if (!fs::exists(path)) GTEST_SKIP() << "no " << path;
  Diagnostics diagnostics;
  const auto trace = read_trace({path.string()}, diagnostics);
  for (const Diagnostic& said : diagnostics.all()) {
    EXPECT_NE(said.severity, Severity::error) << to_string(said);
  }
  ASSERT_TRUE(trace);
  ASSERT_FALSE(trace->ranks.empty());
  EXPECT_EQ(trace->ranks.front().format, expected.format);
  EXPECT_EQ(static_cast<std::int64_t>(trace->ranks.size()), expected.ranks);
  EXPECT_GT(trace->accounting.imported, 0);
  expect_accounted(*trace);
  EXPECT_EQ(kernels_of(*trace), expected.kernels);
}

INSTANTIATE_TEST_SUITE_P(Nsys, SharedTrace,
                         testing::Values(Expected{"nsys/wan21_dit_2xh100_before.sqlite.gz",
                                                  Format::nsys_sqlite, 4010, 2},
                                         Expected{"nsys/t5_fp32_encoder_2xh100.sqlite.gz",
                                                  Format::nsys_sqlite, 3442, 2},
                                         Expected{"nsys/dsocr_rtx5090_cuda_gpu_kern_sum.csv.gz",
                                                  Format::nsys_kernel_sum, 0, 1}));

INSTANTIATE_TEST_SUITE_P(
    Ncu, SharedTrace,
    testing::Values(Expected{"ncu/attn_bert_flashattn_a100_ncu.csv.gz", Format::ncu, 10, 1},
                    Expected{"ncu/attn_gpt2_torch_a100_ncu.csv.gz", Format::ncu, 26, 1},
                    Expected{"ncu/dsocr_gemv_rtx5090_ncu.metrics.csv.gz", Format::ncu, 1, 1},
                    Expected{"ncu/dsocr_gemv_rtx5090_ncu.details.csv.gz", Format::ncu, 1, 1}));

INSTANTIATE_TEST_SUITE_P(
    Ascend, SharedTrace,
    testing::Values(
        Expected{"ascend/alexnet_ddp2_rank0_kernel_details.csv.gz", Format::ascend_kernels, 191, 1},
        Expected{"ascend/alexnet_ddp2_rank1_kernel_details.csv.gz", Format::ascend_kernels, 191, 1},
        Expected{"ascend/qwen3_0.6b_megatron_pp2dp2_rank0_kernel_details.csv.gz",
                 Format::ascend_kernels, 2463, 1},
        Expected{"ascend/qwen3_0.6b_megatron_pp2dp2_rank0_op_statistic.csv.gz",
                 Format::ascend_operators, 0, 1},
        Expected{"ascend/alexnet_ddp2_rank0_step_trace_time.csv.gz", Format::ascend_steps, 0, 1},
        Expected{"ascend/qwen3_0.6b_megatron_pp2dp2_rank0_step_trace_time.csv.gz",
                 Format::ascend_steps, 0, 1}));

INSTANTIATE_TEST_SUITE_P(
    AscendCommunication, SharedTrace,
    testing::Values(Expected{"ascend/alexnet_ddp2_rank0_communication.json.gz",
                             Format::ascend_collectives, 4, 1},
                    Expected{"ascend/alexnet_ddp2_rank1_communication.json.gz",
                             Format::ascend_collectives, 4, 1},
                    Expected{"ascend/qwen3_0.6b_megatron_pp2dp2_rank0_communication.json.gz",
                             Format::ascend_collectives, 15, 1},
                    Expected{"ascend/qwen3_0.6b_megatron_pp2dp2_rank0_communication_matrix.json.gz",
                             Format::ascend_collectives, 0, 1}));

INSTANTIATE_TEST_SUITE_P(
    Chakra, SharedTrace,
    testing::Values(
        Expected{"chakra/resnet50_ddp_host_device_v1.0.1.et.gz", Format::chakra, 896, 1},
        Expected{"chakra/small_chakra.json.gz", Format::chakra_json, 1, 1},
        Expected{"chakra/synthetic_mlp_modelparallel.0.et.gz", Format::chakra, 29, 1},
        Expected{"chakra/synthetic_mlp_modelparallel.1.et.gz", Format::chakra, 29, 1},
        Expected{"chakra/pytorch_et_1.0.1_dlrm8_rank0.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.0.1_dlrm8_rank1.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.0.1_dlrm8_rank2.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.0.1_dlrm8_rank3.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.0.1_dlrm8_rank4.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.0.1_dlrm8_rank5.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.0.1_dlrm8_rank6.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.0.1_dlrm8_rank7.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.0.2_allgather.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.1.0_gpt2_train.json.gz", Format::pytorch_et, 0, 1},
        Expected{"chakra/pytorch_et_1.1.1_pt2.json.gz", Format::pytorch_et, 0, 1}));

INSTANTIATE_TEST_SUITE_P(
    Jax, SharedTrace,
    testing::Values(
        Expected{"jax-nsys/pax_fsdp4_a100_rank0_gpu_proj.csv.gz", Format::jax_nvtx, 13827, 1},
        Expected{"jax-nsys/pax_fsdp4_a100_rank1_gpu_proj.csv.gz", Format::jax_nvtx, 13824, 1},
        Expected{"jax-nsys/pax_fsdp4_a100_rank2_gpu_proj.csv.gz", Format::jax_nvtx, 13824, 1},
        Expected{"jax-nsys/pax_fsdp4_a100_rank3_gpu_proj.csv.gz", Format::jax_nvtx, 13824, 1}));

}  // namespace
}  // namespace aisle::workloads::traces
