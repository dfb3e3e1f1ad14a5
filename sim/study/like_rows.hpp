// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"
#include "sim/study/validate.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <string>

/// How far off results like one were: errors of held-out rows of the ledgers by what they are of.
/// An interval is the range in which eight of ten such measurements lay, as factors of what was
/// simulated. It contains whatever made predictions wrong there, errors of the kernel curves
/// included; not what a study chooses (prices, tariffs, the length of a run). Errors of training
/// power are too few to be told apart: energy takes those of serving.
namespace aisle::sim {

/// The rows of the half that nothing was fitted to, by workload, quantity, kind of model and
/// whether the accelerator has kernel curves of its own: rows whose layout is in print, or, of
/// quantities that have few such, all. Groups of fewer than 12 rows are left out.
pb::LikeRowsTable like_rows_of(const Validation& validation, const topology::Catalogue& catalogue);

/// The table as the file that `aisle validate --like-rows` writes.
std::string like_rows_text(const pb::LikeRowsTable& table);

/// Gives the metrics of a result intervals from the table that is shipped
/// (scenarios/validation/like_rows.textproto), and the result the groups that they are from: those
/// of the same kind of model and accelerator, or else wider ones.
void add_intervals(pb::Result& result, const topology::Catalogue& catalogue);
/// The same from a given table.
void add_intervals(pb::Result& result, const topology::Catalogue& catalogue,
                   const pb::LikeRowsTable& table);

}  // namespace aisle::sim
