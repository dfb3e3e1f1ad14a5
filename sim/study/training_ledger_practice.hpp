// SPDX-License-Identifier: Apache-2.0
// Internal to sim/study: what is known of the software behind rows of a ledger of training steps.
#pragma once

#include "sim/study/training_ledger.hpp"

#include <string>
#include <string_view>

namespace aisle::sim {

/// Software of a source, known by who published when, not by the rows.
struct Practice {
  std::string_view family;  ///< of the id
  std::string_view source;  ///< in the column `source`; empty: any
  FlopConvention convention;
  bool overlap;  ///< gradients and weights are communicated beside computation
  /// NVIDIA's recipes and submissions: tensor parallelism is overlapped too, piece by piece
  /// (Transformer Engine's user buffers), and gradients are BF16.
  bool recipe;
  /// Megatron before 2022: attention product by product, and dropout.
  bool early;
  /// No sequence parallelism unless the note says so.
  bool whole_tokens;
  /// In which the host issues one kernel where there are no CUDA graphs; 0: not known to matter.
  double host_launch_us = 0;
  /// PyTorch's own attention, or the flash-attn package before its third version.
  bool flash_2 = false;
  /// Operators one by one, as the peaks of memory that the source measured say too.
  bool eager = false;
};

/// Nothing where nothing is known of the row's source.
const Practice* practice_of(const TrainingRow& row);

/// What the recipe of the row's release captures in CUDA graphs.
pb::CudaGraphs graphs_of(const TrainingRow& row);

}  // namespace aisle::sim
