// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <vector>

namespace aisle::workloads::parallel {

/// One stage's pass of one micro-batch; direction 1 enters DualPipe's pipeline from the back.
struct Pass {
  int stage = -1;
  int micro_batch = -1;
  int direction = 0;
};

/// What one pipeline rank does next.
struct Action {
  enum class Kind {
    forward,
    backward,        ///< with weight gradients
    backward_input,  ///< weight gradients put off
    weight,          ///< weight gradients put off
    pair  ///< `forward` interleaved with `backward`, which are of different micro-batches
  };
  Kind kind = Kind::forward;
  Pass forward, backward;  ///< as the kind needs; weight: `backward`
};

/// Order of actions at one pipeline rank. A chunk: one pass forward and one backward. 1F1B:
/// PipeDream-flush; interleaved: Narayanan et al. 2021 as in Megatron-LM; DualPipe: DeepSeek-V3,
/// section 3.2.1, in the eight steps of deepseek-ai/DualPipe @ bb214e8; ZB-H1: Qi et al. 2024
/// (arXiv 2401.10241); ZB-V: theirs too, in the steps of PyTorch's ScheduleZBVZeroBubble; breadth
/// first: Lamy-Poirier 2023 (arXiv 2211.05953).
std::vector<Action> program(const Job& job, int pipeline_rank);

/// All pipeline ranks' programs.
std::vector<std::vector<Action>> programs(const Job& job);

}  // namespace aisle::workloads::parallel
