// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/campaign_terms.hpp"
#include "sim/study/draw.hpp"
#include "sim/study/study.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/models/model.pb.h"
#include "workloads/parallel/expert_loads.hpp"

#include <optional>
#include <vector>

/// Used by sim/study alone.
namespace aisle::sim {

/// A training study with every name resolved and every quantity read.
struct Prepared {
  topology::Cluster cluster;
  workloads::ModelGraph model;
  pb::Model description;
  power::SiteModel site;
  power::PowerCurve curve;
  std::vector<RankPower> powers;  ///< of the cluster's accelerators, and of its rows
  Telemetry telemetry;
  Smoothing smoothing;
  topology::Precision precision;
  std::optional<workloads::ExpertLoads> loads;  ///< of experts, recorded
  std::optional<CampaignTerms> campaign;
};

/// Times of the kernels of a training step, by the libraries that the job runs.
KernelModel training_kernels(const topology::Cluster& cluster, const pb::Training& training,
                             const topology::Catalogue& catalogue);

std::optional<Prepared> prepare(const Study& study, const topology::Catalogue& catalogue,
                                Diagnostics& diagnostics);

}  // namespace aisle::sim
