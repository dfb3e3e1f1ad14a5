// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

namespace aisle::workloads::parallel {

/// What a job is for beside training every weight: its forward passes alone, or adapters beside
/// frozen weights; and how mature its software is. Errors go to their fields.
void read_purpose(const pb::Training& training, const SourceMap& places, Job& job,
                  Diagnostics& diagnostics);

}  // namespace aisle::workloads::parallel
