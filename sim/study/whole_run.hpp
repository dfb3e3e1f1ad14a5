// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/campaign_terms.hpp"
#include "sim/study/forward.hpp"
#include "workloads/parallel/place.hpp"

#include <optional>
#include <string>

/// A training run with what is around its steps. Used by sim/study alone.
namespace aisle::sim {

/// What a run is made of before its step is known.
struct Around {
  CampaignTerms terms;
  std::optional<ForwardPass> evaluation;
  std::optional<TeacherPass> teacher;
  std::string misfit;  ///< why the teacher does not fit; empty: it does
};

/// The run's own parts, which all of it shares.
struct RunGround {
  const pb::Scenario& scenario;
  const workloads::ModelGraph& model;
  const topology::Cluster& cluster;
  const topology::Catalogue& catalogue;
  const workloads::ExpertLoads* loads;
  double tokens;  ///< of the whole run
  const RankPower& power;
};

/// Passes of evaluations and teacher; errors at their fields.
std::optional<Around> around(const RunGround& ground, const CampaignTerms& terms,
                             const workloads::TrainingPlan& training, const SourceMap& places,
                             Diagnostics& diagnostics);

struct WholeRun {
  CampaignRun run;
  Campaign campaign;
  std::vector<power::RunDraw> draws;  ///< with failures by cause, where asked for
  Teacher teacher;

  /// Time of the run over that of its steps; 1 where the run never ends.
  double stretch() const;
};

WholeRun whole_run(const RunGround& ground, const Around& around,
                   const workloads::TrainingPlan& training, Seconds step);

/// Parts, metrics and caveats.
void add_whole_run(const RunGround& ground, const Around& around, const WholeRun& whole,
                   pb::Result& result);

}  // namespace aisle::sim
