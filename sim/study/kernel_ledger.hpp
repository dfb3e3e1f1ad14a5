// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/csv.hpp"
#include "sim/study/validate.hpp"

/// Tables of measured kernels as ledgers of `aisle validate`.
namespace aisle::sim {

/// Every kernel of a table with the time that the shipped calibration gives it. Kind is the family,
/// size that of the minimal HBM traffic, algorithm the implementation, half as in calibrate().
std::vector<ValidationRow> validate_kernels(const CsvTable& table, const ValidateOptions& options,
                                            const topology::Catalogue& catalogue,
                                            Diagnostics& diagnostics);

}  // namespace aisle::sim
