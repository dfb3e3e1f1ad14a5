// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

constexpr double kWide = 2;

/// High-bandwidth memory is sold by the GB and counted by the GiB: 80 GB of H100 are 81,559 MiB to
/// its driver, 141 GB of H200 143,771, 180 GB of B200 183,359 (nvidia-smi).
constexpr double kSoldGigabyte = 1.0737 * 0.995;

double block_weights(const ModelGraph& model, const FeedForwardShape& f, double width) {
  return (f.gated ? 3.0 : 2.0) * model.hidden * width;
}

double layer_weights(const ServingJob& job, const Layer& layer) {
  const ModelGraph& model = *job.model;
  const FeedForwardShape& f = layer.feed_forward;
  const ParameterCount count = count_parameters(model, layer);
  const double tensor = job.layout.tensor;
  double copied = 0;  // matrices that every rank has
  if (layer.attention.mla) {
    copied =
        static_cast<double>(model.hidden) *
        (layer.attention.q_lora_rank + layer.attention.kv_lora_rank + layer.attention.rope_dim);
  }
  const double cut = static_cast<double>(count.attention) - copied;
  double bytes = (copied + cut / tensor) * job.formats.attention.weight_bytes;
  if (f.experts == 0) {
    return bytes + block_weights(model, f, f.hidden) / tensor * job.formats.dense.weight_bytes;
  }
  bytes += static_cast<double>(model.hidden) * f.experts * kWide;  // router
  bytes += block_weights(model, f, static_cast<double>(f.shared) * f.shared_hidden) / tensor *
           job.formats.dense.weight_bytes;
  const double held = static_cast<double>(count.routed_experts) *
                      (1 + static_cast<double>(job.routing.redundant) / f.experts);
  return bytes + held / job.layout.stage() * job.formats.experts.weight_bytes;
}

/// The fullest stage: its share of the layers, and the larger end.
double stage_weights(const ServingJob& job) {
  const ModelGraph& model = *job.model;
  double layers = 0;
  int count = 0;
  for (const Layer& layer : model.layers) {
    if (layer.kind != LayerKind::dense && layer.kind != LayerKind::moe) continue;
    layers += layer_weights(job, layer);
    ++count;
  }
  const int stages = job.layout.pipeline;
  const double share = stages > 1 ? std::ceil(static_cast<double>(count) / stages) / count : 1;
  const double table = static_cast<double>(model.vocabulary) * model.hidden * kWide;
  const int tables = stages > 1 || model.tied_embeddings ? 1 : 2;
  return layers * share + tables * table / job.layout.tensor;
}

/// Residual, its normed copy, and the widest intermediate of a token.
double token_workspace(const ServingJob& job) {
  double widest = 0;
  const double tensor = job.layout.tensor;
  for (const Layer& layer : job.model->layers) {
    const FeedForwardShape& f = layer.feed_forward;
    const AttentionShape& a = layer.attention;
    const double experts = f.experts > 0 ? f.top_k : 1, gates = f.gated ? 2 : 1;
    const double cut = f.experts > 0 ? std::max(1, job.layout.stage() / job.layout.expert) : tensor;
    widest = std::max(widest, experts * (gates + 1) * f.hidden / cut);
    widest =
        std::max(widest, (a.heads * (a.qk_dim + a.v_dim) + 2.0 * a.kv_heads * a.v_dim) / tensor);
  }
  return kWide * (2.0 * job.model->hidden + widest);
}

void add_cache(const ServingJob& job, ServingMemory& memory) {
  double token = 0, windowed = 0;
  int count = 0;
  for (const Layer& layer : job.model->layers) {
    if (layer.kind != LayerKind::dense && layer.kind != LayerKind::moe) continue;
    const AttentionShape& a = layer.attention;
    const int caches = std::max(1, (a.kv_heads + job.layout.tensor - 1) / job.layout.tensor);
    const double numbers =
        a.mla ? a.kv_lora_rank + a.rope_dim : static_cast<double>(caches) * (a.qk_dim + a.v_dim);
    const double bytes = numbers * job.formats.cache_bytes;
    (a.window > 0 ? windowed : token) += bytes;
    memory.window = std::max(memory.window, a.window);
    ++count;
  }
  const int stages = job.layout.pipeline;
  const double share = std::ceil(static_cast<double>(count) / stages) / count;
  memory.cache_per_token = token * share * units::B;
  memory.window_per_token = windowed * share * units::B;
}

}  // namespace

Bytes ServingMemory::sequence(double tokens) const {
  return cache_per_token * tokens + window_per_token * std::min<double>(tokens, window);
}

double ServingMemory::sequences(double tokens) const {
  const Bytes each = sequence(tokens);
  return each.si() > 0 ? std::max(0.0, cache / each) : 0;
}

std::string ServingMemory::misfit() const {
  const auto gb = [](Bytes bytes) { return bytes.in(units::GB); };
  return fmt::format(
      "weights {:.1f} GB, activations of the largest step {:.1f} GB and the engine's own {:.1f} GB "
      "leave nothing of {:.1f} GB for the cache",
      gb(weights), gb(workspace), gb(reserved), gb(usable));
}

ServingMemory serving_memory(const ServingJob& job, Bytes capacity, const MemoryLimits& limits) {
  ServingMemory memory;
  memory.usable = capacity * kSoldGigabyte * limits.utilization;
  memory.weights = stage_weights(job) * units::B;
  memory.workspace = token_workspace(job) * limits.step_tokens * units::B;
  memory.reserved = limits.reserved;
  memory.cache = memory.usable - memory.weights - memory.workspace - memory.reserved;
  add_cache(job, memory);
  if (limits.cache_tokens > 0) memory.cache = memory.sequence(limits.cache_tokens);
  return memory;
}

}  // namespace aisle::workloads
