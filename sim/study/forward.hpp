// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "sim/base/units.hpp"
#include "sim/study/rank_power.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/catalogue/catalogue.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/expert_loads.hpp"

#include <optional>
#include <string>

/// Forward passes around a training run, in closed form. Used by sim/study alone.
namespace aisle::sim {

/// A batch that goes forward once.
struct ForwardPass {
  Seconds time;
  Watts power;         ///< of the mean accelerator
  int sequences = 0;   ///< as many as asked for, or more to fill the last micro-batches
  Bytes memory;        ///< of the fullest accelerator
  std::string misfit;  ///< why it does not fit; empty: it does
};

/// At least `sequences` sequences of `training`, by the analytic engine, on accelerators as warm as
/// they were measured; errors are reported at `field`, whose part the pass is.
std::optional<ForwardPass> forward_pass(const workloads::ModelGraph& model,
                                        const pb::Training& training, int sequences,
                                        const topology::Cluster& cluster,
                                        const topology::Catalogue& catalogue,
                                        const workloads::ExpertLoads* loads, const RankPower& power,
                                        const Place& place, const std::string& field,
                                        Diagnostics& diagnostics);

/// The teacher of a distillation over the tokens of one step of its student.
struct TeacherPass {
  ForwardPass pass;
  int accelerators = 0;         ///< of its own pool
  double prediction_bytes = 0;  ///< kept of one token
};

/// `cluster`: the student's, of which `description` is the text.
std::optional<TeacherPass> teacher_pass(const pb::Training& training, int sequences,
                                        const topology::Cluster& cluster,
                                        const pb::Cluster& description,
                                        const topology::Catalogue& catalogue,
                                        const RankPower& power, const SourceMap& places,
                                        Diagnostics& diagnostics);

/// What a teacher adds to a student's run.
struct Teacher {
  Seconds forward;    ///< over the tokens of one step of the student
  Seconds each_step;  ///< beyond the student's own step
  Seconds before;     ///< the whole run
  Bytes read;         ///< predictions with each step's samples
  Bytes kept;         ///< predictions of the whole run in storage
};

/// The student's step, and how many of how many tokens.
struct Student {
  Seconds step;
  double steps = 0, sequences = 0, tokens = 0;
};

Teacher teacher_of(const pb::Distillation& asked, const TeacherPass& pass, const Student& student);

}  // namespace aisle::sim
