// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"
#include "workloads/parallel/schedule.hpp"

#include <string>
#include <vector>

namespace aisle::workloads::parallel {

/// Bytes that one rank keeps of one layer and micro-batch from the forward to the backward pass.
double activation_bytes(const Job& job, const Layer& layer);

/// Memory of every pipeline rank at the peak of its schedule.
std::vector<RankMemory> memory_of(const Job& job);

/// Why the job does not fit: how much is missing, the largest holders, and the cheapest of a few
/// changes that makes it fit.
std::string explain_misfit(const Job& job, const std::vector<RankMemory>& memory);

}  // namespace aisle::workloads::parallel
