// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <string>
#include <vector>

namespace aisle::workloads::parallel {

/// Reads `workload.training.routing` into a job whose layout is known to divide cluster and
/// experts. `loads` are those of the table that it names; null where it names none.
void read_routing(const pb::Training& training, const ExpertLoads* loads, const SourceMap& places,
                  Job& job, Diagnostics& diagnostics);

/// Rows of the plan's ranks by recorded loads; empty where there are none or one rank stands for
/// all. Replicas of an expert group, and micro-batches, take the recorded steps in turn.
RowsOf recorded_rows(const Job& job);

/// What to know about uneven experts when reading a result.
void add_expert_caveats(const Job& job, std::vector<std::string>& caveats);

}  // namespace aisle::workloads::parallel
