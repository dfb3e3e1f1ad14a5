// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

/// What a result hangs on: one input at a time at each end of its interval, everything else as it
/// is. Intervals: products of the accelerator by the 90th percentile of their curves' held-out
/// errors (all off the same way), bandwidths and prices by the basis of their catalogue figures
/// (measured 2 %, calibrated and vendor 5 %, extrapolated 15 %, assumed 25 %: a convention of
/// ours), spreads between accelerators and experts from half to twice. Runs of the analytic engine,
/// two for each input, whose ratio to its own result is put on the result at hand.
namespace aisle::sim {

/// Adds the sensitivities of the workload's main metrics to a result of the study, the largest
/// effect first. Inputs that the study's workload does not use change nothing and are left out.
void add_sensitivity(const Study& study, const topology::Catalogue& catalogue, pb::Result& result);

}  // namespace aisle::sim
