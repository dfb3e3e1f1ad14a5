// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: what reports say.
#pragma once

#include "sim/report/document.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"

#include <span>

namespace aisle::sim::report {

/// Of one result.
Document document_of(const pb::Result& result);
/// Of several, the first as the base.
Document document_of(std::span<const pb::Result> results);

/// Answer, key figures, how far off and what is assumed, of a result that a report is not about
/// alone.
void add_point(Document& document, const pb::Result& result);
TableBlock parts_table(const std::vector<PartText>& parts, double total);
/// The rows of the ledgers that say how far off such results were.
void add_validity(Document& document, const pb::Result& result);
/// Every basis with its meaning.
void add_marks(Document& document);

}  // namespace aisle::sim::report
