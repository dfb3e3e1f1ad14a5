// SPDX-License-Identifier: Apache-2.0
// Serving, event by event on one core: requests per second of the recorded Azure conversations on
// four replicas, how much faster than real time 64 replicas go, the recorded Mooncake conversations
// on a disaggregated cluster, and the memory of requests in flight. Recorded streams lie beside the
// repository; without them these entries are skipped.
#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/serving_run.hpp"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <malloc.h>
#include <string>

namespace {

using aisle::sim::PreparedServing;

const std::string kTraces = AISLE_SOURCE_DIR "/../shared/data/request-traces/";

const aisle::topology::Catalogue& catalogue() {
  static const auto all = [] {
    aisle::Diagnostics diagnostics;
    return *aisle::topology::Catalogue::read(aisle::sim::scenarios_root(), diagnostics);
  }();
  return all;
}

/// Plays a study again and again, with its tables of times anew each time.
void play(benchmark::State& state, const std::string& trace, const std::string& text) {
  if (!trace.empty() && !std::filesystem::exists(kTraces + trace)) {
    state.SkipWithError("no recorded stream here");
    return;
  }
  aisle::Diagnostics diagnostics;
  aisle::sim::Study study;
  study.scenario = std::make_unique<aisle::pb::Scenario>();
  aisle::read_text(text, "bench", *study.scenario, study.places, diagnostics);
  if (!trace.empty()) {
    study.scenario->mutable_workload()->mutable_serving()->mutable_requests()->set_trace(kTraces +
                                                                                         trace);
  }
  const auto prepared = aisle::sim::prepare_serving(study, catalogue(), diagnostics);
  if (!prepared) {
    state.SkipWithError(to_string(diagnostics.all().front()).c_str());
    return;
  }
  double simulated = 0, requests = 0, steps = 0;
  for (auto _ : state) {
    const auto played = aisle::sim::play(*prepared, fleet_times(*prepared, catalogue()));
    simulated += played.run.end_s;
    requests += static_cast<double>(played.run.outcomes.size());
    steps += static_cast<double>(played.run.total().steps);
  }
  using benchmark::Counter;
  state.counters["requests_per_s"] = Counter(requests, Counter::kIsRate);
  state.counters["steps_per_s"] = Counter(steps, Counter::kIsRate);
  state.counters["times_real_time"] = Counter(simulated, Counter::kIsRate);
}

/// Bytes for each request that waits or runs, beside its row of the result.
void memory_in_flight(benchmark::State& state) {
  using namespace aisle::workloads;
  constexpr int kRequests = 20000;
  RequestStream stream;
  stream.requests.resize(kRequests);
  for (Request& request : stream.requests) {
    request.prompt = 1000;
    request.output = 200;
  }
  EnginePolicy policy;
  policy.blocks = std::int64_t{kRequests} * 80;
  policy.sequences = kRequests;
  policy.step_tokens = kRequests * 2000;
  FleetPlan plan;
  plan.pools.push_back({policy, 1, 1, 1, [](const ServingStep&) { return 1.0; }, {}, {}});
  double bytes = 0;
  for (auto _ : state) {
    const auto before = static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd);
    int steps = 0;
    FleetHooks hooks;
    hooks.step = [&](const FleetStep&) {
      if (++steps != 20) return;
      const auto now = static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd);
      bytes = (now - before) / kRequests - sizeof(RequestOutcome);
    };
    serve(stream, plan, hooks);
  }
  state.counters["bytes_per_request"] = bytes;
}

const std::string kLlama = R"(workload { serving {
  model: "llama-3.1-70b" parallel { tensor: 4 }
  requests { )";

BENCHMARK_CAPTURE(play, azure_llama70b, "azure2023_conv_first.csv",
                  "cluster { accelerator: \"h100-sxm\" count: 16 } " + kLlama + "} } }")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(play, drawn_64_replicas, "",
                  "cluster { accelerator: \"h100-sxm\" count: 256 } " + kLlama +
                      "rate: 200 count: 100000 prompt { mean: 1200 spread: 1.2 } "
                      "output { mean: 200 spread: 0.9 } } } }")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(play, mooncake_deepseek_352, "mooncake_fast25_conversation_first.jsonl", R"(
cluster { accelerator: "h800-sxm" count: 352 }
workload { serving {
  model: "deepseek-v3" precision: "fp8" router: prefix_aware
  requests { speed_up: 4 }
  engine { profile: "sglang" block_tokens: 64 host_cache: "200 GB" drafts {} }
  pools { prefill { replicas: 2 parallel { tensor: 4 data: 8 expert: 32 two_batches: true } }
          decode { replicas: 2 parallel { data: 144 expert: 144 two_batches: true } } }
} })")
    ->Unit(benchmark::kMillisecond);
BENCHMARK(memory_in_flight)->Unit(benchmark::kMillisecond);

}  // namespace
