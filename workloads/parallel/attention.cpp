// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/layers.hpp"

#include <algorithm>

namespace aisle::workloads::parallel {

namespace {

constexpr Direction kForward = Direction::forward;
constexpr Direction kBackward = Direction::dgrad;

/// Bytes per element of streaming kernels whose operands are two-byte numbers.
constexpr double kCopy = 4;  ///< one tensor read, one written
constexpr double kAdd = 6;   ///< two read, one written
constexpr double kNormGradient =
    8;  ///< gradient, input and residual gradient read; gradient written
/// The attention output is kept for the backward pass in a 12-bit format.
constexpr double kStash = 3.5;

/// Sizes of one rank's attention.
struct Shape {
  std::int64_t tokens, shard, hidden, heads, kv_heads, qk, v, rope, nope;
  std::int64_t q_rank, kv_rank;
  std::int64_t query, key_value;  ///< columns of q, and of k and v together (MLA: decompressed)
};

Shape shape_of(const Job& job, const AttentionShape& a) {
  Shape s{};
  s.tokens = job.tokens();
  s.shard = job.shard_tokens();
  s.hidden = job.model->hidden;
  s.heads = a.heads / job.layout.tensor;
  s.kv_heads = a.mla ? s.heads : std::max(1, a.kv_heads / job.layout.tensor);
  s.qk = a.qk_dim;
  s.v = a.v_dim;
  s.rope = a.mla ? a.rope_dim : a.qk_dim;
  s.nope = a.qk_dim - a.rope_dim;
  s.q_rank = a.q_lora_rank;
  s.kv_rank = a.kv_lora_rank;
  s.query = s.heads * s.qk;
  s.key_value = a.mla ? s.heads * (s.nope + s.v) : s.kv_heads * (s.qk + s.v);
  return s;
}

/// Keys that one query sees on average.
double visible(const Job& job, const AttentionShape& a) {
  const double length = job.document > 0 ? job.document : job.sequence;
  const double window = a.window > 0 && a.window < length ? a.window : length;
  return window * (length - window / 2) / length;
}

/// Fused attention: the whole, or in a ring with one of the blocks. Forward two matrix products
/// over the visible half of the square, backward five (the scores again, and the gradients of
/// scores, queries, keys and values); bytes forward: q, k, v and the output once, backward three
/// times that (table of profile-data, 671 and 2013 MB).
Kernel core(const Job& job, const AttentionShape& a, const Shape& s, Direction direction) {
  const bool forward = direction == kForward;
  const bool ring = job.context_kind == ContextKind::kv_ring;
  const int blocks = ring ? job.layout.context : 1;
  const int heads_cut = job.context_kind == ContextKind::ulysses ? job.layout.context : 1;
  const double pairs = static_cast<double>(s.tokens) * visible(job, a) / blocks;
  const auto width = static_cast<double>(forward ? s.qk + s.v : 3 * s.qk + 2 * s.v);
  const int gathered =
      job.layout.context / blocks / heads_cut;  // blocks of keys and values at once
  const double rows = static_cast<double>(s.heads + s.kv_heads * gathered);
  Kernel kernel;
  kernel.family = a.mla ? Family::mla : Family::attention;
  kernel.direction = direction;
  kernel.precision = job.wide();
  kernel.m = s.tokens * heads_cut;
  kernel.n = s.qk + s.v;
  kernel.k = s.heads / heads_cut;
  kernel.flops = 2 * pairs * width * static_cast<double>(s.heads) * units::FLOP;
  kernel.hbm_bytes = (forward ? 1.0 : 3.0) * static_cast<double>(s.tokens) * rows *
                     static_cast<double>(s.qk + s.v) * job.number() * units::B;
  kernel.name = forward ? "attention core" : "attention core backward";
  return kernel;
}

/// One of the products between tokens and all tokens, for each head: C[m,n] per head with `m` rows
/// of this rank's tokens. The whole square is computed.
Kernel scores_product(const Job& job, const Shape& s, const char* name, Direction direction,
                      std::int64_t n, std::int64_t k) {
  const double heads = static_cast<double>(s.heads), rows = static_cast<double>(s.tokens);
  const double square = heads * rows * static_cast<double>(job.sequence);
  const auto inner = static_cast<double>(std::min(n, k));  // the size of a head
  Kernel kernel;
  kernel.family = Family::gemm;
  kernel.direction = direction;
  kernel.precision = job.wide();
  kernel.m = s.tokens * s.heads;
  kernel.n = n;
  kernel.k = k;
  kernel.flops = 2 * square * inner * units::FLOP;
  // The square once, and two matrices of as many rows as there are queries or keys.
  const double keys = heads * static_cast<double>(job.micro_batch) * job.sequence;
  kernel.hbm_bytes = (square + (heads * rows + keys) * inner) * job.number() * units::B;
  kernel.name = name;
  return kernel;
}

/// The attention core product by product, as Megatron ran it before fused attention: scores,
/// softmax with scale and mask in one kernel, dropout, product with the values.
void unfused_forward(const Job& job, const Shape& s, KernelList& k) {
  const std::int64_t rows = s.tokens * s.heads, all = job.sequence;
  k.add(scores_product(job, s, "attention scores", kForward, all, s.qk));
  k.stream(Family::elementwise, "softmax", kForward, rows, all, kCopy);
  if (job.dropout) k.stream(Family::elementwise, "score dropout", kForward, rows, all, kCopy + 1);
  k.add(scores_product(job, s, "attention values", kForward, s.v, all));
}

void unfused_backward(const Job& job, const Shape& s, KernelList& k) {
  const std::int64_t rows = s.tokens * s.heads, all = job.sequence;
  k.add(scores_product(job, s, "attention values", kBackward, all, s.v));
  k.add(scores_product(job, s, "attention values", Direction::wgrad, s.v, all));
  if (job.dropout) {
    k.stream(Family::elementwise, "score dropout gradient", kBackward, rows, all, kCopy + 1);
  }
  k.stream(Family::elementwise, "softmax gradient", kBackward, rows, all, kAdd);
  k.add(scores_product(job, s, "attention scores", kBackward, s.qk, all));
  k.add(scores_product(job, s, "attention scores", Direction::wgrad, s.qk, all));
}

void core_forward(const Job& job, const AttentionShape& a, const Shape& s, KernelList& k) {
  if (!job.flash) return unfused_forward(job, s, k);
  k.add(core(job, a, s, kForward));
  if (job.context_kind == ContextKind::kv_ring && job.layout.context > 1) {
    // The output so far is read, scaled by the row sums, and written.
    k.stream(Family::elementwise, "add block", kForward, s.tokens, s.heads * s.v, kAdd);
  }
}

/// Bytes per number of adding a residual; the mask of the dropout before it is written or read too.
double residual(const Job& job, double bytes) {
  return bytes + (job.dropout ? 1 : 0);
}

/// Everything between the gathered latent vectors and q, k, v of multi-head latent attention.
void latent_projections(const Shape& s, KernelList& k) {
  if (s.q_rank > 0) {
    k.cast_of_norm("cast q latent", s.tokens, s.q_rank);
    k.gemm("q up-projection", kForward, s.tokens, s.query, s.q_rank);
  } else {
    k.cast_of_norm("cast x for q", s.tokens, s.hidden);
    k.gemm("q projection", kForward, s.tokens, s.query, s.hidden);
  }
  k.cast_of_norm("cast kv latent", s.tokens, s.kv_rank);
  k.gemm("kv up-projection", kForward, s.tokens, s.key_value, s.kv_rank);
  k.stream(Family::elementwise, "concatenate k", kForward, s.tokens, s.heads * s.nope, kCopy);
  k.stream(Family::elementwise, "expand rotary k", kForward, s.tokens, s.heads * s.rope, kCopy);
  k.stream(Family::elementwise, "rotary q", kForward, s.tokens, s.heads * s.rope, kCopy);
}

void latent_norms(const Shape& s, std::int64_t rows, KernelList& k) {
  k.stream(Family::norm, "q latent norm", kForward, rows, s.q_rank, kCopy);
  k.stream(Family::elementwise, "split kv latent", kForward, rows, s.kv_rank, kCopy);
  k.stream(Family::norm, "kv latent norm", kForward, rows, s.kv_rank, kCopy);
}

void first_norm(const Job& job, const Shape& s, KernelList& k) {
  // The quantised recipe adds the residual inside the norm kernel.
  if (!job.block_scaled()) {
    k.stream(Family::elementwise, "residual", kForward, s.shard, s.hidden, residual(job, kAdd));
  }
  k.stream(Family::norm, "attention norm", kForward, s.shard, s.hidden, kCopy);
}

void forward_shard(const Job& job, const AttentionShape& a, const Shape& s, KernelList& k) {
  first_norm(job, s, k);
  if (!a.mla) {
    k.cast_of_norm("cast x for qkv", s.shard, s.hidden);
    k.scales(kForward, s.shard, s.hidden);
    return;
  }
  if (s.q_rank > 0) {
    k.cast_of_norm("cast x for q", s.shard, s.hidden);
    k.scales(kForward, s.shard, s.hidden);
    k.gemm("q down-projection", kForward, s.shard, s.q_rank, s.hidden);
  }
  k.cast_of_norm("cast x for kv", s.shard, s.hidden);
  k.scales(kForward, s.shard, s.hidden);
  k.gemm("kv down-projection", kForward, s.shard, s.kv_rank + s.rope, s.hidden);
  latent_norms(s, s.shard, k);
  k.stream(Family::elementwise, "rotary k", kForward, s.shard, s.rope, kCopy);
}

void forward_project(const AttentionShape& a, const Shape& s, KernelList& k) {
  if (a.mla) return latent_projections(s, k);
  k.gemm("qkv projection", kForward, s.tokens, s.query + s.key_value, s.hidden);
  k.stream(Family::elementwise, "rotary q", kForward, s.tokens, s.query, kCopy);
  k.stream(Family::elementwise, "rotary k", kForward, s.tokens, s.kv_heads * s.qk, kCopy);
}

void forward_output(const Job& job, const Shape& s, KernelList& k) {
  if (job.block_scaled()) {
    k.stream(Family::cast, "cast o for stash", kForward, s.tokens, s.heads * s.v, kStash);
  }
  k.cast("cast o", kForward, s.tokens, s.heads * s.v);
  k.scales(kForward, s.tokens, s.heads * s.v);
  k.gemm("o projection", kForward, s.tokens, s.hidden, s.heads * s.v);
}

void forward_tail(const Job& job, const Shape& s, KernelList& k) {
  k.stream(Family::elementwise, "residual", kForward, s.shard, s.hidden,
           residual(job, job.block_scaled() ? kCopy : kAdd));
  k.stream(Family::norm, "feed-forward norm", kForward, s.shard, s.hidden, kCopy);
}

void backward_head(const Job& job, const Shape& s, KernelList& k) {
  k.stream(Family::elementwise, "residual gradient", kBackward, s.shard, s.hidden,
           residual(job, kAdd));
  k.stream(Family::norm, "feed-forward norm gradient", kBackward, s.shard, s.hidden, kNormGradient);
  if (job.block_scaled()) {
    k.stream(Family::elementwise, "residual", kBackward, s.shard, s.hidden, kCopy);
  }
}

/// What is lost with every second product of the attention block, counted q, k, v, o: keys, and the
/// residual after the output projection. Positions are applied again to the queries that are kept.
void second_products(const Shape& s, KernelList& k) {
  k.gemm("k projection", kForward, s.tokens, s.kv_heads * s.qk, s.hidden);
  k.stream(Family::elementwise, "rotary q", kForward, s.tokens, s.query, kCopy);
  k.stream(Family::elementwise, "rotary k", kForward, s.tokens, s.kv_heads * s.qk, kCopy);
  k.gemm("o projection", kForward, s.tokens, s.hidden, s.heads * s.v);
  k.stream(Family::elementwise, "residual", kForward, s.shard, s.hidden, kAdd);
}

void output_gradient(const Job& job, const Shape& s, KernelList& k) {
  const std::int64_t output = s.heads * s.v;
  if (job.block_scaled()) {
    k.stream(Family::cast, "cast o back", kBackward, s.tokens, output, kStash);
  }
  k.cast("cast dy", kBackward, s.tokens, s.hidden);
  k.transpose("o weight transpose", kBackward, s.hidden, output);
  k.scales(kBackward, s.tokens, s.hidden);
  k.gemm("o projection", kBackward, s.tokens, output, s.hidden);
  k.cast_transpose("o cast and transpose", s.tokens, output);
  k.cast_transpose("dy cast and transpose", s.tokens, s.hidden);
}

/// What stands before the core's gradient: gradient times output row by row, and the FP32 gradient
/// of q cleared.
void before_core_gradient(const Job& job, const Shape& s, KernelList& k) {
  if (!job.flash) return;
  k.stream(Family::elementwise, "attention preprocess", kBackward, s.tokens, s.heads,
           static_cast<double>(4 * s.v + 4 * s.qk));
}

void core_gradient(const Job& job, const AttentionShape& a, const Shape& s, KernelList& k) {
  if (!job.flash) return unfused_backward(job, s, k);
  k.add(core(job, a, s, kBackward));
}

void after_core_gradient(const Job& job, const Shape& s, KernelList& k) {
  if (job.flash) {
    k.stream(Family::elementwise, "dq conversion", kBackward, s.tokens, s.query, kAdd);
  }
  k.stream(Family::elementwise, "rotary gradient", kBackward, s.tokens, s.heads * s.rope, kCopy);
}

void latent_gradient(const Shape& s, KernelList& k) {
  const std::int64_t q_input = s.q_rank > 0 ? s.q_rank : s.hidden;
  k.transpose("q weight transpose", kBackward, s.query, q_input);
  k.cast("cast dq", kBackward, s.tokens, s.query);
  k.scales(kBackward, s.tokens, s.query);
  k.gemm(s.q_rank > 0 ? "q up-projection" : "q projection", kBackward, s.tokens, q_input, s.query);
  k.stream(Family::elementwise, "rotary k reduction", kBackward, s.tokens, s.heads * s.rope, 2);
  k.stream(Family::elementwise, "split dk and dv", kBackward, s.tokens, s.heads * s.nope, kCopy, 2);
  k.transpose("kv up weight transpose", kBackward, s.key_value, s.kv_rank);
  k.cast("cast dkv", kBackward, s.tokens, s.key_value);
  k.scales(kBackward, s.tokens, s.key_value);
  k.gemm("kv up-projection", kBackward, s.tokens, s.kv_rank, s.key_value);
  k.cast_transpose("dkv cast and transpose", s.tokens, s.key_value);
  k.cast_transpose("kv latent cast and transpose", s.tokens, s.kv_rank);
  k.cast_transpose("dq cast and transpose", s.tokens, s.query);
  k.cast_transpose("q input cast and transpose", s.tokens, q_input);
}

void plain_gradient(const Shape& s, KernelList& k) {
  const std::int64_t columns = s.query + s.key_value;
  k.transpose("qkv weight transpose", kBackward, columns, s.hidden);
  k.cast("cast dqkv", kBackward, s.tokens, columns);
  k.gemm("qkv projection", kBackward, s.tokens, s.hidden, columns);
  k.cast_transpose("dqkv cast and transpose", s.tokens, columns);
  k.cast_transpose("x cast and transpose", s.tokens, s.hidden);
}

void backward_tail(const Job& job, const AttentionShape& a, const Shape& s, KernelList& k) {
  if (a.mla) {
    const std::int64_t kv_columns = s.kv_rank + s.rope;
    k.stream(Family::norm, "kv latent norm gradient", kBackward, s.shard, s.kv_rank, kNormGradient);
    k.stream(Family::norm, "q latent norm gradient", kBackward, s.shard, s.q_rank, kNormGradient);
    if (job.recomputes(Part::norms)) {
      k.stream(Family::norm, "attention norm", kForward, s.shard, s.hidden, kCopy);
    }
    k.cast("cast d kv latent", kBackward, s.shard, kv_columns);
    k.transpose("kv down weight transpose", kBackward, kv_columns, s.hidden);
    k.gemm("kv down-projection", kBackward, s.shard, s.hidden, kv_columns);
    k.cast_transpose("x cast and transpose", s.shard, s.hidden);
    k.cast_transpose("d kv latent cast and transpose", s.shard, kv_columns);
    if (s.q_rank > 0) {
      k.cast("cast d q latent", kBackward, s.shard, s.q_rank);
      k.transpose("q down weight transpose", kBackward, s.q_rank, s.hidden);
      k.gemm("q down-projection", kBackward, s.shard, s.hidden, s.q_rank);
      k.cast_transpose("x cast and transpose", s.shard, s.hidden);
      k.cast_transpose("d q latent cast and transpose", s.shard, s.q_rank);
    }
  } else if (job.recomputes(Part::norms)) {
    k.stream(Family::norm, "attention norm", kForward, s.shard, s.hidden, kCopy);
  }
  k.stream(Family::elementwise, "residual gradient", kBackward, s.shard, s.hidden,
           residual(job, kAdd));
  k.stream(Family::norm, "attention norm gradient", kBackward, s.shard, s.hidden, kNormGradient);
}

void weight_gradients(const AttentionShape& a, const Shape& s, KernelList& k) {
  k.weight_gradient("o projection", s.hidden, s.heads * s.v, s.tokens);
  if (!a.mla) {
    k.weight_gradient("qkv projection", s.query + s.key_value, s.hidden, s.tokens);
    return;
  }
  k.weight_gradient("kv up-projection", s.key_value, s.kv_rank, s.tokens);
  if (s.q_rank > 0) {
    k.weight_gradient("q up-projection", s.query, s.q_rank, s.tokens);
  } else {
    k.weight_gradient("q projection", s.query, s.hidden, s.tokens);
  }
  k.weight_gradient("kv down-projection", s.kv_rank + s.rope, s.hidden, s.shard);
  if (s.q_rank > 0) k.weight_gradient("q down-projection", s.q_rank, s.hidden, s.shard);
}

template <typename Fill>
std::vector<Kernel> listed(const Job& job, Fill fill) {
  KernelList kernels(job);
  fill(kernels);
  return kernels.take();
}

}  // namespace

AttentionKernels attention_kernels(const Job& job, const Layer& layer) {
  const AttentionShape& a = layer.attention;
  const Shape s = shape_of(job, a);
  AttentionKernels kernels;
  kernels.forward_shard = listed(job, [&](KernelList& k) { forward_shard(job, a, s, k); });
  kernels.forward_project = listed(job, [&](KernelList& k) { forward_project(a, s, k); });
  kernels.forward_core = listed(job, [&](KernelList& k) { core_forward(job, a, s, k); });
  kernels.forward_output = listed(job, [&](KernelList& k) { forward_output(job, s, k); });
  kernels.forward_tail = listed(job, [&](KernelList& k) { forward_tail(job, s, k); });
  kernels.backward_head = listed(job, [&](KernelList& k) { backward_head(job, s, k); });
  kernels.backward_output = listed(job, [&](KernelList& k) {
    output_gradient(job, s, k);
    if (a.mla && job.recomputes(Part::mla_up_projection)) {
      latent_norms(s, s.tokens, k);
      latent_projections(s, k);
    }
    if (job.recomputes(Part::every_second_product)) second_products(s, k);
    if (job.recomputes(Part::core_attention)) {
      const int blocks = job.context_kind == ContextKind::kv_ring ? job.layout.context : 1;
      for (int i = 0; i < blocks; ++i) core_forward(job, a, s, k);
    }
    before_core_gradient(job, s, k);
  });
  kernels.backward_core = listed(job, [&](KernelList& k) { core_gradient(job, a, s, k); });
  kernels.backward_project = listed(job, [&](KernelList& k) {
    after_core_gradient(job, s, k);
    a.mla ? latent_gradient(s, k) : plain_gradient(s, k);
  });
  kernels.backward_tail = listed(job, [&](KernelList& k) { backward_tail(job, a, s, k); });
  kernels.weight = listed(job, [&](KernelList& k) { weight_gradients(a, s, k); });
  const std::int64_t latent = s.q_rank + s.kv_rank + s.rope;
  kernels.gather_width =
      static_cast<double>(a.mla ? latent + (s.q_rank > 0 ? 0 : s.hidden) : s.hidden);
  // Ulysses deals out heads: what there is too few of goes to several.
  const bool dealt = job.context_kind == ContextKind::ulysses;
  const std::int64_t kv_heads =
      dealt ? std::max<std::int64_t>(s.kv_heads, job.layout.context) : s.kv_heads;
  kernels.kv_width = static_cast<double>(kv_heads * (s.qk + s.v));
  kernels.query_width = static_cast<double>(s.query);
  kernels.output_width = static_cast<double>(s.heads * s.v);
  return kernels;
}

}  // namespace aisle::workloads::parallel
