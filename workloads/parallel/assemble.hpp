// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <string>
#include <vector>

namespace aisle::workloads::parallel {

/// The plan of one optimizer step of a checked job that fits. Sentences about simplifications that
/// this job meets are added to `caveats`.
Plan assemble(const Job& job, std::vector<std::string>& caveats);

}  // namespace aisle::workloads::parallel
