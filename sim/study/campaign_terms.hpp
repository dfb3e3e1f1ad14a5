// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/failures.hpp"
#include "sim/study/campaign.hpp"
#include "sim/study/result.pb.h"
#include "topology/cluster.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace aisle {
class SourceMap;
class Diagnostics;
}  // namespace aisle

/// workload.training.campaign: from its text to the parts of the run. Used by sim/study alone.
namespace aisle::sim {

/// The message with its quantities read; 0 where not given.
struct CampaignTerms {
  int nodes = 1;

  struct {
    Bytes sample;
    BytesPerSecond rate;  ///< of all nodes together
    Seconds preparation;  ///< of one sample
    double workers = 1;   ///< on all nodes
    bool ahead = true;
  } data;

  struct {
    bool given = false, asynchronous = false;
    Seconds interval;
    BytesPerSecond rate;  ///< of all nodes together
    BytesPerSecond host;  ///< one accelerator to host memory
  } checkpoint;

  struct {
    int every_steps = 0, sequences = 0;
  } evaluation;

  Seconds between_failures, restart;  ///< of the whole job, all causes together

  struct {
    std::vector<power::FailureClass> classes;  ///< restarts without reading the checkpoint
    std::vector<std::size_t> planned;          ///< classes before which a checkpoint is written
    int draws = 0, spares = 0;
  } failures;
};

/// Reads and checks; errors at their field. Nothing where the training has no campaign.
std::optional<CampaignTerms> read_campaign(const pb::Training& training, int accelerators,
                                           const SourceMap& places, Diagnostics& diagnostics);

/// What the terms do not say.
struct CampaignRun {
  double steps = 0;
  double samples = 0;        ///< sequences of one step
  Seconds step, evaluation;  ///< of one pause
  double trained = 0;        ///< parameters with optimizer states
  double state_bytes = 0;    ///< of one of them, as a checkpoint keeps it
  int accelerators = 1;
  Seconds teacher, teacher_before;  ///< beyond each step, and before the run
  Bytes predictions;                ///< read with each step's samples
};

/// Of one checkpoint to storage; 0 where none is written.
Seconds write_time(const CampaignTerms& terms, const CampaignRun& run);

Campaign campaign_of(const CampaignTerms& terms, const CampaignRun& run);

/// The runs that the terms ask to draw, with failures by cause, shortest first.
std::vector<power::RunDraw> drawn_runs(const CampaignTerms& terms, const CampaignRun& run,
                                       std::uint64_t seed);

/// Their quantiles, and interruptions by cause.
void add_drawn_runs(const CampaignTerms& terms, const std::vector<power::RunDraw>& draws,
                    pb::Result& result);

/// Parts, metrics and caveats of the run.
void add_campaign(const CampaignTerms& terms, const CampaignRun& run, const Campaign& campaign,
                  pb::Result& result);

}  // namespace aisle::sim
