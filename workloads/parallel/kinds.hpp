// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Inside of workloads/parallel: words of the schema, each list in its order.
namespace aisle::workloads::parallel {

/// How cut sequences see each other's keys and values, in the order of pb::ContextKind.
enum class ContextKind { kv_gather, kv_ring, ulysses };

/// In the order of pb::Schedule.
enum class Schedule { one_f_one_b, interleaved, dual_pipe, gpipe, zb_h1, zb_v, breadth_first };
enum class Recompute { none, selective, full };

/// What of a layer is computed again, in the order of pb::RecomputePart.
enum class Part {
  norms,
  activation,
  moe_activation,
  mla_up_projection,
  core_attention,
  mlp,
  moe,
  every_second_product
};

/// How operands narrower than two bytes are scaled, in the order of pb::Scaling.
enum class Scaling { per_tensor, blocks, mx, nv };

}  // namespace aisle::workloads::parallel
