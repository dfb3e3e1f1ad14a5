// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/plan.pb.h"
#include "sim/study/study.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace aisle::sim {

struct PlanProgress {
  std::string stage;  ///< "operating points", "sensitivity"
  std::int64_t done = 0, all = 0;
};

struct PlanOptions {
  std::string database;     ///< of operating points; empty: none is kept
  int jobs = 0;             ///< points simulated at once; 0: as many as the machine has
  bool sensitivity = true;  ///< and what would change the decision
  std::function<void(const PlanProgress&)> progress;
  const std::atomic<bool>* stop = nullptr;  ///< true: end; finished points stay in the database
};

/// Something bought. Money is USD, power W, energy MWh throughout.
struct PlanOrder {
  std::string quarter, working_from, system, site;
  std::int64_t units = 0, chips = 0;
  double capital_usd = 0;
};

/// What runs where.
struct PlanUse {
  std::string quarter, site, system, demand, alternative, layout;
  double chips = 0, tokens = 0;
};

struct PlanQuarter {
  std::string quarter;
  double installed = 0, working = 0;  ///< accelerators, at the highest load
  double power_w = 0, power_limit_w = 0;
  double capital_usd = 0, running_usd = 0;  ///< ordered; energy and upkeep
  double cost_usd = 0;                      ///< owning and running
  double energy_mwh = 0, co2_t = 0;
  double served_tokens = 0, trained_tokens = 0;
};

/// A limit that holds in a quarter, and what one more unit of it is worth.
struct PlanPrice {
  std::string quarter, limit, unit, field;
  double value = 0;  ///< of the limit
  double worth = 0;  ///< USD of cost saved, or tokens more, for one more unit
};

/// One of limits that cannot hold together.
struct PlanConflict {
  std::string limit, field;
  Place place;
  std::optional<double> factor;  ///< to which it would have to change alone; none: no change helps
  std::string remedy;            ///< the same in words
};

/// The result under an input moved down and up.
struct PlanTornado {
  std::string input, low, high;           ///< "-20 %", "low"
  std::optional<double> at_low, at_high;  ///< objective; none: cannot be met
};

/// The least change of an input at which something else is bought.
struct PlanSwitch {
  std::string input;
  double factor = 1;
  std::string from, to;  ///< systems bought
};

/// Chips of a system that do what a thousand of another do.
struct PlanReplacement {
  std::string demand, alternative, system, layout, bound_by, reason;
  double chips = 0, power_w = 0, usd = 0;
  double wafers = 0, stacks = 0;  ///< that they take of the supply; 0: not known
};

struct PlanOutcome {
  std::string title, objective;
  std::vector<pb::PlanPoint> points;
  std::int64_t simulated = 0, found = 0;
  bool feasible = false, stopped = false;
  double objective_value = 0, gap = 0;  ///< USD or tokens; gap as a share of it
  std::vector<PlanOrder> orders;
  std::vector<PlanUse> uses;
  std::vector<PlanQuarter> quarters;
  std::vector<PlanPrice> prices;
  std::vector<PlanConflict> conflicts;
  double in_fractions = 0;  ///< the objective with fractions of nodes, as sensitivity is worked out
  std::vector<PlanTornado> tornado;
  std::vector<PlanSwitch> switches;
  std::string reference;  ///< system that replacements are of
  std::vector<PlanReplacement> replacements;
  std::vector<std::string> notes;  ///< what cannot be bought or stand anywhere, and why
  pb::Basis basis = pb::assumed;
  double solving_s = 0, wall_time_s = 0;

  /// The objective is tokens, else USD.
  bool counts_tokens() const { return objective == "most_tokens"; }
};

/// Plans a study's `plan` (sim/study/plan.proto): operating points are simulated, or taken from the
/// plan's file or the database where they are of the same inputs; then the cheapest plan, or the
/// one with most tokens, is sought (docs/model/planning.md). A plan that cannot be is an answer.
std::optional<PlanOutcome> plan(const Study& study, const topology::Catalogue& catalogue,
                                const PlanOptions& options, Diagnostics& diagnostics);

}  // namespace aisle::sim
