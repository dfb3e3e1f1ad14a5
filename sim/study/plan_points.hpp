// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/plan.hpp"
#include "sim/study/plan_terms.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

/// Used by sim/study's plans alone.
namespace aisle::sim {

/// Operating points in a SQLite file, by what was simulated (docs/formats/plan.md). Failures of the
/// machine are std::system_error.
class PlanStore {
 public:
  /// Made where it is not there. What is no database of operating points is refused.
  static std::optional<PlanStore> open(const std::string& path, Diagnostics& diagnostics);

  PlanStore(PlanStore&&) noexcept;
  PlanStore& operator=(PlanStore&&) noexcept;
  ~PlanStore();

  std::optional<pb::PlanPoint> find(const std::string& key) const;
  void add(const pb::PlanPoint& point);

 private:
  struct Impl;
  explicit PlanStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct PlanPointsFound {
  std::vector<pb::PlanPoint> points;  ///< of every system with every alternative, in their order
  std::int64_t simulated = 0, found = 0;
  bool stopped = false;  ///< some are missing
};

/// Operating points of a plan: out of its file, out of the database, or simulated, several at once.
std::optional<PlanPointsFound> plan_points(const Study& study, const PlanTerms& terms,
                                           const topology::Catalogue& catalogue,
                                           const PlanOptions& options, Diagnostics& diagnostics);

/// Adds the points that can be done to the terms, and what their studies say of tokens.
void take_points(const std::vector<pb::PlanPoint>& points, PlanTerms& terms);

}  // namespace aisle::sim
