// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "topology/cluster.hpp"

#include <cstdint>
#include <string_view>

namespace aisle::workloads {

enum class Family {
  gemm,          ///< dense matrix product C[m,n] = A[m,k] B[k,n]
  grouped_gemm,  ///< `groups` products that share n and k; m is the rows of all groups together
  attention,     ///< fused attention over query/key/value heads, many queries (prefill, training)
  attention_decode,  ///< few queries over a cache of keys and values
  mla,               ///< latent attention, many queries, heads expanded
  mla_decode,        ///< latent attention, few queries over the cached latents (absorbed)
  norm,              ///< RMSNorm, LayerNorm
  elementwise,       ///< activation functions, residuals, rotary position, scaling, concatenation
  cast,              ///< quantisation and conversion between number formats
  transpose,         ///< layout change of quantised operands
  permute,           ///< gathering tokens by expert and back
  router,            ///< top-k selection and its bookkeeping
  embedding,         ///< table look-up and its gradient
  loss,              ///< softmax cross-entropy over the vocabulary
  optimizer,         ///< parameter update
  convolution,
  reduction,  ///< sums, maxima, sorts and scans on their own
  copy,       ///< copies and fills of device memory
  other,      ///< not known
};
inline constexpr int kFamilies = static_cast<int>(Family::other) + 1;
std::string_view to_string(Family family);

enum class Direction { forward, dgrad, wgrad };  ///< attention backward is dgrad

/// One kernel (or `count` equal ones in a row), by shape. `flops` and `hbm_bytes` are those of one
/// launch; bytes are the minimal traffic.
struct Kernel {
  Family family = Family::gemm;
  Direction direction = Direction::forward;
  topology::Precision precision = topology::Precision::bf16;
  /// C[m,n] = A[m,k] B[k,n]. Attention: m = query tokens, n = head size of qk plus v, k = heads.
  /// Weight gradients of grouped products: k = the rows of all groups together. Kernels that only
  /// move bytes: m rows, n columns.
  std::int64_t m = 0, n = 0, k = 0;
  int groups = 1;
  Flops flops;
  Bytes hbm_bytes;
  int count = 1;
  double load =
      1;  ///< time on the most loaded member over that on the mean one, whose work this is
  bool follows_rows = false;  ///< of experts: time is proportional to the rows that they receive
  const char* name = "";      ///< string literal, e.g. "q up-projection"
};

}  // namespace aisle::workloads
