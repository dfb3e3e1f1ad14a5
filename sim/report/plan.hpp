// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/report/report.hpp"
#include "sim/study/plan.hpp"

#include <optional>
#include <string>

namespace aisle::sim {

/// What a plan says, for people: the answer, orders, what runs where, quarters, limits with their
/// prices, sensitivity; of a plan that cannot be, the limits that are at odds.
std::string plan_text(const PlanOutcome& outcome);
/// The same as one JSON document (docs/formats/plan.md).
std::string plan_json(const PlanOutcome& outcome);
/// The same in a form of its own: JSON, Markdown, with figures a self-contained page or a PDF, and
/// the figures alone; there is no CSV of it.
std::optional<std::string> plan_report(const PlanOutcome& outcome, ReportForm form);
/// Operating points as a plan's `points` file.
std::string plan_points_text(const PlanOutcome& outcome);

}  // namespace aisle::sim
