// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/kernel.hpp"

/// Kernels as measured tables describe them: by shape, with their operations and minimal bytes.
namespace aisle::workloads {

/// Bytes of one number of each operand.
struct OperandBytes {
  double activation = 2, weight = 2, output = 2;
};

/// C[m,n] = A[m,k] B[k,n].
Kernel dense_product(topology::Precision precision, double m, double n, double k,
                     const OperandBytes& bytes);

/// What the busiest rank of an expert-parallel group gets.
struct ExpertLoad {
  double rows = 1;    ///< (token, expert) pairs that it computes
  double active = 1;  ///< experts of it that get a token at all
};

/// `tokens` x `chosen` pairs over `experts` on `ranks`. Balanced where `exponent` is 0; else the
/// experts' shares are drawn from a power law of that exponent between 1 and 0.8 x tokens, as
/// measurements with skewed loads do, and the figures are means over draws.
ExpertLoad busiest_rank(double tokens, int chosen, int experts, int ranks, double exponent);

/// One product of all experts on a rank.
Kernel expert_product(topology::Precision precision, const ExpertLoad& load, double n, double k,
                      const OperandBytes& bytes);

/// Gate-up, activation, down and the gathering around them, timed as one: a product of three times
/// the experts' width.
Kernel expert_layer(topology::Precision precision, const ExpertLoad& load, double tokens,
                    double hidden, double width, const OperandBytes& bytes);

struct CacheAttention {
  double batch = 1, queries = 1;  ///< sequences, and query tokens of each
  double context = 1;             ///< keys of each sequence, those of the queries included
  double heads = 1, caches = 1;   ///< query heads; key-value heads (MLA decode: 1)
  double qk = 128, v = 128;       ///< head sizes
  double cached = 256;            ///< numbers in the cache for one token and key-value head
  double cache_bytes = 2, operand_bytes = 2;
  bool causal = true;
};

Kernel attention(Family family, topology::Precision precision, const CacheAttention& shape);

/// A kernel that only moves bytes.
Kernel streaming(Family family, double rows, double columns, double bytes_per_element);

}  // namespace aisle::workloads
