// SPDX-License-Identifier: Apache-2.0
// Internal to sim/study.
#pragma once

#include "sim/study/validate.hpp"

namespace aisle::sim {

/// Fills counts, groups and sweeps from the rows.
void summarise(Validation& validation);

}  // namespace aisle::sim
