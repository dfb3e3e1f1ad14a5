// SPDX-License-Identifier: Apache-2.0
// Cost of one training step of a DeepSeek-V3-like plan: 16 pipeline ranks, two micro-batches in
// flight on each, expert all-to-all beside computation, messages to both neighbours.
#include "sim/engine/engine.hpp"
#include "tests/analytic/engine/hand_made.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace aisle::sim {
namespace {

using namespace test;

HandMade overlapped_pipeline(int ranks, int steps) {
  HandMade made(ranks);
  std::vector<std::int32_t> compute, exchange;
  for (int i = 0; i < 10; ++i) {
    const double seconds = 300e-6 + 40e-6 * i;
    compute.push_back(made.compute(seconds, 132, hbm((0.3 + 0.06 * i) * seconds)));
    exchange.push_back(
        made.communicate(0.8 * seconds, 20, scale_out(0.7 * seconds, 0.15 * seconds)));
  }
  const std::int32_t message = made.communicate(60e-6, 2, scale_out(55e-6, 5e-6));
  // Last operation of each rank's two micro-batches.
  std::vector<std::array<std::int32_t, 2>> last(static_cast<std::size_t>(ranks), {-1, -1});
  const auto add = [&](std::int32_t work, std::vector<Place> places, int rank, int batch) {
    auto& before = last[static_cast<std::size_t>(rank)][static_cast<std::size_t>(batch)];
    std::vector<std::int32_t> after;
    if (before >= 0) after.push_back(before);
    before = made.plan.add(work, places, after, Phase::forward, batch);
  };
  for (int step = 0; step < steps; ++step) {
    const auto kind = static_cast<std::size_t>(step % 10);
    for (int half = 0; half < 2; ++half) {
      for (int r = 0; r < ranks; ++r) {
        const int batch = (step + half + (2 * r < ranks ? 0 : 1)) % 2;
        add(compute[kind], {at(r, Stream::compute)}, r, batch);
        add(exchange[kind], {at(r, Stream::collective)}, r, batch);
        const int next = 2 * r < ranks ? r + 1 : r - 1;
        if (half == 1) add(message, {at(r, Stream::send), at(next, Stream::receive)}, r, batch);
      }
    }
  }
  return made;
}

const HandMade& plan() {
  static const HandMade made = overlapped_pipeline(16, 500);
  return made;
}

void count(benchmark::State& state, const HandMade& made) {
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(made.plan.operations.size()));
}

void fold_plan(benchmark::State& state) {
  const HandMade& made = plan();
  for (auto _ : state) benchmark::DoNotOptimize(fold(made.plan));
  count(state, made);
}

void analytic(benchmark::State& state) {
  const HandMade& made = plan();
  const TimedPlan timed = made.timed();
  for (auto _ : state) benchmark::DoNotOptimize(execute_analytic(timed));
  count(state, made);
}

// The event engine runs once per process: the cost of the process is in the figure.
void event(benchmark::State& state) {
  const HandMade& made = plan();
  const TimedPlan timed = made.timed();
  for (auto _ : state) {
    const pid_t child = fork();
    if (child == 0) {
      execute_event(timed);
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (status != 0) state.SkipWithError("the event engine failed");
  }
  count(state, made);
}

BENCHMARK(fold_plan)->Unit(benchmark::kMillisecond);
BENCHMARK(analytic)->Unit(benchmark::kMillisecond);
BENCHMARK(event)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace aisle::sim

BENCHMARK_MAIN();
