// SPDX-License-Identifier: Apache-2.0
#include "sim/study/kernel_tables.hpp"

#include "sim/study/calibrate.hpp"
#include "sim/study/validate.hpp"
#include "workloads/serving/kernel_shapes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

namespace aisle::sim {
namespace {

using workloads::busiest_rank;
using workloads::dense_product;
using workloads::ExpertLoad;

using workloads::Direction;
using workloads::Family;

const topology::Catalogue& catalogue() {
  static const std::optional<topology::Catalogue> read = [] {
    Diagnostics diagnostics;
    return topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return *read;
}

KernelTable table_of(const std::string& text, Diagnostics& diagnostics,
                     const std::string& file = "t.csv") {
  const auto csv = parse_csv(text, file, diagnostics);
  EXPECT_TRUE(csv.has_value());
  return csv ? read_kernel_table(*csv, catalogue(), diagnostics) : KernelTable{};
}

TEST(KernelTables, ProductsByFormat) {
  Diagnostics diagnostics;
  const KernelTable table = table_of(
      "system,dtype,m,n,k,latency_ms\n"
      "h100_sxm,fp8_block,64,4096,7168,0.0123\n"
      "b200_sxm,nvfp4,1,512,256,0.002\n",
      diagnostics);
  EXPECT_EQ(table.layout, "aic_gemm");
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].accelerator, "h100-sxm");
  EXPECT_EQ(table.rows[0].kernel.precision, topology::Precision::fp8);
  EXPECT_DOUBLE_EQ(table.rows[0].kernel.flops.si(), 2.0 * 64 * 4096 * 7168);
  EXPECT_NEAR(table.rows[0].time.in(units::us), 12.3, 1e-9);
  EXPECT_EQ(table.rows[1].accelerator, "b200-sxm");
  EXPECT_EQ(table.rows[1].kernel.precision, topology::Precision::fp4);
  EXPECT_TRUE(diagnostics.all().empty());
}

TEST(KernelTables, BadCellsAreLocatedAndTheirLinesLost) {
  Diagnostics diagnostics;
  const KernelTable table = table_of(
      "system,dtype,m,n,k,latency_ms\n"
      "h100_sxm,bfloat16,64,x,7168,0.0123\n"
      "h100_sxm,bfloat16,64,4096,7168,inf\n"
      "h100_sxm,bfloat16,64,4096,7168,0.0123\n",
      diagnostics);
  EXPECT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.unused, 2);
  ASSERT_EQ(diagnostics.all().size(), 2u);
  EXPECT_THAT(to_string(diagnostics.all()[0]), testing::HasSubstr("t.csv:2:"));
  EXPECT_THAT(to_string(diagnostics.all()[1]), testing::HasSubstr("t.csv:3:"));
}

TEST(KernelTables, LatentDecodeReadsTheCacheOnce) {
  Diagnostics diagnostics;
  const KernelTable table = table_of(
      "system,phase,dtype,kv_dtype,heads,batch,q_len,kv_step,latency_ms\n"
      "h100_sxm,generation,bfloat16,fp8,128,32,1,4095,0.1\n",
      diagnostics);
  ASSERT_EQ(table.rows.size(), 1u);
  const workloads::Kernel& kernel = table.rows[0].kernel;
  EXPECT_EQ(kernel.family, Family::mla_decode);
  EXPECT_DOUBLE_EQ(kernel.flops.si(), 2.0 * 32 * 128 * (576 + 512) * 4096);
  EXPECT_NEAR(kernel.hbm_bytes.si(), 32.0 * 4096 * 576 + 32.0 * 128 * (576 * 2 + 512 * 2), 1);
  EXPECT_EQ(kernel.groups, 32);
}

TEST(KernelTables, TheNameOfAFileTellsTheDevice) {
  Diagnostics diagnostics;
  const KernelTable table = table_of(
      "tp,tokens,n_head,n_kv_head,n_embd,n_ffn,attn_pre_proj_ms,input_layernorm_ms\n"
      "2,128,64,8,8192,28672,0.11,0.008\n",
      diagnostics, "dir/vidur_a100_some_model.csv");
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].accelerator, "a100-80gb-sxm");
  EXPECT_EQ(table.rows[0].kernel.n, (64 + 2 * 8) * 128 / 2);
  EXPECT_EQ(table.rows[1].kernel.family, Family::norm);
}

TEST(KernelTables, TheNameOfAFileTellsModelAndSplit) {
  Diagnostics diagnostics;
  const KernelTable table = table_of(
      "phase,batch,prefill_chunk,kv_len,median_ms\n"
      "decode,8,0,1023,0.03\n"
      "prefill,1,512,256,0.05\n"
      "warm-up,1,512,256,0.05\n",
      diagnostics, "own_h100_llama31_70b_tp4_attention.csv");
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.unused, 1);
  const workloads::Kernel& decode = table.rows[0].kernel;
  EXPECT_EQ(table.rows[0].accelerator, "h100-sxm");
  EXPECT_EQ(decode.family, Family::attention_decode);
  EXPECT_EQ(decode.k, 64 / 4);
  EXPECT_DOUBLE_EQ(decode.flops.si(), 2.0 * 8 * 1024 * (128 + 128) * 16);
  EXPECT_NEAR(table.rows[0].time.in(units::us), 30, 1e-9);
  EXPECT_EQ(table.rows[1].kernel.family, Family::attention);
  EXPECT_EQ(table.rows[1].kernel.m, 512);
}

TEST(KernelTables, AscendLayoutsTellTheDirection) {
  Diagnostics diagnostics;
  const std::string head =
      "Type,Accelerator Core,Duration(us),Input Shapes,Input Data Types,Output Shapes,"
      "Output Data Types\n";
  const KernelTable table = table_of(head +
                                         "MatMulV3,AI_CORE,100,\"\"\"4096,512;2048,512\"\"\",DT_"
                                         "BF16;DT_BF16,\"\"\"4096,2048\"\"\",DT_BF16\n" +
                                         "MatMulV3,AI_CORE,100,\"\"\"4096,2048;2048,512\"\"\",DT_"
                                         "BF16;DT_BF16,\"\"\"4096,512\"\"\",DT_BF16\n" +
                                         "MatMulV3,AI_CORE,100,\"\"\"4096,2048;4096,512\"\"\",DT_"
                                         "BF16;DT_BF16,\"\"\"2048,512\"\"\",DT_BF16\n",
                                     diagnostics);
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0].kernel.direction, Direction::forward);
  EXPECT_EQ(table.rows[1].kernel.direction, Direction::dgrad);
  EXPECT_EQ(table.rows[2].kernel.direction, Direction::wgrad);
  for (const KernelRow& row : table.rows) {
    EXPECT_DOUBLE_EQ(row.kernel.flops.si(), 2.0 * 4096 * 2048 * 512);
  }
}

TEST(ExpertLoads, BalancedAndSkewed) {
  const ExpertLoad even = busiest_rank(1024, 8, 256, 32, 0);
  EXPECT_DOUBLE_EQ(even.rows, 256);
  EXPECT_DOUBLE_EQ(even.active, 8);
  EXPECT_DOUBLE_EQ(busiest_rank(1, 8, 256, 32, 0).active, 1);
  const ExpertLoad skewed = busiest_rank(1024, 8, 256, 32, 1.2);
  EXPECT_GT(skewed.rows, 1.5 * even.rows);
  EXPECT_LE(skewed.active, 8);
  EXPECT_DOUBLE_EQ(busiest_rank(1024, 8, 256, 32, 1.2).rows, skewed.rows);
}

TEST(Calibrate, RejectsWhatNoChipCanDo) {
  KernelRow row;
  row.kernel = dense_product(topology::Precision::bf16, 8192, 8192, 8192, {});
  row.time = 1.0 * units::us;
  const topology::Accelerator chip = accelerator_of("h100-sxm", catalogue());
  EXPECT_EQ(impossible(row, chip), "above the peak of operations");
  row.time = 10.0 * units::ms;
  EXPECT_EQ(impossible(row, chip), "");
}

/// A table of a made-up chip's products at 0.7 of the peak and 0.8 of HBM, with 3 us.
std::string recorded(const std::string& path) {
  std::string text =
      "device,library,family,direction,dtype,m,n,k,groups,batch,heads,kv_heads,head_dim,q_len,"
      "kv_len,bytes,time_us,p10_us,p90_us,clock_mhz,power_w\n";
  for (int n = 256; n <= 16384; n *= 2) {
    for (int k = 256; k <= 16384; k *= 2) {
      for (int m = 1; m <= 16384; m *= 4) {
        const double flops = 2.0 * m * n * k,
                     bytes = 2.0 * (1.0 * m * k + 1.0 * n * k + 1.0 * m * n);
        const double us = 3 + 1e6 * std::max(flops / (989e12 * 0.7), bytes / (3.35e12 * 0.8));
        text += fmt::format("H200,mine,gemm,forward,bf16,{},{},{},,,,,,,,{},{},,,,\n", m, n, k,
                            bytes, us);
      }
    }
  }
  std::ofstream(path) << text;
  return path;
}

TEST(Calibrate, RecordingsOfOnesOwnMakeACurve) {
  const std::string path = recorded(testing::TempDir() + "recorded.csv");
  Diagnostics diagnostics;
  const auto run = calibrate({{path}, "h200-sxm", {}}, catalogue(), diagnostics);
  ASSERT_TRUE(run.has_value());
  ASSERT_EQ(run->fitted.size(), 1u);
  EXPECT_LT(run->fitted[0].held_out_median_error(), 0.02);
  EXPECT_EQ(run->fitted[0].variant(), "mine");
  EXPECT_TRUE(run->calibration.has_collectives() || run->calibration.has_borrows_from())
      << "what was known of the chip stays";
  EXPECT_THAT(calibration_text(run->calibration), testing::HasSubstr("correction {"));
  const auto usual = calibrate({{path}, "h200-sxm", {"mine"}}, catalogue(), diagnostics);
  ASSERT_TRUE(usual.has_value());
  EXPECT_FALSE(usual->calibration.curve(0).has_variant());
  EXPECT_FALSE(calibrate({{path}, "no such chip", {}}, catalogue(), diagnostics).has_value());
}

TEST(Validate, ScoresTablesOfKernels) {
  const std::string path = recorded(testing::TempDir() + "scored.csv");
  ValidateOptions options;
  options.ledgers = {path};
  options.kind = "gemm";
  Diagnostics diagnostics;
  const auto validation = validate(options, catalogue(), diagnostics);
  ASSERT_TRUE(validation.has_value());
  EXPECT_GT(validation->expressed, 300);
  EXPECT_EQ(validation->rows.front().accelerator, "h200-sxm");
  EXPECT_EQ(validation->rows.front().reason, "extrapolated");
  EXPECT_LT(validation->all.median, 0.5);
}

}  // namespace
}  // namespace aisle::sim
