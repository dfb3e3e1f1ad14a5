// SPDX-License-Identifier: Apache-2.0
// The analytic engine in process, as a search would call it: a scenario already read, to its
// metrics. Placing, folding, timing, executing and measuring are included; reading files is not.
#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <benchmark/benchmark.h>

#include <string>

namespace {

void run_in_process(benchmark::State& state, const std::string& name) {
  aisle::Diagnostics diagnostics;
  const auto study = aisle::sim::load(name, {"engine=analytic"}, diagnostics);
  const auto catalogue =
      aisle::topology::Catalogue::read(aisle::sim::scenarios_root(), diagnostics);
  if (!study || !catalogue) {
    state.SkipWithError("the study does not load");
    return;
  }
  for (auto _ : state) {
    const auto result = aisle::sim::run(*study, *catalogue, {}, diagnostics);
    benchmark::DoNotOptimize(result);
  }
}

BENCHMARK_CAPTURE(run_in_process, deepseek_v3_h800, std::string("deepseek-v3-h800"))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_in_process, llama3_405b_h100, std::string("llama3-405b-h100"))
    ->Unit(benchmark::kMillisecond);

}  // namespace
