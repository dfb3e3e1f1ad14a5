// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/serving/step_kernels.hpp"

#include <cstdint>
#include <string>

namespace aisle::workloads {

/// What an engine asks of the memory of each accelerator.
struct MemoryLimits {
  double utilization = 0.9;  ///< of the capacity that the engine may use
  int step_tokens = 8192;    ///< most new tokens of a step
  Bytes reserved;            ///< context, graphs, communication buffers of the engine
  double cache_tokens = 0;   ///< that the cache is set to; 0: what memory leaves
};

/// Memory of the fullest accelerator.
struct ServingMemory {
  Bytes usable;  ///< what the engine may use
  Bytes weights;
  Bytes workspace;  ///< activations of the largest step
  Bytes reserved;
  Bytes cache;             ///< what is left; negative where it does not fit
  Bytes cache_per_token;   ///< of layers that attend to all earlier tokens
  Bytes window_per_token;  ///< of layers with a window, which keep that many tokens
  int window = 0;

  bool fits() const { return cache.si() > 0; }

  /// Cache of a sequence of `tokens`.
  Bytes sequence(double tokens) const;
  /// Sequences of `tokens` that the cache holds at once.
  double sequences(double tokens) const;
  /// Why it does not fit, naming the holders; for one that does not.
  std::string misfit() const;
};

/// Weights once per replica: tensor parallelism cuts matrices, experts are spread or cut, norms and
/// compressions of latent attention are on every rank. Keys and values of the rank's own heads,
/// latents on every rank.
ServingMemory serving_memory(const ServingJob& job, Bytes capacity, const MemoryLimits& limits);

}  // namespace aisle::workloads
