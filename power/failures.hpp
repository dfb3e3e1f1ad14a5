// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace aisle {
class Random;
}

namespace aisle::power {

/// What interrupts a job, of one cause.
struct FailureClass {
  std::string name;
  Seconds between;     ///< of the whole job, mean
  Seconds detection;   ///< until somebody notices; the job hangs
  Seconds restart;     ///< then, to the first step after it, with reading the checkpoint
  Seconds repair;      ///< of the node that failed, which is out for so long; 0: none is
  Seconds stall = {};  ///< above 0: the job waits so long and loses nothing; the others are 0 then
};

/// A run of a job that every failure stops.
struct RunModel {
  Seconds work;      ///< that has to be done
  Seconds interval;  ///< of work between two checkpoints; `work` where none is written
  Seconds stall;     ///< of the work, while a checkpoint is taken
  Seconds write;     ///< until it can be read again; beyond the stall, beside the work
  int spares = 0;    ///< nodes that stand by; a restart waits for a repair where all are out
  std::vector<FailureClass> classes;
};

/// One run as it happened; the times add up to `whole`.
struct RunDraw {
  Seconds whole, work, checkpoint, lost, detection, restart, repair, stalled;
  std::vector<std::int64_t> failures;  ///< [classes]

  double goodput() const { return work / whole; }
};

/// Draws one run: failures strike at random (exponential), one cause at a time, also while the job
/// restarts. What came after the newest checkpoint that was wholly written is done again. Stops at
/// `longest`, with the work then done. Cost: failures x log(nodes in repair). The mean of many is
/// Daly's closed form (sim/study/campaign.hpp): tested.
RunDraw draw_run(const RunModel& model, Random& random, Seconds longest);

}  // namespace aisle::power
