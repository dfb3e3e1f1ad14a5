// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/study.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aisle::sim {

/// One point of a sweep: fields and their values, in the order of the axes.
struct SweepPoint {
  std::int64_t id = 0;  ///< position among all points, from 0
  std::vector<std::pair<std::string, std::string>> fields;
};

/// All points of a study's sweep (sim/study/sweep.proto has the words), after its conditions. Every
/// point is checked as far as its fields go; faults name the axis.
std::optional<std::vector<SweepPoint>> sweep_points(const Study& study,
                                                    const topology::Catalogue& catalogue,
                                                    Diagnostics& diagnostics);

/// The study with the fields of a point.
std::optional<Study> at_point(const Study& study, const SweepPoint& point,
                              Diagnostics& diagnostics);

struct SweepProgress {
  std::string stage;  ///< "points", "on the event engine"
  std::int64_t done = 0, all = 0, failed = 0;
};

struct SweepOptions {
  int jobs = 0;           ///< processes at once; 0: as many as the machine has
  bool resume = false;    ///< goes on with a database that is there
  bool blobs = true;      ///< keeps whole results (without timelines) beside the metrics
  std::string shard;      ///< "I/N": every N-th point from the I-th, from 1; empty: all
  double patience_s = 2;  ///< for another writer to end
  std::function<void(const SweepProgress&)> progress;
  const std::atomic<bool>* stop = nullptr;  ///< true: end with the points that are finished
};

struct SweepOutcome {
  std::int64_t points = 0, found = 0;                 ///< of this shard; finished before
  std::int64_t done = 0, infeasible = 0, failed = 0;  ///< in the database, all together
  bool stopped = false;
  double wall_time_s = 0;
};

/// Runs the points that the database lacks, and writes each as it ends. Points that do not fit, and
/// points whose input is bad or whose run dies, are rows with a reason. Points on the event engine
/// run in a process each, analytic ones many in a process. A database is of one sweep: another
/// study, or another writer at the same time, is refused. Throws std::system_error when the machine
/// refuses (a full disk); what is written stays whole.
std::optional<SweepOutcome> sweep(const Study& study, const topology::Catalogue& catalogue,
                                  const std::string& database, const SweepOptions& options,
                                  Diagnostics& diagnostics);

/// One database of all points of others, which are of one sweep; equal points are taken once.
std::optional<SweepOutcome> merge_sweeps(const std::vector<std::string>& databases,
                                         const std::string& to, Diagnostics& diagnostics);

}  // namespace aisle::sim
