// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_table.hpp"
#include "gui/models/timeline_model.hpp"

namespace aisle::gui {

/// Busy time of every stream in a range, by kind.
Table stream_table(const TimelineModel& model, TimeRange range);
/// What one rank does in a range: shares that compute, communicate beside that, and wait. Empty for
/// ranges of too many spans to look at each.
QString range_text(const TimelineModel& model, int rank, TimeRange range);
/// What the critical path spends its time on, by operation, longest first.
Table critical_table(const TimelineModel& model);

}  // namespace aisle::gui
