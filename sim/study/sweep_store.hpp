// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"
#include "sim/study/sweep.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// Used by sweeps and their reports.
namespace aisle::sim {

/// All points of a database.
struct SweepTable {
  struct Row {
    std::int64_t id = 0;
    std::string engine, status, reason;
    std::vector<std::string> fields;  ///< as the axes set them
    std::vector<double> metrics;      ///< NaN: the point has none
    std::int64_t bases = 0;           ///< key of SweepTable::bases
  };

  std::vector<std::string> fields, metrics;
  std::vector<Row> rows;                                             ///< by id
  std::map<std::int64_t, std::map<std::string, std::string>> bases;  ///< of metrics, by name

  /// Column of a metric; -1: there is none.
  int metric(const std::string& name) const;
};

/// What became of a point.
struct SweepRow {
  SweepPoint point;
  std::string status;  ///< "done", "infeasible", "failed"
  std::string reason;
  pb::Result result;  ///< of points that ran; without its timeline
};

/// A sweep's SQLite database (docs/formats/sweep.md): one table of points with a column for each
/// field and metric, so that a row is a point's inputs and outputs. Written in write-ahead mode, a
/// point at a time: a process that is killed loses no finished one. Failures of the machine are
/// std::system_error.
class SweepStore {
 public:
  /// Opens a database for writing, made where it is not there. Refused, with an error: one that
  /// another process still writes after so many seconds, one of another sweep, one that is there
  /// without `resume`, and what is no database of a sweep.
  static std::optional<SweepStore> open(const std::string& path, const std::string& sweep,
                                        bool resume, double patience_s, Diagnostics& diagnostics);
  /// One that is there, for reading.
  static std::optional<SweepStore> read(const std::string& path, Diagnostics& diagnostics);

  SweepStore(SweepStore&&) noexcept;
  SweepStore& operator=(SweepStore&&) noexcept;
  ~SweepStore();

  /// Ids that are there, on an engine.
  std::set<std::int64_t> ids(pb::Engine engine) const;
  void add(const SweepRow& row, bool blob);
  /// Rows of `other` that are not here.
  void add_all(const SweepStore& other);
  /// Columns in an order that does not hang on which point ended first.
  void finish();
  /// Points by status.
  std::int64_t count(const std::string& status) const;
  /// Ids of the best points on an engine by a metric, best first; empty where no point has it.
  std::vector<std::int64_t> best(const std::string& metric, bool larger, int count,
                                 pb::Engine engine) const;
  /// The sweep that it is of, as given to open().
  std::string sweep() const;
  SweepTable table() const;
  /// The whole result of a point, without what changes over time; nothing where it was not kept.
  std::optional<pb::Result> result(std::int64_t id, const std::string& engine) const;

 private:
  struct Impl;
  explicit SweepStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aisle::sim
