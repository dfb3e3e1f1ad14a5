// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "sim/study/validate.hpp"

#include <string>
#include <string_view>

namespace aisle::sim {

/// For a terminal: errors by group, the ten worst rows, rows without a prediction by reason.
std::string validation_text(const Validation& validation);
/// The JSON document of `aisle validate --json` (contract: docs/formats/json.md).
std::string validation_json(const Validation& validation, Seconds wall_time);
/// Predicted over measured, both axes logarithmic, one mark per row, coloured by size class;
/// round marks inside a scale-up domain, square ones across. Empty if no row is predicted.
std::string validation_svg(const Validation& validation);
/// Predicted over measured time (rates turned over), one mark per row, a line for each group by
/// "kind", "chip" or "chips" as validation.groups has them. Empty if there is no such group.
std::string error_strips_svg(const Validation& validation, std::string_view by);

}  // namespace aisle::sim
