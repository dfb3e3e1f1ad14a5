// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "sim/study/validate.hpp"

#include <string>

namespace aisle::sim {

/// For a terminal: errors by group, the ten worst rows, rows without a prediction by reason.
std::string validation_text(const Validation& validation);
/// The JSON document of `aisle validate --json` (contract: docs/formats/json.md).
std::string validation_json(const Validation& validation, Seconds wall_time);
/// Predicted over measured, both axes logarithmic, one mark per row, coloured by size class;
/// round marks inside a scale-up domain, square ones across. Empty if no row is predicted.
std::string validation_svg(const Validation& validation);

}  // namespace aisle::sim
