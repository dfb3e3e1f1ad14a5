// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/classify.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace aisle::workloads;
using aisle::topology::Precision;
using traces::classify;
using traces::KernelClass;

struct Named {
  const char* name;
  Family family;
};

class Compute : public testing::TestWithParam<Named> {};

TEST_P(Compute, HasItsFamily) {
  const KernelClass found = classify(GetParam().name);
  EXPECT_TRUE(found.known) << GetParam().name;
  EXPECT_FALSE(found.communication);
  EXPECT_EQ(found.family, GetParam().family) << GetParam().name << ": " << to_string(found.family);
}

INSTANTIATE_TEST_SUITE_P(
    Names, Compute,
    testing::Values(
        Named{"nvjet_tst_128x256_64x4_1x2_h_bz_coopA_TNT", Family::gemm},
        Named{"ampere_bf16_s16816gemm_bf16_128x256_ldg8_f2f_stages_64x3_tn", Family::gemm},
        Named{"void cublasLt::splitKreduce_kernel<32, 16, int, float>(Params)", Family::gemm},
        Named{"void deep_gemm::fp8_gemm_kernel<7168u, 2048u, 128u>(float*)", Family::gemm},
        Named{"void deep_gemm::sm90_m_grouped_fp8_gemm_impl<4096u>(float*)", Family::grouped_gemm},
        Named{"fused_moe_kernel", Family::grouped_gemm},
        Named{"void moe_align_block_size_kernel<int>(int*)", Family::router},
        Named{"void vllm::moe::topkGatingSoftmax<8, 128>(float const*)", Family::router},
        Named{"void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64> >(Params)",
              Family::attention},
        Named{"void flash::flash_fwd_splitkv_kernel<Traits>(Params)", Family::attention_decode},
        Named{"void flash::flash_fwd_splitkv_mla_kernel<Traits>(Params)", Family::mla_decode},
        Named{"void flashinfer::BatchDecodeWithPagedKVCacheKernel<128>(P)",
              Family::attention_decode},
        Named{"fmhaSm100aKernel_QkvBfloat16OBfloat16H128PagedKvCausalVarSeqQ128Kv128",
              Family::attention},
        Named{"void layer_norm::ln_fwd_kernel<Kernel_traits<__nv_bfloat16, 7168u> >(P)",
              Family::norm},
        Named{"triton_red_fused_add_mean_mul_pow_rsqrt_3", Family::norm},
        Named{"triton_poi_fused_mul_silu_1", Family::elementwise},
        Named{"void transformer_engine::cast_transpose_kernel<8>(P)", Family::transpose},
        Named{"_per_token_group_quant_fp8", Family::cast},
        Named{"void multi_tensor_apply_kernel<TensorListMetadata<4>, AdamFunctor<float> >(int)",
              Family::optimizer},
        Named{"void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float>, "
              "std::array<char*, 1ul> >(int)",
              Family::copy},
        Named{"Cijk_Alik_Bljk_HHS_BH_MT128x128x32_MI32x32x8x1_SN", Family::gemm},
        Named{"_ZN7ck_tile6kentryILi1ENS_13FmhaFwdKernelINS_28BlockFmhaPipelineQRKSVSAsync",
              Family::attention},
        Named{"aclnnMatmul_MatMulV3Common_MatMulV3", Family::gemm},
        Named{"FlashAttentionScoreGrad", Family::attention}, Named{"RmsNorm", Family::norm},
        Named{"Add12", Family::elementwise}, Named{"trans_TransData_7", Family::transpose},
        Named{"TSL:Thunk:#name=jit(f)/lm/dot_general[p=None],hlo_op=custom-call.3#", Family::gemm},
        Named{"TSL:Thunk:#hlo_op=loop_convert_fusion.2#", Family::cast},
        Named{"input_reduce_fusion_14", Family::reduction},
        Named{"Memcpy HtoD (Pinned -> Device)", Family::copy}));

struct Spoken {
  const char* name;
  CollectiveKind kind;
  bool rendezvous;
};

class Communicates : public testing::TestWithParam<Spoken> {};

TEST_P(Communicates, HasItsKind) {
  const KernelClass found = classify(GetParam().name);
  EXPECT_TRUE(found.known && found.communication) << GetParam().name;
  EXPECT_TRUE(found.collective_known);
  EXPECT_EQ(found.collective, GetParam().kind);
  EXPECT_EQ(found.rendezvous, GetParam().rendezvous);
}

INSTANTIATE_TEST_SUITE_P(
    Names, Communicates,
    testing::Values(
        Spoken{"ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
               CollectiveKind::reduce_scatter, false},
        Spoken{"ncclSymkDevKernel_AllReduce_AGxLL_R_sum_bf16", CollectiveKind::all_reduce, false},
        Spoken{"void deep_ep::internode::dispatch<false, 8, false, 8>(int4*)",
               CollectiveKind::dispatch, false},
        Spoken{"void deep_ep::internode::notify_dispatch<false, 8>(int const*)",
               CollectiveKind::dispatch, true},
        Spoken{"void deep_ep::internode_ll::combine<false, 7168, 9>(void*)",
               CollectiveKind::combine, false},
        Spoken{"void vllm::cross_device_reduce_1stage<__nv_bfloat16, 8>(vllm::RankData*)",
               CollectiveKind::all_reduce, false},
        Spoken{"hcom_allGather__097_6_1", CollectiveKind::all_gather, false},
        Spoken{"all-reduce-start.3", CollectiveKind::all_reduce, false}));

TEST(Classify, LeavesToMetadataWhatTheNameDoesNotSay) {
  for (const char* name : {"ncclDevKernel_Generic(ncclDevKernelArgsStorage<4096ul>)",
                           "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<4096ul>)"}) {
    const KernelClass found = classify(name);
    EXPECT_TRUE(found.communication);
    EXPECT_FALSE(found.collective_known) << name;
  }
}

TEST(Classify, TakesPrecisionFromTheOperandsNotTheArguments) {
  EXPECT_EQ(classify("nvjet_qqtst_128x128").precision, Precision::fp8);
  EXPECT_EQ(classify("nvjet_sm100_hsh_128x128").precision, Precision::fp16);
  EXPECT_EQ(classify("bmm_Bfloat16_E2m1E2m1_Fp32_t128x16").precision, Precision::fp4);
  EXPECT_EQ(classify("Cijk_Alik_Bljk_BBS_BH_MT64x64x64").precision, Precision::bf16);
  EXPECT_EQ(classify("void cutlass::Kernel<cutlass_80_tensorop_s1688gemm_128x64_nt>(P)").precision,
            Precision::tf32);
  EXPECT_EQ(classify("void scale_kernel<c10::BFloat16>(c10::Float8_e4m3fn*, float)").precision,
            Precision::bf16);
  EXPECT_EQ(classify("volta_sgemm_128x64_tn").precision, Precision::fp32);
}

TEST(Classify, TakesDirectionFromWordsOfTheBackwardPass) {
  EXPECT_EQ(classify("void flash::flash_bwd_dq_dk_dv_loop_kernel<T>(P)").direction,
            Direction::dgrad);
  EXPECT_EQ(classify("sm80_xmma_wgrad_implicit_gemm_tf32f32").direction, Direction::wgrad);
  EXPECT_FALSE(classify("nvjet_tst_128x256").direction_known);
}

TEST(Classify, KnowsNothingOfStrangeNames) {
  for (const std::string& name : {std::string(), std::string("zzz"), std::string(100'000, '<'),
                                  std::string(100'000, ')'), std::string("\xff\x80\0(", 4)}) {
    EXPECT_FALSE(classify(name).known);
  }
}

}  // namespace
