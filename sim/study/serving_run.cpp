// SPDX-License-Identifier: Apache-2.0
// A stream of requests through replicas of a serving engine: what run() and check() do for it.
#include "sim/study/serving_run.hpp"

#include "sim/study/result.pb.h"
#include "sim/study/serving_log.hpp"
#include "sim/study/workload_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace aisle::sim {

namespace {

using workloads::ServingStep;

/// The same pool with its drafter in place of the model.
workloads::ServingJob drafting(const ServingPool& pool) {
  workloads::ServingJob job = pool.job;
  job.model = pool.drafter.get();
  return job;
}

/// Bytes of a cached token, wherever its heads and layers lie.
Bytes whole_token(const ServingPool& pool) {
  workloads::ServingJob job = pool.job;
  job.layout = {};
  const auto memory = workloads::serving_memory(job, Bytes(), pool.host.limits);
  return memory.cache_per_token + memory.window_per_token;
}

workloads::PoolPlan plan_of(const ServingPool& pool, const PoolTimes& times) {
  workloads::PoolPlan plan;
  plan.policy = pool.policy;
  plan.policy.blocks = times.blocks();
  plan.policy.window = times.memory().window;
  plan.policy.windowed = times.memory().window_per_token / times.token_cache();
  plan.replicas = pool.replicas;
  plan.groups = pool.job.layout.data;
  plan.stages = pool.job.layout.pipeline;
  plan.scaling = pool.scaling;
  plan.clock = [&times](const ServingStep& step) { return times.time(step).si(); };
  const Bytes token = times.token_cache();
  plan.ways.network_s = (token / pool.network).si();
  plan.ways.host_s = (token / pool.host_link).si();
  plan.ways.pool_s = (token / pool.shared_link).si();
  plan.ways.host_tokens = static_cast<std::int64_t>(pool.host_cache / token);
  return plan;
}

/// Of a step's time, what its prompts added to that of generating alone.
double prompts_share(const ServingStep& step, const PoolTimes& times) {
  if (step.chunks.empty()) return 0;
  if (step.decoding == 0) return 1;
  ServingStep alone;
  alone.decoding = step.decoding;
  alone.tokens_each = step.tokens_each;
  alone.context = step.context;
  alone.sampled = step.decoding * step.tokens_each;
  return std::max(0.0, 1 - times.time(alone) / times.time(step));
}

/// Each once, where pools share them.
void add_caveats(const PreparedServing& prepared, const FleetTimes& times,
                 std::vector<std::string>& caveats) {
  const auto add = [&](const std::vector<std::string>& notes) {
    for (const std::string& note : notes) {
      if (std::find(caveats.begin(), caveats.end(), note) == caveats.end()) caveats.push_back(note);
    }
  };
  add(prepared.stream->caveats);
  for (std::size_t i = 0; i < times.size(); ++i) {
    add(times[i]->steps().kernels().caveats());
    add(prepared.pools[i].cluster->notes());
  }
}

}  // namespace

StepTimes ServingPool::times(const topology::Catalogue& catalogue) const {
  StepTimes times(job, *cluster, catalogue, host);
  if (power.cap != curve.limit) times.cap_power(curve, power.cap);
  return times;
}

PoolTimes::PoolTimes(const ServingPool& pool, const topology::Catalogue& catalogue)
    : block_tokens_(pool.policy.block_tokens),
      steps_(pool.times(catalogue)),
      memory_(steps_.memory()) {
  if (!pool.drafter) return;
  drafter_.emplace(drafting(pool), *pool.cluster, catalogue, pool.host);
  if (pool.power.cap != pool.curve.limit) drafter_->cap_power(pool.curve, pool.power.cap);
  // A prediction module has the model's own embedding and head.
  workloads::ModelGraph held = *pool.drafter;
  if (held.name == pool.job.model->name) held.vocabulary = 0;
  workloads::ServingJob job = drafting(pool);
  job.model = &held;
  const workloads::ServingMemory own = workloads::serving_memory(job, Bytes(), pool.host.limits);
  memory_.weights += own.weights;
  if (pool.host.limits.cache_tokens <= 0) memory_.cache -= own.weights;
  memory_.cache_per_token += own.cache_per_token;
  memory_.window_per_token += own.window_per_token;
}

Seconds PoolTimes::time(const ServingStep& step) const {
  Seconds sum = steps_.time(step);
  if (!drafter_) return sum;
  // Drafts come one after the other; prompts go through the drafter too.
  ServingStep own;
  if (step.decoding > 0) {
    own.decoding = own.sampled = step.decoding;
    own.context = step.context;
    sum += drafter_->device(own) * (step.tokens_each - 1);
  }
  if (step.chunks.empty()) return sum;
  own = {};
  own.chunks = step.chunks;
  return sum + drafter_->device(own);
}

std::int64_t PoolTimes::blocks() const {
  const double given = steps_.host().limits.cache_tokens;
  const double tokens = given > 0 ? given : memory_.cache / token_cache();
  return static_cast<std::int64_t>(tokens / block_tokens_);
}

FleetTimes fleet_times(const PreparedServing& prepared, const topology::Catalogue& catalogue) {
  FleetTimes times;
  for (const ServingPool& pool : prepared.pools) {
    times.push_back(std::make_unique<PoolTimes>(pool, catalogue));
  }
  return times;
}

PlayedServing play(const PreparedServing& prepared, const FleetTimes& times,
                   const ServingHooks& hooks) {
  PlayedServing played;
  workloads::FleetPlan plan;
  plan.router = prepared.router;
  plan.max_context = prepared.max_context;
  for (std::size_t i = 0; i < prepared.pools.size(); ++i) {
    const ServingPool& pool = prepared.pools[i];
    const workloads::ServingMemory& memory = times[i]->memory();
    if (!memory.fits()) {
      played.misfit = (pool.name.empty() ? "" : pool.name + ": ") + memory.misfit();
      return played;
    }
    plan.pools.push_back(plan_of(pool, *times[i]));
    played.blocks.push_back(plan.pools.back().policy.blocks);
  }
  const ServingPool& first = prepared.pools.front();
  plan.pool_tokens = static_cast<std::int64_t>(prepared.shared_cache / whole_token(first));
  plan.network_latency_s = first.cluster->scale_out().latency.si();
  plan.layers_sent = prepared.by_layer ? prepared.model->transformer_layers() : 0;
  workloads::FleetHooks told;
  told.stop = hooks.stop;
  played.work.resize(times.size());
  played.prompts_s.resize(times.size());
  told.step = [&](const workloads::FleetStep& step) {
    const auto pool = static_cast<std::size_t>(step.pool);
    const Seconds length = Seconds::from_si(step.end_s - step.start_s);
    played.work[pool] += times[pool]->steps().activity(*step.longest, length);
    played.prompts_s[pool] += prompts_share(*step.longest, *times[pool]) * length.si();
    if (hooks.step) hooks.step(step, *times[pool]);
  };
  played.run = workloads::serve(*prepared.stream, plan, told);
  add_caveats(prepared, times, played.caveats);
  return played;
}

bool run_serving(const Study& study, const topology::Catalogue& catalogue,
                 const RunOptions& options, pb::Result& result, Diagnostics& diagnostics) {
  const auto prepared = prepare_serving(study, catalogue, diagnostics);
  if (!prepared) return false;
  ServingHooks hooks;
  ServingLog log(*prepared);
  hooks.step = [&](const workloads::FleetStep& step, const PoolTimes& times) {
    log.add(step, times);
  };
  if (options.stop != nullptr) hooks.stop = [&] { return options.stop->load(); };
  const PlayedServing played = play(*prepared, fleet_times(*prepared, catalogue), hooks);
  result.set_feasible(played.misfit.empty());
  result.set_reason(played.misfit);
  if (!result.feasible()) return true;
  measure(*prepared, played, result);
  record(*prepared, played, result);
  log.write(played, result);
  result.set_operations(played.run.total().steps);
  if (played.run.stopped) {
    result.set_interrupted(true);
    result.add_caveat(
        fmt::format("interrupted after {:.3g} s of the stream: all figures are of the requests "
                    "that had ended by then, of which short ones are more than their share",
                    played.run.end_s));
  }
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
  std::vector<std::string> lines{fmt::format(
      "requests  {}", counted(static_cast<int>(prepared->stream->requests.size()), "request"))};
  const topology::Cluster* before = nullptr;
  for (const ServingPool& pool : prepared->pools) {
    if (pool.cluster.get() != before) lines.push_back(describe(*pool.cluster));
    before = pool.cluster.get();
    lines.push_back(fmt::format("{:<10}{} of {}", pool.name.empty() ? "replicas" : pool.name,
                                counted(pool.replicas, "replica"),
                                counted(pool.job.layout.accelerators(), "accelerator")));
  }
  return lines;
}

}  // namespace aisle::sim
