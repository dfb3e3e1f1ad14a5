// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "sim/study/plan_terms.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"

#include <optional>
#include <string>
#include <vector>

namespace aisle::topology {
class Catalogue;
}

/// Results of runs and sweeps that stand for a plan's operating points (plan.found). Used by
/// sim/study's plans alone.
namespace aisle::sim {

/// A result, and what it says something of: indices in the plan.
struct FoundPoint {
  int system = 0, demand = 0, alternative = 0;
  pb::Result result;
  double rate = 0;  ///< tokens/s per chip, trained or generated
};

/// What the plan counts of a result's rate, by the kind of the demand.
std::optional<double> point_rate(const pb::Result& result, bool training);

/// Of every system with every alternative that has one, the fastest. Results that say nothing of
/// the plan are errors at the field that names them.
std::optional<std::vector<FoundPoint>> found_points(const pb::Plan& plan, const PlanTerms& terms,
                                                    const std::string& folder,
                                                    const topology::Catalogue& catalogue,
                                                    const SourceMap& places,
                                                    Diagnostics& diagnostics);

}  // namespace aisle::sim
