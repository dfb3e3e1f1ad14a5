// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/layers.hpp"

namespace aisle::workloads::parallel {

/// From some tokens of all heads to all tokens of some heads, or back.
void LayerBuilder::heads_for_tokens(Steps& steps, double bytes) {
  communicate(steps, "context all-to-all", CollectiveKind::all_to_all, Group::context, bytes);
}

void LayerBuilder::gather_keys(Steps& steps, KernelList& k, const Sizes& sizes, Phase phase) {
  if (job_.layout.context == 1 || job_.context_kind != ContextKind::kv_gather) return;
  const bool forward = phase == Phase::forward;
  compute(steps, forward ? "attention projections" : "feed-forward norm backward", k, phase);
  communicate(steps, "context all-gather", CollectiveKind::all_gather, Group::context,
              sizes.key_values * job_.layout.context);
}

void LayerBuilder::core_forward(Steps& steps, KernelList& k, const AttentionKernels& a,
                                const Sizes& sizes) {
  const int blocks = job_.layout.context;
  gather_keys(steps, k, sizes, Phase::forward);
  if (blocks == 1 || job_.context_kind == ContextKind::kv_gather) return k.append(a.forward_core);
  compute(steps, "attention projections", k, Phase::forward);
  switch (job_.context_kind) {
    case ContextKind::kv_gather:
      return;
    case ContextKind::ulysses:
      heads_for_tokens(steps, sizes.queries + sizes.key_values);
      k.append(a.forward_core);
      compute(steps, "attention core", k, Phase::forward);
      heads_for_tokens(steps, sizes.outputs);
      return;
    case ContextKind::kv_ring:
      for (int i = 0; i < blocks; ++i) {
        if (i + 1 < blocks)
          pass_on(steps, "context ring", Group::context, sizes.key_values, Role::beside);
        k.append(a.forward_core);
        compute(steps, "attention block", k, Phase::forward);
      }
      return;
  }
}

void LayerBuilder::core_backward(Steps& steps, KernelList& k, const AttentionKernels& a,
                                 const Sizes& sizes) {
  const int blocks = job_.layout.context;
  if (blocks == 1 || job_.context_kind == ContextKind::kv_gather) {
    k.append(a.backward_core);
    k.append(a.backward_project);
    if (blocks == 1) return;
    compute(steps, "attention backward", k, Phase::backward);
    communicate(steps, "context reduce-scatter", CollectiveKind::reduce_scatter, Group::context,
                sizes.key_values * blocks);
    return;
  }
  compute(steps, "attention output backward", k, Phase::backward);
  if (job_.context_kind == ContextKind::ulysses) {
    heads_for_tokens(steps, sizes.outputs);
    k.append(a.backward_core);
    compute(steps, "attention core backward", k, Phase::backward);
    heads_for_tokens(steps, sizes.queries + sizes.key_values);
  } else {
    // Keys and values go round again; their gradients follow a step behind, and once more to where
    // they belong.
    for (int i = 0; i < blocks; ++i) {
      if (i + 1 < blocks)
        pass_on(steps, "context ring", Group::context, sizes.key_values, Role::beside);
      if (i > 0) pass_on(steps, "context ring", Group::context, sizes.key_values, Role::beside);
      k.append(a.backward_core);
      compute(steps, "attention block backward", k, Phase::backward);
    }
    pass_on(steps, "context ring", Group::context, sizes.key_values, Role::chain);
  }
  k.append(a.backward_project);
}

}  // namespace aisle::workloads::parallel
