// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/optimizer.hpp"

#include "workloads/parallel/kernel_list.hpp"

#include <algorithm>

namespace aisle::workloads::parallel {

namespace {

constexpr int kNewtonSchulzSteps = 5;

/// Numbers of weights: read and written where the optimizer has no copy of its own.
double weight_traffic(const StateSizes& size) {
  return size.master_weights > 0 ? 2 * size.master_weights + size.weights : 2 * size.weights;
}

/// Products of X[m,n], m <= n, with itself: A = X X', B = b A + c A A, X = a X + B X.
void newton_schulz(const Job& job, const Matrices& matrices, KernelList& all) {
  const std::int64_t m = std::min(matrices.rows, matrices.columns);
  const std::int64_t n = std::max(matrices.rows, matrices.columns);
  KernelList k(job);
  k.wide_gemm("Newton-Schulz", Direction::forward, m, m, n);
  k.wide_gemm("Newton-Schulz", Direction::forward, m, m, m);
  k.wide_gemm("Newton-Schulz", Direction::forward, m, n, m);
  const std::int64_t dealt = (matrices.count + matrices.holders - 1) / matrices.holders;
  for (Kernel product : k.take()) {
    product.count = static_cast<int>(dealt) * kNewtonSchulzSteps;
    all.add(product);
  }
}

}  // namespace

void add_matrices(const Job& job, const Layer& layer, int copies, std::vector<Matrices>& all) {
  const AttentionShape& a = layer.attention;
  if (a.heads == 0) return;
  const FeedForwardShape& f = layer.feed_forward;
  const std::int64_t hidden = job.model->hidden, tensor = job.layout.tensor;
  const bool sharded = job.layout.zero >= 1;
  const int holders = sharded ? job.shard() * copies : 1;
  const auto add = [&](std::int64_t rows, std::int64_t columns, std::int64_t count, int among) {
    if (rows == 0 || columns == 0 || count == 0) return;
    const auto same = std::find_if(all.begin(), all.end(), [&](const Matrices& m) {
      return m.rows == rows && m.columns == columns && m.holders == among;
    });
    if (same != all.end()) {
      same->count += count;
    } else {
      all.push_back({rows, columns, count, among});
    }
  };
  const std::int64_t heads = a.heads / tensor;
  if (a.mla) {
    add(a.q_lora_rank, hidden, 1, holders);
    add(heads * a.qk_dim, a.q_lora_rank > 0 ? a.q_lora_rank : hidden, 1, holders);
    add(a.kv_lora_rank + a.rope_dim, hidden, 1, holders);
    add(heads * (a.qk_dim - a.rope_dim + a.v_dim), a.kv_lora_rank, 1, holders);
  } else {
    const std::int64_t kv_heads = std::max<std::int64_t>(1, a.kv_heads / tensor);
    add(heads * a.qk_dim, hidden, 1, holders);
    add(kv_heads * a.qk_dim, hidden, 1, holders);
    add(kv_heads * a.v_dim, hidden, 1, holders);
  }
  add(hidden, heads * a.v_dim, 1, holders);
  const std::int64_t matrices = f.gated ? 3 : 2;
  if (f.experts == 0) return add(hidden, f.hidden / tensor, matrices, holders);
  add(hidden, static_cast<std::int64_t>(f.shared) * f.shared_hidden / tensor, matrices, holders);
  const int expert_holders = sharded ? job.expert_shard(job.shard()) * copies : 1;
  add(hidden, f.hidden / job.expert_tensor, matrices * (f.experts / job.layout.expert),
      expert_holders);
}

std::vector<Kernel> optimizer_kernels(const Job& job, const Update& update,
                                      const std::vector<Matrices>& matrices) {
  const StateSizes& size = job.states;
  KernelList k(job);
  const auto stream = [&](const char* name, double numbers, double bytes) {
    k.stream(Family::optimizer, name, Direction::forward, static_cast<std::int64_t>(numbers), 1,
             bytes);
  };
  stream("gradient norm", update.share, size.gradients);
  stream("Adam update", job.muon ? update.tables : update.share,
         size.gradients + 4 * size.moments + weight_traffic(size));
  if (job.muon) {
    const double numbers = update.share - update.tables;
    stream("Muon momentum", numbers, size.gradients + 2 * size.moments + 2);
    for (const Matrices& one : matrices) newton_schulz(job, one, k);
    stream("Muon update", numbers, 2 + weight_traffic(size));
  }
  stream("clear gradients", job.layout.zero >= 2 ? update.share : update.held, size.gradients);
  k.cast("cast weights", Direction::forward, static_cast<std::int64_t>(update.held), 1);
  return k.take();
}

}  // namespace aisle::workloads::parallel
