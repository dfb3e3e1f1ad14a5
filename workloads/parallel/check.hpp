// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <optional>

namespace aisle::workloads::parallel {

/// Checks a training description against model and cluster, and applies defaults. Every error goes
/// to `diagnostics`, at its field below "workload.training"; then there is no job. `loads` as in
/// place().
std::optional<Job> check(const ModelGraph& model, const pb::Training& training,
                         const topology::Cluster& cluster, Folding folding, const SourceMap& places,
                         Diagnostics& diagnostics, const ExpertLoads* loads = nullptr);

/// The same for a search, which does not ask why: all but ZeRO stage and recomputation, which
/// change_states() adds.
std::optional<Job> check_layout(const ModelGraph& model, const pb::Training& training,
                                const topology::Cluster& cluster, Folding folding);

/// Gives a job the ZeRO stage and the recomputation of `training`; false where they are refused.
bool change_states(Job& job, const pb::Training& training);

}  // namespace aisle::workloads::parallel
