// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/replay/synthetic_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace aisle::workloads::traces::test {

namespace {

class SyntheticTrace {
 public:
  explicit SyntheticTrace(const SyntheticOptions& options) : options_(options) {}

  std::string write() {
    for (int layer = 0; layer < options_.layers; ++layer) {
      attention_forward();
      exchange("dispatch", 4300);
      attention_forward();
      experts();
      exchange("combine", 6000);
      attention_backward();
      exchange("dispatch", 4300);
      experts();
      attention_backward();
    }
    if (options_.communication) sum_gradients();
    return fmt::format(
        "{{\"schemaVersion\": 1,\n\"deviceProperties\": [{{\"id\": 0, \"name\": \"NVIDIA H800\", "
        "\"totalGlobalMem\": 84943110144, \"numSms\": 132}}],\n\"distributedInfo\": {{\"backend\": "
        "\"nccl\", \"rank\": 0, \"world_size\": 64}},\n\"traceEvents\": [\n{}\n],\n\"traceName\": "
        "\"synthetic-moe-chunk\", \"displayTimeUnit\": \"ms\", \"baseTimeNanoseconds\": 0}}\n",
        fmt::join(events_, ",\n"));
  }

 private:
  static constexpr int kCompute = 7, kExchange = 27;

  void kernel(const std::string& name, double us, int stream = kCompute, int blocks = 4096,
              const std::string& more = "") {
    double& free = stream == kCompute ? compute_ : exchange_;
    host_ += 40;
    const double start = std::max(free + 2, host_ + 6);
    ++correlation_;
    complete("cuda_runtime", "cudaLaunchKernel", 100, 100, host_, 4,
             fmt::format("\"correlation\": {}", correlation_));
    complete("kernel", name, 0, stream, start, us,
             fmt::format("\"device\": 0, \"stream\": {}, \"correlation\": {}, \"grid\": [{}, 1, "
                         "1], \"block\": [384, 1, 1]{}",
                         stream, correlation_, blocks, more));
    free = start + us;
  }

  void complete(const std::string& category, const std::string& name, int pid, int tid, double ts,
                double duration, const std::string& arguments) {
    events_.push_back(fmt::format(
        "{{\"ph\": \"X\", \"cat\": \"{}\", \"name\": \"{}\", \"pid\": {}, \"tid\": {}, \"ts\": "
        "{:.3f}, \"dur\": {:.3f}, \"args\": {{{}}}}}",
        category, name, pid, tid, ts * options_.stretch, duration * options_.stretch, arguments));
  }

  void wait_for(int waiting, int awaited) {
    host_ += 4;
    complete("cuda_runtime", "cudaStreamWaitEvent", 100, 100, host_, 1,
             fmt::format("\"correlation\": {}", ++correlation_));
    double& free = waiting == kCompute ? compute_ : exchange_;
    free = std::max(free, awaited == kCompute ? compute_ : exchange_);
  }

  /// A product in FP8 on 112 of 132 cores, with the cast of its input.
  void product(double us, int rows) {
    kernel("void deep_gemm::per_token_cast_to_fp8(__nv_bfloat16 const*, __nv_fp8_e4m3*)",
           0.02 * rows);
    kernel("void deep_gemm::fp8_gemm_kernel<128, 128, 128>(float*)", us, kCompute, 112);
  }

  void attention_forward() {
    kernel("void rms_norm_kernel<__nv_bfloat16>(__nv_bfloat16*)", 118);
    product(372, 4096);
    product(244, 4096);
    kernel("void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<192, 128, 128>>(params)", 1240);
    product(901, 4096);
  }

  void attention_backward() {
    product(927, 4096);
    kernel("void flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<traits<192>>(params)", 3780);
    product(374, 4096);
    kernel("void at::native::vectorized_elementwise_kernel<4, MulFunctor>(int)", 41);
    product(332, 4096);
  }

  void experts() {
    if (options_.communication) wait_for(kCompute, kExchange);
    kernel("void moe_permute_kernel<__nv_bfloat16>(int const*)", 192);
    kernel("void deep_gemm::fp8_m_grouped_gemm_kernel<128, 128, 128>(float*)", 1862, kCompute, 112);
    kernel("void silu_and_mul_kernel<__nv_bfloat16>(__nv_bfloat16*)", 139);
    kernel("void deep_gemm::fp8_m_grouped_gemm_kernel<128, 128, 128>(float*)", 1035, kCompute, 112);
    kernel("void moe_unpermute_kernel<__nv_bfloat16>(int const*)", 318);
  }

  void exchange(const std::string& kind, double us) {
    if (!options_.communication) return;
    wait_for(kExchange, kCompute);
    kernel("void deep_ep::internode::cached_notify<false>(int)", 300, kExchange, 20);
    kernel(fmt::format("void deep_ep::internode::{}<false, 8, __nv_bfloat16>(int4*)", kind), us,
           kExchange, 20);
  }

  void sum_gradients() {
    wait_for(kExchange, kCompute);
    kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)", 2300,
           kExchange, 16,
           ", \"Collective name\": \"allreduce\", \"In msg nelems\": 25000000, \"Out msg nelems\": "
           "25000000, \"Group size\": 64, \"dtype\": \"BFloat16\", \"Process Group Name\": \"0\", "
           "\"Process Group Description\": \"default_pg\"");
    wait_for(kCompute, kExchange);
    kernel("void multi_tensor_apply_kernel<FusedAdamMathFunctor<float>>(int)", 400);
  }

  SyntheticOptions options_;
  std::vector<std::string> events_;
  double host_ = 0, compute_ = 0, exchange_ = 0;
  int correlation_ = 1000;
};

}  // namespace

std::string synthetic_trace(const SyntheticOptions& options) {
  return SyntheticTrace(options).write();
}

}  // namespace aisle::workloads::traces::test
