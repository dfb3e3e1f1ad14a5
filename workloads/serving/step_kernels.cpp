// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/step_kernels.hpp"

#include "workloads/collectives/routing.hpp"
#include "workloads/serving/kernel_shapes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace aisle::workloads {

namespace {

using topology::Precision;

constexpr double kWide = 2;  // bytes of an activation between kernels

/// Layers of one shape, and how many.
struct LayerRun {
  const Layer* layer = nullptr;
  int count = 0;
};

std::vector<LayerRun> layer_runs(const ModelGraph& model) {
  std::vector<LayerRun> runs;
  for (const Layer& layer : model.layers) {
    if (layer.kind != LayerKind::dense && layer.kind != LayerKind::moe) continue;
    const auto known = std::find_if(runs.begin(), runs.end(),
                                    [&](const LayerRun& run) { return *run.layer == layer; });
    if (known == runs.end()) {
      runs.push_back({&layer, 1});
    } else {
      ++known->count;
    }
  }
  return runs;
}

/// Heads of one rank; key-value heads are copied where there are fewer than ranks.
int per_rank(int heads, int ranks) {
  return std::max(1, (heads + ranks - 1) / ranks);
}

/// Collects the work of equal layers.
class Builder {
 public:
  Builder(const ServingJob& job, const topology::Cluster* cluster) : job_(job), cluster_(cluster) {}

  void repeat(int count) { count_ = count; }

  /// Wide ones by the curve of an inference library, where the chip's usual one is of training.
  void product(const char* name, const ProductFormat& format, double m, double n, double k) {
    add(dense_product(format.computes, m, n, k,
                      {format.activation_bytes(), format.weight_bytes, kWide}),
        name, inference_curve(format));
  }

  static std::string inference_curve(const ProductFormat& format) {
    const bool usual = format.variant.empty() && format.computes == Precision::bf16;
    return usual ? "trtllm bfloat16" : format.variant;
  }

  void stream(Family family, const char* name, double rows, double columns, double bytes) {
    add(streaming(family, rows, columns, bytes), name);
  }

  void add(Kernel kernel, const char* name, std::string variant = {}, double load = 1) {
    kernel.count = count_;
    kernel.load = load;
    kernel.name = name;
    work_.kernels.push_back({kernel, std::move(variant), early_});
  }

  /// Over the first `ranks` accelerators of the replica, so many apart.
  Communication among(CollectiveKind kind, int ranks, double bytes, int stride = 1) const {
    std::vector<int> members(static_cast<std::size_t>(ranks));
    for (int i = 0; i < ranks; ++i) members[static_cast<std::size_t>(i)] = i * stride;
    Communication c;
    c.kind = kind;
    c.bytes = bytes * units::B;
    c.group = cluster_->hierarchy(members);
    if (kind == CollectiveKind::all_reduce) c.library = job_.reductions;
    return c;
  }

  void communicate(const Communication& c, double low_latency_copies = 0) {
    if (c.group.size > 1) work_.communications.push_back({c, count_, low_latency_copies});
  }

  void sum_over_tensor(double tokens) {
    communicate(
        among(CollectiveKind::all_reduce, job_.layout.tensor, tokens * job_.model->hidden * kWide));
  }

  void attention_block(const AttentionShape& a, double tokens);
  void dense_block(const FeedForwardShape& f, double width, double tokens);
  void shared_experts(const FeedForwardShape& f, double tokens);
  void routed_experts(const FeedForwardShape& f, double total);
  void around_experts(const FeedForwardShape& f, double tokens);
  void exchange(const FeedForwardShape& f, double tokens);

  StepWork take() { return std::move(work_); }

 private:
  const ServingJob& job_;
  const topology::Cluster* cluster_;
  int count_ = 1;
  bool early_ = false;
  StepWork work_;
};

/// Projections, rotary position and the write to the cache.
void Builder::attention_block(const AttentionShape& a, double tokens) {
  const double hidden = job_.model->hidden;
  const int tensor = job_.layout.tensor;
  const double heads = per_rank(a.heads, tensor), caches = per_rank(a.kv_heads, tensor);
  const ProductFormat& format = job_.formats.attention;
  early_ = true;
  stream(Family::norm, "attention norm", tokens, hidden, 4 * kWide);
  double written = caches * (a.qk_dim + a.v_dim), rotated = (heads + caches) * a.qk_dim;
  if (a.mla) {
    const double latent = a.kv_lora_rank + a.rope_dim;
    product("latent projections", format, tokens, a.q_lora_rank + latent, hidden);
    stream(Family::norm, "latent norms", tokens, a.q_lora_rank + a.kv_lora_rank, 2 * kWide);
    product("query projection", format, tokens, heads * a.qk_dim,
            a.q_lora_rank > 0 ? a.q_lora_rank : hidden);
    written = latent;
    rotated = (heads + 1) * a.rope_dim;
  } else {
    product("qkv projection", format, tokens, heads * a.qk_dim + written, hidden);
  }
  stream(Family::elementwise, "rotary position", tokens, rotated, 2 * kWide);
  stream(Family::elementwise, "cache write", tokens, written, kWide + job_.formats.cache_bytes);
  early_ = false;
  product("output projection", format, tokens, hidden, heads * a.v_dim);
  sum_over_tensor(tokens);
}

void Builder::dense_block(const FeedForwardShape& f, double width, double tokens) {
  const double hidden = job_.model->hidden, gates = f.gated ? 2 : 1;
  product("gate and up", job_.formats.dense, tokens, gates * width, hidden);
  stream(Family::elementwise, "activation", tokens, width, (gates + 1) * kWide);
  product("down", job_.formats.dense, tokens, hidden, width);
}

void Builder::shared_experts(const FeedForwardShape& f, double tokens) {
  early_ = true;
  dense_block(f, static_cast<double>(f.shared) * f.shared_hidden / job_.layout.tensor, tokens);
  early_ = false;
}

/// Routed experts of the busiest rank, for `total` tokens of all attention groups.
void Builder::routed_experts(const FeedForwardShape& f, double total) {
  const ServingLayout& layout = job_.layout;
  const ProductFormat& format = job_.formats.experts;
  const double hidden = job_.model->hidden, ranks = layout.expert;
  const double cut = std::max(1.0, layout.stage() / ranks);
  const double local = (f.experts + job_.routing.redundant) / ranks;
  const double rows = total * f.top_k / ranks;
  // Even routing falls out unevenly by chance: the largest of so many ranks' draws.
  const double chance = ranks > 1 ? 1 + std::sqrt(2 * std::log(ranks) / std::max(1.0, rows)) : 1;
  const double busiest = std::min(std::max(chance, job_.routing.busiest), ranks);
  ExpertLoad load;
  load.rows = std::max(1.0, rows * busiest);
  load.active = std::min(
      load.rows, std::max(1.0, experts_touched(f.experts, f.top_k, total) * local / f.experts));
  const double gathered = layout.data > 1 ? 0 : total;
  add(expert_layer(format.computes, load, gathered, hidden, f.hidden / cut,
                   {format.activation_bytes(), format.weight_bytes, kWide}),
      "experts", inference_curve(format));
}

/// What stands around routed experts: the router, and the exchange or the sum.
void Builder::around_experts(const FeedForwardShape& f, double tokens) {
  product("router", ProductFormat{}, tokens, f.experts, job_.model->hidden);
  if (job_.layout.data > 1) {
    exchange(f, tokens / job_.layout.tensor);
  } else {
    sum_over_tensor(tokens);
  }
}

/// Tokens of one rank to their experts and back, by whichever kernels are faster.
void Builder::exchange(const FeedForwardShape& f, double tokens) {
  const double hidden = job_.model->hidden;
  const bool narrow = job_.formats.experts.activation_bytes() < kWide;
  constexpr double kScaled = 1 + 4.0 / 128;  // FP8 by blocks of 128
  const Routing routing{f.experts, f.top_k, f.groups, f.group_limit};
  for (const auto kind : {CollectiveKind::dispatch, CollectiveKind::combine}) {
    const double number = kind == CollectiveKind::dispatch && narrow ? kScaled : kWide;
    Communication c = among(kind, job_.layout.stage(), tokens * hidden * number);
    c.axis = ParallelAxis::expert;
    c.copies_to_domains = expected_copies(routing, c.group.domains);
    c.copies_to_ranks = expected_copies(routing, c.group.size);
    c.hottest_rank = c.hottest_domain = job_.routing.busiest;
    communicate(c, f.top_k);
  }
}

/// Sequences of one attention kernel: so many query tokens, seeing so many cached and new ones.
struct Attended {
  double sequences = 0, tokens = 0;
  double pairs = 0;   ///< of query and key
  double cached = 0;  ///< tokens read, those of the step included
};

/// Query-key pairs of `tokens` new tokens behind `before`, each of which sees `window` (0: all).
double pairs_of(double tokens, double before, double window) {
  const double all = tokens * before + tokens * (tokens + 1) / 2;
  if (window <= 0 || before + tokens <= window) return all;
  const double ramp = std::clamp(window - before, 0.0, tokens);  // tokens that see fewer
  return ramp * before + ramp * (ramp + 1) / 2 + (tokens - ramp) * window;
}

Attended prompts_of(const ServingStep& step, double window) {
  Attended of;
  for (const ServingStep::Chunk& chunk : step.chunks) {
    const double tokens = chunk.tokens, before = static_cast<double>(chunk.before);
    of.sequences += 1;
    of.tokens += tokens;
    of.pairs += pairs_of(tokens, before, window);
    of.cached += tokens + (window > 0 ? std::min(before, window) : before);
  }
  return of;
}

/// All of the mean length.
Attended decoding_of(const ServingStep& step, double window) {
  Attended of;
  of.sequences = step.decoding;
  of.tokens = static_cast<double>(step.decoding) * step.tokens_each;
  if (step.decoding == 0) return of;
  const double before = static_cast<double>(step.context) / step.decoding;
  of.pairs = step.decoding * pairs_of(step.tokens_each, before, window);
  of.cached = step.decoding * (step.tokens_each + (window > 0 ? std::min(before, window) : before));
  return of;
}

/// The kernel of equal caches; `cached` numbers per token in each, of `cache_bytes`.
Kernel over_cache(Family family, Precision precision, const Attended& of, double heads,
                  double caches, double qk, double v, double cached, double cache_bytes) {
  CacheAttention shape;
  shape.batch = of.sequences;
  shape.queries = of.tokens / of.sequences;
  shape.context = of.pairs / of.tokens;  // as many keys for every query
  shape.causal = false;
  shape.heads = heads;
  shape.caches = caches;
  shape.qk = qk;
  shape.v = v;
  shape.cached = cached;
  shape.cache_bytes = 0;
  shape.operand_bytes = topology::size_of(precision).si();
  Kernel kernel = attention(family, precision, shape);
  kernel.hbm_bytes += of.cached * caches * cached * cache_bytes * units::B;
  return kernel;
}

/// Absorbed: queries go through the key half of the up-projection, outputs through the value half.
void latent_decoding(const ServingJob& job, const AttentionShape& a, const Attended& of,
                     Builder& builder) {
  const double heads = per_rank(a.heads, job.layout.tensor);
  const double latent = a.kv_lora_rank + a.rope_dim, nope = a.qk_dim - a.rope_dim;
  const ProductFormat wide;
  builder.product("absorbed keys", wide, of.tokens, heads * a.kv_lora_rank, nope);
  builder.add(over_cache(Family::mla_decode, job.formats.scores, of, heads, 1, latent,
                         a.kv_lora_rank, latent, job.formats.cache_bytes),
              "latent attention");
  builder.product("absorbed values", wide, of.tokens, heads * a.v_dim, a.kv_lora_rank);
}

/// Keys and values of all that is attended to are expanded again.
void latent_prompts(const ServingJob& job, const AttentionShape& a, const Attended& of,
                    Builder& builder) {
  const double heads = per_rank(a.heads, job.layout.tensor);
  builder.product("key-value expansion", job.formats.attention, of.cached,
                  heads * (a.qk_dim - a.rope_dim + a.v_dim), a.kv_lora_rank);
  builder.add(over_cache(Family::mla, job.formats.scores, of, heads, heads, a.qk_dim, a.v_dim,
                         a.qk_dim + a.v_dim, kWide),
              "expanded attention");
}

}  // namespace

double experts_touched(int experts, int top_k, double tokens) {
  const double missed = 1 - static_cast<double>(top_k) / experts;
  return missed <= 0 ? experts : experts * (1 - std::pow(missed, tokens));
}

StepWork token_work(const ServingJob& job, const topology::Cluster& cluster, int tokens) {
  Builder builder(job, &cluster);
  const double rows = tokens, hidden = job.model->hidden;
  const int tensor = job.layout.tensor;
  builder.stream(Family::embedding, "embedding", rows, hidden, 2 * kWide);
  builder.sum_over_tensor(rows);
  for (const LayerRun& run : layer_runs(*job.model)) {
    const FeedForwardShape& f = run.layer->feed_forward;
    builder.repeat(run.count);
    builder.attention_block(run.layer->attention, rows);
    if (!job.model->parallel_block) {
      builder.stream(Family::norm, "feed-forward norm", rows, hidden, 4 * kWide);
    }
    if (f.experts == 0) {
      builder.dense_block(f, static_cast<double>(f.hidden) / tensor, rows);
      builder.sum_over_tensor(rows);
      continue;
    }
    if (f.shared > 0) builder.shared_experts(f, rows);
    builder.around_experts(f, rows);
  }
  builder.repeat(job.layout.pipeline - 1);
  if (job.layout.pipeline > 1) {
    builder.communicate(
        builder.among(CollectiveKind::send_recv, 2, rows * hidden * kWide, job.layout.stage()));
  }
  return builder.take();
}

StepWork expert_work(const ServingJob& job, double together) {
  Builder builder(job, nullptr);
  for (const LayerRun& run : layer_runs(*job.model)) {
    if (run.layer->feed_forward.experts == 0) continue;
    builder.repeat(run.count);
    builder.routed_experts(run.layer->feed_forward, together);
  }
  return builder.take();
}

StepWork attention_work(const ServingJob& job, const ServingStep& step) {
  Builder builder(job, nullptr);
  const ServingFormats& formats = job.formats;
  std::vector<std::pair<AttentionShape, int>> kinds;
  for (const Layer& layer : job.model->layers) {
    if (layer.kind != LayerKind::dense && layer.kind != LayerKind::moe) continue;
    const auto known = std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) {
      return kind.first == layer.attention;
    });
    if (known == kinds.end()) {
      kinds.emplace_back(layer.attention, 1);
    } else {
      ++known->second;
    }
  }
  for (const std::pair<AttentionShape, int>& kind : kinds) {
    const AttentionShape& a = kind.first;
    builder.repeat(kind.second);
    const Attended prompts = prompts_of(step, a.window), decoding = decoding_of(step, a.window);
    if (a.mla) {
      if (decoding.tokens > 0) latent_decoding(job, a, decoding, builder);
      if (prompts.tokens > 0) latent_prompts(job, a, prompts, builder);
      continue;
    }
    const double heads = per_rank(a.heads, job.layout.tensor);
    const double caches = per_rank(a.kv_heads, job.layout.tensor);
    const auto attend = [&](Family family, const Attended& of, const char* name,
                            const char* variant) {
      if (of.tokens <= 0) return;
      builder.add(over_cache(family, formats.scores, of, heads, caches, a.qk_dim, a.v_dim,
                             a.qk_dim + a.v_dim, formats.cache_bytes),
                  name, variant);
    };
    attend(Family::attention_decode, decoding, "decoding attention", "");
    // The usual curve is of long training sequences; this one saw short prompts too.
    attend(Family::attention, prompts, "prompt attention", "trtllm bfloat16 cache bfloat16");
  }
  return builder.take();
}

StepWork head_work(const ServingJob& job, const topology::Cluster& cluster, int rows) {
  Builder builder(job, &cluster);
  const double hidden = job.model->hidden, tensor = job.layout.tensor;
  const double columns = job.model->vocabulary / tensor;
  constexpr double kSampled = 12;  // logits cast to FP32, read for the maximum and the draw
  builder.stream(Family::norm, "last norm", rows, hidden, 2 * kWide);
  builder.product("vocabulary projection", ProductFormat{}, rows, columns, hidden);
  builder.communicate(builder.among(CollectiveKind::all_gather, job.layout.tensor,
                                    rows * static_cast<double>(job.model->vocabulary) * kWide));
  builder.stream(Family::loss, "sampling", rows, job.model->vocabulary, kSampled);
  return builder.take();
}

}  // namespace aisle::workloads
