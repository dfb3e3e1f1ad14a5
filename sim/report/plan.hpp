// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/plan.hpp"

#include <string>

namespace aisle::sim {

/// What a plan says, for people: the answer, orders, what runs where, quarters, limits with their
/// prices, sensitivity; of a plan that cannot be, the limits that are at odds.
std::string plan_text(const PlanOutcome& outcome);
/// The same as one JSON document (docs/formats/plan.md).
std::string plan_json(const PlanOutcome& outcome);
/// As Markdown, and with figures as a self-contained page or a PDF.
std::string plan_markdown(const PlanOutcome& outcome);
std::string plan_html(const PlanOutcome& outcome);
std::string plan_pdf(const PlanOutcome& outcome);
/// Operating points as a plan's `points` file.
std::string plan_points_text(const PlanOutcome& outcome);

}  // namespace aisle::sim
