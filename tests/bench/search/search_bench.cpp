// SPDX-License-Identifier: Apache-2.0
// Estimates of all layouts of a study on one core: step time and memory of each layout that fits
// (evaluated_per_second; checks and layouts that do not fit cost their part of the time), and with
// the bound that leaves out what cannot be among the best.
#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/search.hpp"

#include <benchmark/benchmark.h>

#include <ctime>
#include <string>

namespace {

using aisle::sim::SearchCounts;
using aisle::sim::SearchOptions;

constexpr const char* kGpt3 =
    "cluster { accelerator: \"a100-80gb-sxm\" count: 4096 system: \"dgx-a100\" } workload { "
    "training { model: \"gpt-3-175b\" sequence: 2048 global_batch: 4096 } }";

void estimate(benchmark::State& state, const std::string& text, bool prune) {
  aisle::Diagnostics diagnostics;
  aisle::sim::Study study;
  study.scenario = std::make_unique<aisle::pb::Scenario>();
  aisle::read_text(text, "bench", *study.scenario, study.places, diagnostics);
  const auto catalogue =
      aisle::topology::Catalogue::read(aisle::sim::scenarios_root(), diagnostics);
  if (!catalogue || diagnostics.has_errors()) {
    state.SkipWithError("the study does not load");
    return;
  }
  SearchOptions options;
  options.threads = 1;
  options.rerank = 0;
  options.limit = 0;
  options.prune_by_bound = prune;
  SearchCounts counts;
  double core_s = 0;  // of processor time, which other work on the machine does not add to
  for (auto _ : state) {
    const std::clock_t started = std::clock();
    const auto outcome = aisle::sim::search(study, *catalogue, options, diagnostics);
    counts = outcome->counts;
    core_s = static_cast<double>(std::clock() - started) / CLOCKS_PER_SEC;
    state.SetIterationTime(core_s);
  }
  state.counters["enumerated"] = static_cast<double>(counts.enumerated);
  state.counters["evaluated"] = static_cast<double>(counts.estimated);
  state.counters["evaluated_per_second"] = static_cast<double>(counts.estimated) / core_s;
}

BENCHMARK_CAPTURE(estimate, gpt3_4096_all, std::string(kGpt3), false)
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime();
BENCHMARK_CAPTURE(estimate, gpt3_4096_bounded, std::string(kGpt3), true)
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime();

}  // namespace
