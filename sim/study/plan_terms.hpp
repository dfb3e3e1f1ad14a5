// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/supply.hpp"
#include "sim/study/plan.pb.h"
#include "sim/study/study.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

/// A plan after reading: numbers alone, in USD, W, tokens/s and accelerators. Used by sim/study's
/// plans alone.
namespace aisle::sim {

inline constexpr double kQuarterHours = 8766.0 / 4;
inline constexpr double kQuarterSeconds = kQuarterHours * 3600;

/// A limit of one quarter, and the field that states it.
struct PlanLimit {
  double value = 0;
  std::string field;
};

struct PlanSystemTerms {
  std::string name, accelerator, vendor, system;
  int unit = 1;                ///< accelerators of a node or rack
  double price_usd = 0;        ///< of one, with its part of host and network
  double accelerator_usd = 0;  ///< of that, the accelerator
  double unit_power_w = 0;     ///< most that a node or rack draws
  int lead = 0;
  std::vector<bool> orderable;                  ///< by quarter, as the plan says
  std::vector<pb::ExportStatus> export_status;  ///< by quarter
  std::vector<std::string> export_rule;         ///< its name; empty: none
  std::vector<double> surcharge;                ///< on the accelerator's price
  std::vector<std::optional<PlanLimit>> most;   ///< accelerators that can be ordered
  std::string supply;                           ///< empty: none
  double supply_share = 1;
  std::vector<power::SupplyAmounts> supplied;  ///< to its maker, by quarter
  power::SupplyAmounts needed;                 ///< for one
  std::string field;                           ///< "plan.system[2]"
};

struct PlanSiteTerms {
  std::string name;
  std::vector<PlanLimit> power_w;  ///< by quarter
  std::optional<double> rack_power_w;
  std::optional<int> racks;
  double pue = 1, usd_per_wh = 0, kg_per_wh = 0;
  std::vector<double> fleet;  ///< accelerators by system
  std::string field;
};

struct PlanAlternativeTerms {
  std::string name;
  double tokens = 0;  ///< of a training run
};

struct PlanDemandTerms {
  std::string name;
  bool training = false;
  int first = 0, last = 0;   ///< quarters of the plan, from 0
  std::vector<double> load;  ///< tokens/s by quarter; serving
  double peak_over_mean = 1;
  std::optional<double> share;
  std::vector<PlanAlternativeTerms> alternatives;
  std::string field;
};

/// What one system does with one alternative of a demand.
struct PlanPointTerms {
  int system = 0, demand = 0, alternative = 0;
  double rate = 0;                 ///< tokens/s of one accelerator
  double power_w = 0, idle_w = 0;  ///< of one at the inlet, working and at rest
  double chips = 0;                ///< simulated; the most that one run gets
};

struct PlanTerms {
  int from = 0, quarters = 0;
  pb::PlanObjective objective = pb::least_cost;
  std::vector<PlanSystemTerms> systems;
  std::vector<PlanSiteTerms> sites;
  std::vector<PlanDemandTerms> demands;
  std::vector<PlanPointTerms> points;  ///< those that can be done
  std::vector<double> idle_w;          ///< by system
  std::optional<double> capital;
  std::vector<std::optional<PlanLimit>> capital_per_quarter, running_per_quarter;
  double it_rate = 0, plant_rate = 0, upkeep = 0;  ///< a year, as shares of the price
  double plant_usd_per_w = 0;
};

/// Reads and checks everything but the operating points; `tokens` of alternatives that name none
/// are 0 here.
std::optional<PlanTerms> read_plan(const Study& study, const topology::Catalogue& catalogue,
                                   Diagnostics& diagnostics);

}  // namespace aisle::sim
