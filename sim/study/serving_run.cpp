// SPDX-License-Identifier: Apache-2.0
// A stream of requests through replicas of a serving engine: what run() and check() do for it.
#include "sim/study/serving_run.hpp"

#include "sim/study/result.pb.h"
#include "sim/study/workload_runs.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace aisle::sim {

namespace {

/// Blocks of the cache of one attention group.
std::int64_t blocks_of(const ServingPool& pool, const workloads::ServingMemory& memory) {
  const double tokens = pool.host.limits.cache_tokens > 0
                            ? pool.host.limits.cache_tokens
                            : memory.cache / (memory.cache_per_token + memory.window_per_token);
  return static_cast<std::int64_t>(tokens / pool.policy.block_tokens);
}

}  // namespace

PlayedServing play(const PreparedServing& prepared, const topology::Catalogue& catalogue) {
  const ServingPool& pool = prepared.pools.front();
  PlayedServing played;
  const StepTimes times(pool.job, *pool.cluster, catalogue, pool.host);
  const workloads::ServingMemory memory = times.memory();
  if (!memory.fits()) {
    played.misfit = memory.misfit();
    return played;
  }
  workloads::EnginePolicy policy = pool.policy;
  policy.blocks = blocks_of(pool, memory);
  played.blocks.push_back(policy.blocks);
  played.run = workloads::serve(
      *prepared.stream, policy, pool.replicas, prepared.router,
      [&times](const workloads::ServingStep& step) { return times.time(step).si(); });
  const auto add = [&](const std::vector<std::string>& notes) {
    played.caveats.insert(played.caveats.end(), notes.begin(), notes.end());
  };
  add(prepared.stream->caveats);
  add(times.kernels().caveats());
  add(pool.cluster->notes());
  if (memory.window > 0) { add({"Layers with a window are given cache as if they had none."}); }
  return played;
}

bool run_serving(const Study& study, const topology::Catalogue& catalogue, const RunOptions&,
                 pb::Result& result, Diagnostics& diagnostics) {
  const auto prepared = prepare_serving(study, catalogue, diagnostics);
  if (!prepared) return false;
  const PlayedServing played = play(*prepared, catalogue);
  result.set_feasible(played.misfit.empty());
  result.set_reason(played.misfit);
  if (!result.feasible()) return true;
  measure(*prepared, played, result);
  record(*prepared, played, result);
  result.set_operations(played.run.steps);
  for (const std::string& note : played.caveats) result.add_caveat(note);
  return true;
}

std::optional<std::vector<std::string>> check_serving(const Study& study,
                                                      const topology::Catalogue& catalogue,
                                                      Diagnostics& diagnostics) {
  const auto prepared = prepare_serving(study, catalogue, diagnostics);
  if (!prepared) return std::nullopt;
  const auto counted = [](int count, const char* thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
  };
  std::vector<std::string> lines;
  for (const ServingPool& pool : prepared->pools) {
    if (lines.empty()) lines.push_back(describe(*pool.cluster));
    lines.push_back(fmt::format("{} requests to {} of {}", prepared->stream->requests.size(),
                                counted(pool.replicas, "replica"),
                                counted(pool.job.layout.accelerators(), "accelerator")));
  }
  return lines;
}

}  // namespace aisle::sim
