// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"

/// The run around the steps, in closed form (docs/model/campaign.md). Used by sim/study alone.
namespace aisle::sim {

/// What a run is made of.
struct CampaignInput {
  double steps = 0;
  Seconds step;
  Seconds loading;           ///< of the samples of one step
  bool ahead = true;         ///< loaded beside the step before
  double evaluations = 0;    ///< pauses in the whole run
  Seconds evaluation;        ///< each
  Bytes checkpoint;          ///< 0: none is written
  Seconds write;             ///< of one checkpoint to storage
  Seconds stall;             ///< of the steps while one is taken
  Seconds interval;          ///< of work between two; 0: the best one
  Seconds between_failures;  ///< of the whole job; 0: nothing fails
  Seconds restart;           ///< from a failure to the first step after it
  double stalled = 0;        ///< time held up without a loss, over the time that the job works
};

/// Where the time of a run goes; the parts are the whole.
struct Campaign {
  Seconds training, teacher, data, evaluation, checkpoint, lost, restart, stalled;
  double checkpoints = 0, failures = 0;
  Seconds interval, best_interval;  ///< of work between checkpoints

  Seconds whole() const {
    return training + teacher + data + evaluation + checkpoint + lost + restart + stalled;
  }

  double goodput() const { return training / whole(); }
};

/// Time to finish with failures at random (exponential): between checkpoints a stretch of work and
/// its stall, s long, ends undisturbed with chance exp(-s / M); failed attempts are lost, and each
/// is followed by a restart, which may fail too (J. T. Daly, 2006, equation 20). Of asynchronous
/// checkpoints (stall shorter than write) a failure also loses what was done while the newest was
/// still being written.
Campaign run_campaign(const CampaignInput& input);

/// Work between checkpoints of which each stalls by `stall` that makes the time shortest: the root
/// of (1 - t / M) exp((t + stall) / M) = 1, which tends to Young's sqrt(2 stall M).
Seconds best_checkpoint_interval(Seconds stall, Seconds between_failures);

}  // namespace aisle::sim
