// SPDX-License-Identifier: Apache-2.0
// Cost of one kernel time, with and without a correction.
#include "tests/unit/kernels/support.hpp"

#include <benchmark/benchmark.h>

namespace aisle::sim {
namespace {

void run(benchmark::State& state, const std::string& variant) {
  const KernelModel h100(hopper("h100-sxm"), shipped_catalogue());
  std::int64_t m = 1;
  for (auto step : state) {
    m = m % 16384 + 1;
    const workloads::Kernel kernel = product(m, 4096, 7168);
    benchmark::DoNotOptimize(variant.empty() ? h100.time_of(kernel)
                                             : h100.time_of(kernel, variant));
  }
}

void formula(benchmark::State& state) {
  run(state, "");
}

void corrected(benchmark::State& state) {
  run(state, "trtllm bfloat16");
}

BENCHMARK(formula);
BENCHMARK(corrected);

}  // namespace
}  // namespace aisle::sim

BENCHMARK_MAIN();
