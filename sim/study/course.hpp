// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/series.hpp"
#include "sim/base/units.hpp"

#include <optional>

/// Power over the first stretch of a run: its start, steps, evaluations, checkpoints, a crash. Used
/// by sim/study alone.
namespace aisle::sim {

/// What happens when. Times of what does not happen are 0.
struct Course {
  Seconds span;   ///< that is shown
  Seconds start;  ///< before the first step
  std::optional<Seconds> crash;
  Seconds restart;          ///< from a crash to the first step after it
  int evaluate_every = 0;   ///< steps
  Seconds evaluation;       ///< each
  Seconds interval, stall;  ///< of work between checkpoints; in each of which nothing trains
  Watts rest, evaluating;   ///< all nodes: before the start and after a crash; in evaluations
  Watts waiting;            ///< while a checkpoint is taken
};

/// The steps of `step` with what comes between them, in intervals of a two thousandth of the span,
/// or of the step where that is shorter. After a crash what came after the newest checkpoint (or
/// the start) is done again. Energy is that of the parts.
power::Series power_of_course(const Course& course, const power::Series& step);

}  // namespace aisle::sim
