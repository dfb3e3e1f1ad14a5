// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace aisle::sim {

/// How far a search has come.
struct SearchProgress {
  std::string stage;  ///< "estimating", "analytic engine", "event engine"
  std::int64_t done = 0, all = 0;
};

struct SearchOptions {
  std::string objective = "step_time_s";  ///< a metric of search_objectives()
  int limit = 5;                          ///< layouts to run on the event engine
  int rerank = 64;  ///< of the best estimates, layouts that the analytic engine runs at most
  std::vector<std::string> over;   ///< axes to search; none: all
  std::vector<std::string> fixed;  ///< "AXIS=VALUE": axes held at a value
  /// Serving with pools: kinds that each pool may be of; none: those of the study.
  std::vector<std::string> accelerators;
  int threads = 0;             ///< 0: as many as the machine has
  bool prune_by_bound = true;  ///< false: every layout that fits is estimated
  std::function<void(const SearchProgress&)> progress;  ///< called from one thread; may be empty
  const std::atomic<bool>* stop = nullptr;              ///< true: end with what is found so far
};

/// A layout as the scenario fields name it.
struct Mapping {
  int tensor = 1, context = 1, pipeline = 1, data = 1, expert = 1, zero = 0, virtual_stages = 1;
  int micro_batch = 1;
  pb::Schedule schedule = pb::one_f_one_b;
  pb::Recompute recompute = pb::none;
  friend bool operator==(const Mapping&, const Mapping&) = default;

  /// In the order of the fields.
  friend bool operator<(const Mapping& a, const Mapping& b) { return a.fields() < b.fields(); }

 private:
  std::array<int, 10> fields() const {
    return {tensor, context,        pipeline,    data,     expert,
            zero,   virtual_stages, micro_batch, schedule, recompute};
  }
};

struct FoundLayout {
  Mapping mapping;
  double estimated_step_s = 0, memory_bytes = 0;
  std::string engine;  ///< that `result` is of: "event", "analytic"; empty: estimated alone
  pb::Result result;   ///< the timeline left out
};

struct SearchCounts {
  std::int64_t enumerated = 0;           ///< layouts whose ranks multiply to the cluster
  std::int64_t not_dividing = 0;         ///< refused by the checks that `aisle run` makes
  std::int64_t not_fitting = 0;          ///< too large for the memory of an accelerator
  std::int64_t beyond_bound = 0;         ///< cannot be among the best whatever the schedule does
  std::int64_t estimated = 0;            ///< step time and memory
  std::int64_t analytic = 0, event = 0;  ///< runs of the engines
  double estimating_s = 0;
};

struct SearchOutcome {
  SearchCounts counts;
  std::vector<FoundLayout> best;    ///< best first
  std::vector<FoundLayout> pareto;  ///< objective against memory, no other better in both
  std::string reason;               ///< where nothing fits: the closest misfit
  double largest_correction = 0;    ///< |ln(analytic / estimated)| over the layouts that were run
  bool stopped = false;
  double wall_time_s = 0;
};

/// Metrics that a search can go for.
std::vector<std::string> search_objectives();
/// Names of the axes, as --over and --fix take them.
std::vector<std::string> search_axes();
bool is_larger_better(const std::string& objective);
/// The objective of a found layout; by its estimate where no engine ran.
double objective_of(const FoundLayout& layout, const std::string& objective);

/// Finds the parallel layouts of a training study that are best by the objective: all that divide
/// and fit are estimated, the best run on the analytic engine, and the best of those on the event
/// engine, each in a process of its own. The same whatever the number of threads.
std::optional<SearchOutcome> search(const Study& study, const topology::Catalogue& catalogue,
                                    const SearchOptions& options, Diagnostics& diagnostics);

/// The study with a found layout in place of its own.
pb::Scenario with_layout(const pb::Scenario& scenario, const Mapping& mapping);

}  // namespace aisle::sim
