// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

namespace aisle {
class SourceMap;
}

namespace aisle::pb {
class Software;
}

namespace aisle::workloads::parallel {

/// Time of computation in layers with experts over that of their kernels, as the user states it:
/// factor x 2^-(months since 2025-09 / half-life). Errors go to their field below
/// "workload.training.software"; then it is 1.
double software_factor(const pb::Software& software, const SourceMap& places,
                       Diagnostics& diagnostics);

}  // namespace aisle::workloads::parallel
