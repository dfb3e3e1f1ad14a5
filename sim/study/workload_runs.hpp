// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/study.hpp"
#include "topology/cluster.hpp"

#include <optional>
#include <string>
#include <vector>

/// One pair of functions per kind of workload: what run() and check() do for it. Used by sim/study
/// alone. Running fills everything of the result that the workload decides; false: errors were
/// reported.
namespace aisle::sim {

/// One line on the cluster, for check().
std::string describe(const topology::Cluster& cluster);

bool run_training(const Study& study, const topology::Catalogue& catalogue,
                  const RunOptions& options, pb::Result& result, Diagnostics& diagnostics);
std::optional<std::vector<std::string>> check_training(const Study& study,
                                                       const topology::Catalogue& catalogue,
                                                       Diagnostics& diagnostics);

bool run_collective(const Study& study, const topology::Catalogue& catalogue,
                    const RunOptions& options, pb::Result& result, Diagnostics& diagnostics);
std::optional<std::vector<std::string>> check_collective(const Study& study,
                                                         const topology::Catalogue& catalogue,
                                                         Diagnostics& diagnostics);

bool run_replay(const Study& study, const topology::Catalogue& catalogue, const RunOptions& options,
                pb::Result& result, Diagnostics& diagnostics);
std::optional<std::vector<std::string>> check_replay(const Study& study,
                                                     const topology::Catalogue& catalogue,
                                                     Diagnostics& diagnostics);

bool run_serving(const Study& study, const topology::Catalogue& catalogue,
                 const RunOptions& options, pb::Result& result, Diagnostics& diagnostics);
std::optional<std::vector<std::string>> check_serving(const Study& study,
                                                      const topology::Catalogue& catalogue,
                                                      Diagnostics& diagnostics);

/// Plans have no run(): plan() solves them.
std::optional<std::vector<std::string>> check_plan(const Study& study,
                                                   const topology::Catalogue& catalogue,
                                                   Diagnostics& diagnostics);

}  // namespace aisle::sim
