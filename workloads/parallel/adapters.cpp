// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/layers.hpp"

namespace aisle::workloads::parallel {

namespace {

/// Numbers that go into and come out of all adapted products of a layer; an adapter beside a
/// product has `rank` parameters for each.
double adapted_width(const Job& job, const Layer& layer) {
  const AttentionShape& a = layer.attention;
  const FeedForwardShape& f = layer.feed_forward;
  const double hidden = job.model->hidden, gates = f.gated ? 2 : 1;
  double width = 0;
  if (job.adapters.attention && a.heads > 0) {
    const double query = static_cast<double>(a.heads) * a.qk_dim;
    const double value = static_cast<double>(a.heads) * a.v_dim;
    width += value + hidden;  // o projection
    if (a.mla) {
      const double key_value = static_cast<double>(a.heads) * (a.qk_dim - a.rope_dim) + value;
      width += a.q_lora_rank > 0 ? hidden + 2.0 * a.q_lora_rank + query : hidden + query;
      width += hidden + 2.0 * a.kv_lora_rank + a.rope_dim + key_value;
    } else {
      width += hidden + query + static_cast<double>(a.kv_heads) * (a.qk_dim + a.v_dim);
    }
  }
  if (job.adapters.feed_forward) {
    const double inner = f.experts > 0 ? static_cast<double>(f.shared) * f.shared_hidden : f.hidden;
    if (inner > 0) width += hidden + gates * inner + inner + hidden;
  }
  return width;
}

}  // namespace

HeldParameters trained_parameters(const Job& job, const Layer& layer) {
  if (!job.frozen()) return held_parameters(job, layer);
  // Both halves of an adapter are cut as its product is.
  return {job.adapters.rank * adapted_width(job, layer) / job.layout.tensor, 0};
}

}  // namespace aisle::workloads::parallel
