// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/kernels/kernels.hpp"
#include "sim/study/search.hpp"
#include "sim/study/search_estimate.hpp"
#include "sim/study/search_space.hpp"
#include "sim/study/training.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aisle::sim::test {

const topology::Catalogue& catalogue();

/// A training study in text, with all that estimates need.
struct Ground {
  Study study;
  std::optional<Prepared> prepared;
  std::unique_ptr<KernelModel> kernels;

  const pb::Training& training() const { return study.scenario->workload().training(); }
};

/// `cluster`, `training`: fields of these messages.
Ground ground(const std::string& cluster, const std::string& training);

/// One layout that divides and fits, with its estimate.
struct Estimated {
  Mapping mapping;
  double seconds = 0, bytes = 0;
};

/// All layouts that divide and fit, in order.
std::vector<Estimated> estimate_all(const Ground& on, const SearchOptions& options);

/// As the planner and the analytic engine have it.
pb::Result run_analytic(const Ground& on, const Mapping& mapping);
double step_of(const pb::Result& result);

}  // namespace aisle::sim::test
