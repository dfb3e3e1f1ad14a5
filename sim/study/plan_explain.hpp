// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/plan.hpp"
#include "sim/study/plan_model.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

/// Why a plan cannot be, and how firm it is. Used by sim/study's plans alone.
namespace aisle::sim {

/// The program with fractions of units, not of runs: what prices, limits and sensitivity are worked
/// out with, since a node more or less is not what they are about.
LinearProgram in_fractions(const PlanModel& model);

/// Limits that bind, with the choices for runs as they are in the solution, and what one more unit
/// of each is worth.
std::vector<PlanPrice> prices_of(const PlanTerms& terms, const PlanModel& model,
                                 const LinearSolution& solution);

/// Limits that cannot hold together, none of which can be left out, and what each would have to be.
std::vector<PlanConflict> conflicts_of(const PlanTerms& terms, const PlanModel& model,
                                       const SourceMap& places);

/// One thing that the plan takes for granted.
struct PlanInput {
  std::string name, low, high;
  std::function<void(PlanTerms&)> to_low, to_high;
  std::function<void(PlanTerms&, double)> scale;  ///< absent: it has only the two ends
};

/// Prices and speeds of what is bought, prices and power of sites, demands, money, and supply
/// between the ends that `low` and `high` were read with.
std::vector<PlanInput> inputs_of(const PlanTerms& terms, const std::vector<bool>& bought,
                                 const PlanTerms& low, const PlanTerms& high);

/// The objective, in fractions of units; none where no plan can be.
std::optional<double> objective_of(const PlanTerms& terms);

/// The same with an input at either end, the widest first.
std::vector<PlanTornado> tornado_of(const PlanTerms& terms, const std::vector<PlanInput>& inputs,
                                    const std::function<bool()>& go_on);

/// For each input the least change, up to half or twice, at which other systems are bought.
std::vector<PlanSwitch> switches_of(const PlanTerms& terms, const std::vector<PlanInput>& inputs,
                                    const std::function<bool()>& go_on);

}  // namespace aisle::sim
