// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: the database of a sweep.
#pragma once

#include "sim/report/document.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/sweep_store.hpp"

#include <functional>
#include <optional>
#include <string>

namespace aisle::sim::report {

/// A sweep that was read.
struct SweepReport {
  std::string name;       ///< the database's
  std::string objective;  ///< metric to rank by; empty: the usual one
  std::string version;    ///< "aisle 0.1.0"
  pb::Scenario scenario;  ///< with its axes
  SweepTable table;
  /// The whole result of a point, where it was kept.
  std::function<std::optional<pb::Result>(std::int64_t id, const std::string& engine)> whole;
};

Document document_of(const SweepReport& sweep);
/// A row for each point.
std::string sweep_csv(const SweepReport& sweep);
std::string sweep_json(const SweepReport& sweep);

}  // namespace aisle::sim::report
