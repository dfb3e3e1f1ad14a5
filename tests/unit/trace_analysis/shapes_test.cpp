// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/trace_analysis/made.hpp"
#include "workloads/traces/describe.hpp"

#include <gtest/gtest.h>

namespace {

using namespace aisle;
using namespace aisle::workloads;
using namespace aisle::workloads::traces;
using tests::MadeTrace;

constexpr const char* kBf16 = "c10::BFloat16";

Kernel only(MadeTrace& made, ShapeFrom from) {
  const std::vector<Described> out = describe(made.done(), nullptr);
  EXPECT_EQ(out.at(0).from, from) << to_string(out.at(0).from);
  return out.at(0).kernel;
}

TEST(Shapes, OfAProductComeFromItsOperands) {
  MadeTrace made;
  made.kernel("nvjet_tst_128x256", 0, 1000);
  made.launched_by("aten::addmm", {{{512}, kBf16}, {{4096, 1024}, kBf16}, {{1024, 512}, kBf16}});
  const Kernel kernel = only(made, ShapeFrom::operands);
  EXPECT_EQ(kernel.m, 4096);
  EXPECT_EQ(kernel.n, 512);
  EXPECT_EQ(kernel.k, 1024);
  EXPECT_DOUBLE_EQ(kernel.flops.si(), 2.0 * 4096 * 512 * 1024);
  EXPECT_DOUBLE_EQ(kernel.hbm_bytes.si(), 2.0 * (4096 * 1024 + 1024 * 512 + 4096 * 512));
}

TEST(Shapes, OfABatchOfProductsCountTheWeightsOfEach) {
  MadeTrace made;
  made.kernel("ampere_sgemm_128x128_nn", 0, 1000);
  made.launched_by("aten::bmm", {{{16, 128, 64}, "float"}, {{16, 64, 256}, "float"}});
  const Kernel kernel = only(made, ShapeFrom::operands);
  EXPECT_EQ(kernel.m, 16 * 128);
  EXPECT_EQ(kernel.groups, 16);
  EXPECT_DOUBLE_EQ(kernel.flops.si(), 2.0 * 16 * 128 * 256 * 64);
  EXPECT_DOUBLE_EQ(kernel.hbm_bytes.si(), 4.0 * 16 * (128 * 64 + 64 * 256 + 128 * 256));
}

TEST(Shapes, OfWeightGradientsAreToldFromTheOtherProduct) {
  MadeTrace made;
  made.parent("AddmmBackward0");
  made.kernel("nvjet_tst_128x256", 0, 1000);
  made.launched_by("aten::mm", {{{4096, 512}, kBf16}, {{512, 1024}, kBf16}});
  made.kernel("nvjet_tst_128x256", 2000, 1000);
  made.launched_by("aten::mm", {{{512, 4096}, kBf16}, {{4096, 1024}, kBf16}});
  const std::vector<Described> out = describe(made.done(), nullptr);
  EXPECT_EQ(out[0].kernel.direction, Direction::dgrad);
  EXPECT_EQ(out[1].kernel.direction, Direction::wgrad);
  EXPECT_EQ(out[1].kernel.k, 4096);
}

TEST(Shapes, GoToTheProductAndNotToTheSumOfItsParts) {
  MadeTrace made;
  made.kernel("ampere_sgemm_128x128_nn", 0, 1000);
  made.launched_by("aten::mm", {{{64, 4096}, "float"}, {{4096, 64}, "float"}});
  made.kernel("void splitKreduce_kernel<float, float>(P)", 1000, 2000);
  made.same_operator();
  const std::vector<Described> out = describe(made.done(), nullptr);
  EXPECT_EQ(out[0].from, ShapeFrom::operands);
  EXPECT_EQ(out[1].from, ShapeFrom::none);
}

TEST(Shapes, OfExpertsComeOneAfterTheOther) {
  MadeTrace made;
  const std::vector<Operands::Tensor> inputs = {
      {{100, 2048}, kBf16}, {{8, 1536, 2048}, kBf16}, {{8, 2048, 768}, kBf16}, {{100, 2}, "float"}};
  made.kernel("fused_moe_kernel", 0, 1000);
  made.launched_by("vllm::outplace_fused_experts", inputs);
  made.kernel("fused_moe_kernel", 1000, 1000);
  made.same_operator();
  const std::vector<Described> out = describe(made.done(), nullptr);
  EXPECT_EQ(out[0].kernel.m, 200);
  EXPECT_EQ(out[0].kernel.n, 1536);
  EXPECT_EQ(out[0].kernel.k, 2048);
  EXPECT_EQ(out[0].kernel.groups, 8);
  EXPECT_EQ(out[1].kernel.n, 2048);
  EXPECT_EQ(out[1].kernel.k, 768);
}

TEST(Shapes, OfAttentionCountWhatACausalQuerySees) {
  MadeTrace made;
  made.kernel("void pytorch_flash::flash_fwd_kernel<T>(P)", 0, 1000);
  made.launched_by(
      "aten::_scaled_dot_product_flash_attention",
      {{{2, 32, 1024, 128}, kBf16}, {{2, 8, 1024, 128}, kBf16}, {{2, 8, 1024, 128}, kBf16}},
      R"(["", "", "", "0.", "True", "False", ""])");
  const Kernel kernel = only(made, ShapeFrom::operands);
  EXPECT_EQ(kernel.m, 2048);
  EXPECT_EQ(kernel.n, 256);
  EXPECT_EQ(kernel.k, 32);
  EXPECT_DOUBLE_EQ(kernel.flops.si(), 2.0 * 2048 * 512 * 256 * 32);
  EXPECT_DOUBLE_EQ(kernel.hbm_bytes.si(), 2.0 * 2048 * (32 + 8) * 256);
}

TEST(Shapes, OfPackedAttentionComeFromTheBatchOfTheAnnotation) {
  MadeTrace made;
  made.kernel("void flash::flash_fwd_splitkv_kernel<T>(P)", 100, 1000);
  made.launched_by(
      "vllm::unified_attention_with_output",
      {{{32, 8, 64}, kBf16}, {{32, 1, 64}, kBf16}, {{32, 1, 64}, kBf16}, {{32, 8, 64}, kBf16}}, "",
      50);
  Annotation step;
  step.start_ns = 0;
  step.duration_ns = 5000;
  step.thread = 0;
  step.name = made.trace.texts.id(
      "execute_32_context_0(sq0sk0sqsq0sqsk0)_generation_32(sq32sk64000sqsq32sqsk64000)");
  made.trace.annotations.push_back(step);
  const Kernel kernel = only(made, ShapeFrom::annotation);
  EXPECT_EQ(kernel.m, 32);
  EXPECT_DOUBLE_EQ(kernel.flops.si(), 2.0 * (64000 - 16) * 128 * 8);
  EXPECT_DOUBLE_EQ(kernel.hbm_bytes.si(), 128 * 2.0 * (32 * 8 + 64000));
}

TEST(Shapes, OfElementwiseKernelsComeFromOperandsOrTheGrid) {
  MadeTrace made;
  const char* name =
      "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>"
      ", std::array<char*, 3ul> >(int)";
  made.kernel(name, 0, 1000);
  made.launched_by("aten::add", {{{1000, 512}, kBf16}, {{1000, 512}, kBf16}, {{}, "Scalar"}});
  made.kernel(name, 2000, 1000);
  made.trace.launches.push_back({{1000, 1, 1}, {128, 1, 1}, 0, 0});
  made.last().detail = 0;
  const std::vector<Described> out = describe(made.done(), nullptr);
  EXPECT_EQ(out[0].from, ShapeFrom::operands);
  EXPECT_EQ(out[1].from, ShapeFrom::grid);
  EXPECT_DOUBLE_EQ(out[0].kernel.hbm_bytes.si(), 3.0 * 2 * 512'000);
  EXPECT_DOUBLE_EQ(out[1].kernel.hbm_bytes.si(), 3.0 * 2 * 512'000);
}

TEST(Shapes, StayUnknownWhereNothingTells) {
  MadeTrace made;
  made.kernel("nvjet_tst_128x256", 0, 1000);
  const Kernel kernel = only(made, ShapeFrom::none);
  EXPECT_EQ(kernel.family, Family::gemm);
  EXPECT_EQ(kernel.m, 0);
}

TEST(Shapes, OfHostileOperandsAreNotBelieved) {
  for (const std::int64_t edge : {std::int64_t{0}, std::int64_t{-5}, std::int64_t{1} << 62}) {
    MadeTrace made;
    made.kernel("nvjet_tst_128x256", 0, 1000);
    made.launched_by("aten::mm", {{{edge, edge}, kBf16}, {{edge, edge}, kBf16}});
    only(made, ShapeFrom::none);
  }
}

TEST(BesideCommunication, CountsTransfersAndNotWaiting) {
  MadeTrace made;
  made.kernel("nvjet_tst_128x256", 0, 1000);
  made.kernel("void deep_ep::internode::notify_dispatch<false, 8>(P)", 0, 400, 1);
  made.kernel("void deep_ep::internode::dispatch<false, 8>(P)", 400, 300, 1);
  made.kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL(P)", 600, 200, 1);
  const std::vector<double> shares = beside_communication(made.done());
  EXPECT_DOUBLE_EQ(shares[0], 0.4);
  EXPECT_DOUBLE_EQ(shares[2], 0);
}

}  // namespace
