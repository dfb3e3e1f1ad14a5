// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/routing.hpp"
#include "workloads/parallel/layers.hpp"

namespace aisle::workloads::parallel {

namespace {

constexpr Direction kForward = Direction::forward;
constexpr Direction kBackward = Direction::dgrad;

/// Launches of a few microseconds around the top-k selection that move next to no bytes, counted
/// in deepseek-ai/profile-data @ 4496024 : train.json, per layer.
constexpr int kSmallForward = 36, kSmallBackward = 45;

Routing routing_of(const FeedForwardShape& shape) {
  return {shape.experts, shape.top_k, shape.groups, shape.group_limit};
}

/// A dense block or shared experts: `rows` tokens, `width` columns after the activation.
struct Block {
  std::int64_t rows, shard, hidden, width, gates;  ///< gates: matrices before the activation
  bool cast_gradient;  ///< dy arrives in two bytes (experts: it was cast before the exchange)
};

/// Bytes per activated number: `gates` two-byte inputs, one output, with its scale if narrow.
double activation_bytes(const Job& job, std::int64_t gates) {
  const double output = topology::size_of(job.precision).si();
  return 2.0 * static_cast<double>(gates) + (job.block_scaled() ? output + job.scale_bytes() : 2.0);
}

void block_forward(const Job& job, const Block& b, KernelList& k) {
  const std::int64_t columns = b.gates * b.width;
  if (b.cast_gradient) k.cast_of_norm("cast x", b.rows, b.hidden);
  k.scales(kForward, b.rows, b.hidden);
  k.gemm("gate and up", kForward, b.rows, columns, b.hidden);
  k.stream(Family::elementwise, "activation", kForward, b.rows, b.width,
           activation_bytes(job, b.gates));
  k.gemm("down", kForward, b.rows, b.hidden, b.width);
  if (job.block_scaled()) k.cast("cast for stash", kForward, b.rows, columns);
}

void block_backward(const Job& job, const Block& b, KernelList& k) {
  const std::int64_t columns = b.gates * b.width;
  if (job.block_scaled()) k.cast("cast back from stash", kBackward, b.rows, columns);
  if (b.cast_gradient) k.cast("cast dy", kBackward, b.rows, b.hidden);
  k.transpose("down weight transpose", kBackward, b.hidden, b.width);
  k.scales(kBackward, b.rows, b.hidden);
  k.gemm("down", kBackward, b.rows, b.width, b.hidden);
  k.cast_transpose("dy cast and transpose", b.rows, b.hidden);
  if (job.recomputes(Part::every_second_product) && b.gates == 2) {
    k.gemm("up", kForward, b.rows, b.width, b.hidden);
  }
  if (job.recomputes(Part::activation) && !job.recomputes(Part::mlp)) {
    k.stream(Family::elementwise, "activation", kForward, b.rows, b.width,
             activation_bytes(job, b.gates));
  }
  // Inputs and the output's gradient read, the inputs' gradients written.
  k.stream(Family::elementwise, "activation gradient", kBackward, b.rows, b.width,
           4.0 * static_cast<double>(b.gates) + 2.0);
  if (!b.cast_gradient && job.block_scaled()) k.cast("cast x back", kBackward, b.rows, b.hidden);
  k.transpose("gate and up weight transpose", kBackward, columns, b.hidden);
  k.cast("cast d gate and up", kBackward, b.rows, columns);
  k.scales(kBackward, b.rows, columns);
  k.gemm("gate and up", kBackward, b.rows, b.hidden, columns);
  k.cast_transpose("d gate and up cast and transpose", b.rows, columns);
  k.cast_transpose("x cast and transpose", b.rows, b.hidden);
}

void block_weight(const Block& b, KernelList& k) {
  k.weight_gradient("down", b.hidden, b.width, b.rows);
  k.weight_gradient("gate and up", b.gates * b.width, b.hidden, b.rows);
}

/// Routed experts of one rank: `received` tokens arrive, as `rows` rows sorted by expert.
struct ExpertBlock {
  std::int64_t tokens, received, rows, hidden, width, gates;
  int local;
  double load;  ///< of what follows the rows
};

/// Bytes of gathering received tokens to rows by expert, or summing rows to tokens again: both
/// sides once, per number of the hidden size.
void permute(const char* name, Direction direction, const ExpertBlock& e, double bytes,
             KernelList& k) {
  k.stream(Family::permute, name, direction, e.rows + e.received, e.hidden, bytes);
}

double exchanged_bytes(const Job& job) {
  return job.block_scaled() ? topology::size_of(job.precision).si() + job.scale_bytes() : 2.0;
}

void expert_forward(const Job& job, const ExpertBlock& e, KernelList& k) {
  const std::int64_t columns = e.gates * e.width;
  k.follow_rows(e.load);
  k.stream(Family::router, "count and map experts", kForward, e.received, 1, 64, 2);
  permute("expand to experts", kForward, e, exchanged_bytes(job), k);
  k.follow_tokens();
  k.transpose("expert weight transpose", kForward, columns * e.local, e.hidden);
  k.follow_rows(e.load);
  k.scales(kForward, e.rows, e.hidden);
  k.grouped("expert gate and up", kForward, e.rows, columns, e.hidden, e.local);
  k.stream(Family::elementwise, "expert activation", kForward, e.rows, e.width,
           activation_bytes(job, e.gates));
  k.follow_tokens();
  k.transpose("expert weight transpose", kForward, e.hidden * e.local, e.width);
  k.follow_rows(e.load);
  k.grouped("expert down", kForward, e.rows, e.hidden, e.width, e.local);
  permute("reduce from experts", kForward, e, 2, k);
  if (job.block_scaled()) k.cast("cast for stash", kForward, e.rows, columns);
}

void expert_backward(const Job& job, const ExpertBlock& e, KernelList& k) {
  const std::int64_t columns = e.gates * e.width;
  k.follow_rows(e.load);
  if (job.block_scaled()) k.cast("cast back from stash", kBackward, e.rows, columns);
  permute("expand gradients to experts", kBackward, e, exchanged_bytes(job), k);
  k.scales(kBackward, e.rows, e.hidden);
  k.grouped("expert down", kBackward, e.rows, e.width, e.hidden, e.local);
  // The activation is computed again in the same kernel.
  k.stream(Family::elementwise, "expert activation gradient", kBackward, e.rows, e.width,
           4.0 * static_cast<double>(e.gates) + 4.0);
  k.stream(Family::elementwise, "routing weight gradient", kBackward, e.rows, e.width, 4);
  k.cast_transpose("activation cast and transpose", e.rows, e.width);
  if (job.recomputes(Part::norms)) {
    k.follow_tokens();
    k.stream(Family::norm, "feed-forward norm", kForward, e.tokens, e.hidden, 4);
    k.cast("cast x", kForward, e.tokens, e.hidden);
    k.follow_rows(e.load);
  }
  k.cast("cast d gate and up", kBackward, e.rows, columns);
  k.grouped("expert gate and up", kBackward, e.rows, e.hidden, columns, e.local);
  permute("reduce gradients from experts", kBackward, e, 2, k);
  k.cast_transpose("d gate and up cast and transpose", e.rows, columns);
}

void expert_weight(const ExpertBlock& e, KernelList& k) {
  k.follow_rows(e.load);
  k.transpose("dy transpose", Direction::wgrad, e.rows, e.hidden);
  k.grouped_weight_gradient("expert down", e.hidden, e.width, e.rows, e.local);
  k.transpose("x transpose", Direction::wgrad, e.rows, e.hidden);
  k.grouped_weight_gradient("expert gate and up", e.gates * e.width, e.hidden, e.rows, e.local);
}

template <typename Fill>
std::vector<Kernel> listed(const Job& job, Fill fill) {
  KernelList kernels(job);
  fill(kernels);
  return kernels.take();
}

void add_block(const Job& job, const Block& b, FeedForwardKernels& kernels) {
  kernels.forward = listed(job, [&](KernelList& k) { block_forward(job, b, k); });
  kernels.backward = listed(job, [&](KernelList& k) {
    if (b.cast_gradient && job.recomputes(Part::norms)) {
      k.stream(Family::norm, "feed-forward norm", kForward, b.shard, b.hidden, 4);
    }
    block_backward(job, b, k);
  });
  kernels.weight = listed(job, [&](KernelList& k) { block_weight(b, k); });
}

}  // namespace

Copies token_copies(const FeedForwardShape& shape, const topology::Hierarchy& group) {
  const Routing routing = routing_of(shape);
  return {expected_copies(routing, group.domains), expected_copies(routing, group.size)};
}

double arriving_copies(const FeedForwardShape& shape, int ranks) {
  return expected_copies(routing_of(shape), ranks);
}

FeedForwardKernels feed_forward_kernels(const Job& job, const Layer& layer, double expert_load) {
  const FeedForwardShape& f = layer.feed_forward;
  FeedForwardKernels kernels;
  const std::int64_t hidden = job.model->hidden, gates = f.gated ? 2 : 1;
  const std::int64_t tensor = job.layout.tensor;
  if (f.experts == 0) {
    add_block(job, {job.tokens(), job.shard_tokens(), hidden, f.hidden / tensor, gates, true},
              kernels);
    return kernels;
  }
  if (f.shared > 0) {
    const std::int64_t width = static_cast<std::int64_t>(f.shared) * f.shared_hidden / tensor;
    add_block(job, {job.tokens(), job.shard_tokens(), hidden, width, gates, false}, kernels);
  }
  ExpertBlock e{};
  e.tokens = job.shard_tokens();
  // Ranks that hold parts of the same experts all get the tokens of each other.
  e.received = static_cast<std::int64_t>(static_cast<double>(e.tokens * job.expert_tensor) *
                                         arriving_copies(f, job.layout.expert));
  e.rows = e.tokens * f.top_k * job.expert_tensor;
  e.hidden = hidden;
  e.width = f.hidden / job.expert_tensor;
  e.gates = gates;
  e.local = job.local_experts(f);
  e.load = expert_load;
  kernels.expert_forward = listed(job, [&](KernelList& k) { expert_forward(job, e, k); });
  kernels.expert_backward = listed(job, [&](KernelList& k) { expert_backward(job, e, k); });
  kernels.expert_weight = listed(job, [&](KernelList& k) { expert_weight(e, k); });
  return kernels;
}

std::vector<Kernel> router_forward(const Job& job, const FeedForwardShape& shape) {
  return listed(job, [&](KernelList& k) {
    const std::int64_t tokens = job.shard_tokens();
    k.wide_gemm("router gate", kForward, tokens, shape.experts, job.model->hidden, 4);
    k.stream(Family::router, "top-k selection", kForward, tokens, shape.experts, 8, 3);
    k.stream(Family::router, "routing bookkeeping", kForward, tokens, 1, 4, kSmallForward);
    k.cast("cast x for dispatch", kForward, tokens, job.model->hidden);
  });
}

std::vector<Kernel> router_backward(const Job& job, const FeedForwardShape& shape) {
  return listed(job, [&](KernelList& k) {
    const std::int64_t tokens = job.shard_tokens();
    k.wide_gemm("router gate", kBackward, tokens, job.model->hidden, shape.experts, 4);
    k.wide_weight_gradient("router gate", shape.experts, job.model->hidden, tokens);
    k.stream(Family::router, "routing bookkeeping", kBackward, tokens, 1, 4, kSmallBackward);
  });
}

}  // namespace aisle::workloads::parallel
