// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/milp.hpp"
#include "sim/study/plan_terms.hpp"

#include <optional>
#include <string>
#include <vector>

/// A plan as a mixed-integer program (docs/model/planning.md). Used by sim/study's plans alone.
namespace aisle::sim {

/// Rows that one statement of the plan makes, so that they go together.
struct PlanGroup {
  std::string limit;    ///< in words: "power of north"
  std::string field;    ///< that states it
  std::string unit;     ///< of the bounds, for people: "MW"
  bool scales = true;   ///< a larger (smaller) value of it may help
  bool demand = false;  ///< rows are lower bounds
};

struct PlanRow {
  int row = 0, group = 0, quarter = 0;
  double value = 0;  ///< of the limit, in the group's unit; the row's bound may have less left
};

struct PlanModel {
  LinearProgram program;
  std::vector<PlanGroup> groups;
  std::vector<PlanRow> rows;  ///< of the limits
  double scale = 1;           ///< of the cost: the objective is in USD or tokens times this

  struct Order {
    int variable = 0, system = 0, site = 0, quarter = 0;
  };

  struct Use {
    int variable = 0, point = 0, site = 0, quarter = 0;
  };

  struct Choice {
    int variable = 0, point = 0, site = 0;
  };

  std::vector<Order> orders;    ///< units
  std::vector<Use> uses;        ///< thousands of accelerators
  std::vector<Choice> choices;  ///< of training runs: 0 or 1
};

PlanModel build_model(const PlanTerms& terms);

/// How far plans are solved.
inline constexpr SolveOptions kPlanSolved{true, 1e-4, 60};

/// Units of this system that one rack of the site holds; 0: none fits. Absent: racks are no limit.
std::optional<int> units_per_rack(const PlanSiteTerms& site, const PlanSystemTerms& system);

/// Of one accelerator that was bought with this surcharge, in a quarter.
double owning_usd(const PlanTerms& terms, const PlanSystemTerms& system, double surcharge);
double upkeep_usd(const PlanTerms& terms, const PlanSystemTerms& system);
/// What is paid for one.
double capital_usd(const PlanSystemTerms& system, double surcharge);
/// Of a watt at the inlet of nodes: drawn at the highest load, and on average.
double plant_usd_per_w(const PlanTerms& terms, const PlanSiteTerms& site);
double energy_usd_per_w(const PlanSiteTerms& site);

}  // namespace aisle::sim
