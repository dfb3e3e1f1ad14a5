// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

namespace aisle::workloads::parallel {

/// What is computed again, into the job.
void read_recompute(Job& job, const pb::Training& training, const Refuse& refuse);

/// Whether the scaling fits the format.
void check_scaling(const Job& job, const pb::Training& training, const Refuse& refuse);

/// Transformer layers of each stage, balanced where the description gives none.
void read_stage_layers(Job& job, const pb::Training& training, const Refuse& refuse);

}  // namespace aisle::workloads::parallel
