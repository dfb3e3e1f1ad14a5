// SPDX-License-Identifier: Apache-2.0
#include "sim/study/plan.hpp"

#include "sim/study/plan_explain.hpp"
#include "sim/study/plan_model.hpp"
#include "sim/study/plan_points.hpp"
#include "sim/study/plan_terms.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/variant.hpp"
#include "sim/study/workload_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

namespace aisle::sim {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point started) {
  return std::chrono::duration<double>(Clock::now() - started).count();
}

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// Turns a solution into what is bought, what runs, and what each quarter is like.
class Answer {
 public:
  Answer(const PlanTerms& terms, const PlanModel& model, const LinearSolution& solution,
         PlanOutcome& outcome)
      : terms_(terms), model_(model), solution_(solution), outcome_(outcome) {}

  void write() {
    for (int q = 0; q < terms_.quarters; ++q) {
      PlanQuarter quarter;
      quarter.quarter = name(q);
      for (const PlanSiteTerms& site : terms_.sites)
        quarter.power_limit_w += site.power_w[at(q)].value;
      outcome_.quarters.push_back(quarter);
    }
    for (std::size_t s = 0; s < terms_.sites.size(); ++s) {
      for (std::size_t k = 0; k < terms_.systems.size(); ++k) {
        for (int q = 0; q < terms_.quarters; ++q) {
          add_installed(k, s, q, terms_.sites[s].fleet[k], std::nullopt);
        }
      }
    }
    for (const PlanModel::Order& order : model_.orders) write(order);
    for (const PlanModel::Use& use : model_.uses) write(use);
  }

  std::vector<bool> bought() const {
    std::vector<bool> systems(terms_.systems.size());
    for (const PlanModel::Order& order : model_.orders) {
      if (value(order.variable) > 0.5) systems[at(order.system)] = true;
    }
    return systems;
  }

 private:
  std::string name(int quarter) const { return power::quarter_name(terms_.from + quarter); }

  double value(int variable) const { return solution_.values[at(variable)]; }

  /// Accelerators at rest; with a surcharge if they were bought.
  void add_installed(std::size_t k, std::size_t s, int q, double chips,
                     std::optional<double> surcharge) {
    const PlanSystemTerms& system = terms_.systems[k];
    const PlanSiteTerms& site = terms_.sites[s];
    const double idle = terms_.idle_w[k] * chips;
    PlanQuarter& quarter = outcome_.quarters[at(q)];
    quarter.installed += chips;
    const double upkeep = upkeep_usd(terms_, system) * chips;
    quarter.running_usd += upkeep;
    quarter.cost_usd += upkeep;
    if (surcharge) quarter.cost_usd += owning_usd(terms_, system, *surcharge) * chips;
    add_power(q, site, idle, idle);
  }

  /// Watts at the inlets, at the highest load and on average.
  void add_power(int q, const PlanSiteTerms& site, double peak, double mean) {
    PlanQuarter& quarter = outcome_.quarters[at(q)];
    quarter.power_w += peak * site.pue;
    const double watt_hours = mean * site.pue * kQuarterHours;
    quarter.energy_mwh += watt_hours / 1e6;
    quarter.co2_t += watt_hours * site.kg_per_wh / 1e3;
    const double energy = watt_hours * site.usd_per_wh;
    quarter.running_usd += energy;
    quarter.cost_usd += energy + peak * plant_usd_per_w(terms_, site);
  }

  void write(const PlanModel::Order& order) {
    const auto units = static_cast<std::int64_t>(std::llround(value(order.variable)));
    if (units == 0) return;
    const PlanSystemTerms& system = terms_.systems[at(order.system)];
    const double surcharge = system.surcharge[at(order.quarter)];
    PlanOrder bought;
    bought.quarter = name(order.quarter);
    bought.working_from = name(order.quarter + system.lead);
    bought.system = system.name;
    bought.site = terms_.sites[at(order.site)].name;
    bought.units = units;
    bought.chips = units * system.unit;
    bought.capital_usd = capital_usd(system, surcharge) * static_cast<double>(bought.chips);
    outcome_.quarters[at(order.quarter)].capital_usd += bought.capital_usd;
    for (int q = order.quarter + system.lead; q < terms_.quarters; ++q) {
      add_installed(at(order.system), at(order.site), q, static_cast<double>(bought.chips),
                    surcharge);
    }
    outcome_.orders.push_back(std::move(bought));
  }

  void write(const PlanModel::Use& use) {
    constexpr double kLeast = 0.05;  // of an accelerator
    const double chips = value(use.variable) * 1e3;
    if (chips < kLeast) return;
    const PlanPointTerms& point = terms_.points[at(use.point)];
    const PlanDemandTerms& demand = terms_.demands[at(point.demand)];
    const PlanSiteTerms& site = terms_.sites[at(use.site)];
    PlanUse runs;
    runs.quarter = name(use.quarter);
    runs.site = site.name;
    runs.system = terms_.systems[at(point.system)].name;
    runs.demand = demand.name;
    runs.alternative = demand.alternatives[at(point.alternative)].name;
    for (const pb::PlanPoint& simulated : outcome_.points) {
      if (simulated.system() == runs.system && simulated.demand() == runs.demand &&
          simulated.alternative() == runs.alternative) {
        runs.layout = simulated.layout();
      }
    }
    runs.chips = chips;
    runs.tokens = chips * point.rate / demand.peak_over_mean * kQuarterSeconds;
    PlanQuarter& quarter = outcome_.quarters[at(use.quarter)];
    quarter.working += chips;
    (demand.training ? quarter.trained_tokens : quarter.served_tokens) += runs.tokens;
    const double more = (point.power_w - terms_.idle_w[at(point.system)]) * chips;
    add_power(use.quarter, site, more, more / demand.peak_over_mean);
    outcome_.uses.push_back(std::move(runs));
  }

  const PlanTerms& terms_;
  const PlanModel& model_;
  const LinearSolution& solution_;
  PlanOutcome& outcome_;
};

/// What cannot be bought or stand anywhere, and why.
void add_notes(const PlanTerms& terms, PlanOutcome& outcome) {
  for (const PlanSystemTerms& system : terms.systems) {
    bool fits = false, allowed = false;
    for (const PlanSiteTerms& site : terms.sites) {
      const auto units = units_per_rack(site, system);
      fits |= !units || *units > 0;
    }
    for (const pb::ExportStatus status : system.export_status) allowed |= status != pb::denied;
    if (!fits) {
      outcome.notes.push_back(
          fmt::format("{}: one draws up to {:.1f} kW, more than a rack of any site", system.name,
                      system.unit_power_w / 1e3));
    }
    if (!allowed) {
      outcome.notes.push_back(
          fmt::format("{}: cannot be bought ({})", system.name, system.export_rule.back()));
    }
  }
  for (const pb::PlanPoint& point : outcome.points) {
    if (!point.has_reason()) continue;
    outcome.notes.push_back(fmt::format("{} cannot do {} ({}): {}", point.system(), point.demand(),
                                        point.alternative(), point.reason()));
  }
}

/// Chips, power and money of each system that do what a thousand of the first do.
void add_replacements(const PlanTerms& terms, PlanOutcome& outcome) {
  constexpr double kOf = 1000;
  outcome.reference = terms.systems.front().name;
  for (const pb::PlanPoint& point : outcome.points) {
    const auto reference =
        std::find_if(outcome.points.begin(), outcome.points.end(), [&](const pb::PlanPoint& other) {
          return other.system() == outcome.reference && other.demand() == point.demand() &&
                 other.alternative() == point.alternative();
        });
    if (reference == outcome.points.end() || reference->has_reason()) continue;
    PlanReplacement row;
    row.demand = point.demand();
    row.alternative = point.alternative();
    row.system = point.system();
    row.layout = point.layout();
    row.bound_by = point.bound_by();
    row.reason = point.reason();
    if (!point.has_reason()) {
      row.chips = kOf * reference->tokens_per_s_per_chip() / point.tokens_per_s_per_chip();
      row.power_w = row.chips * point.power_w();
      for (const PlanSystemTerms& system : terms.systems) {
        if (system.name != point.system()) continue;
        row.usd = row.chips * system.price_usd;
        row.wafers = row.chips * system.needed[at(int(power::SupplyLimit::wafers))].value_or(0);
        row.stacks = row.chips * system.needed[at(int(power::SupplyLimit::stacks))].value_or(0);
      }
    }
    outcome.replacements.push_back(std::move(row));
  }
}

pb::Basis weakest_of(const std::vector<pb::PlanPoint>& points) {
  pb::Basis weakest = pb::measured;
  for (const pb::PlanPoint& point : points) {
    if (!point.has_reason()) weakest = std::max(weakest, point.basis());
  }
  return weakest;
}

std::optional<PlanTerms> terms_at(const Study& study, pb::SupplyLevel level,
                                  const topology::Catalogue& catalogue) {
  Diagnostics said;
  const Study other = variant_of(study, *study.scenario);
  other.scenario->mutable_plan()->set_supply_level(level);
  return read_plan(other, catalogue, said);
}

void add_sensitivity(const Study& study, const topology::Catalogue& catalogue,
                     const PlanTerms& terms, const std::vector<bool>& bought,
                     const PlanOptions& options, PlanOutcome& outcome) {
  const auto low = terms_at(study, pb::low, catalogue), high = terms_at(study, pb::high, catalogue);
  if (!low || !high) return;
  const std::vector<PlanInput> inputs = inputs_of(terms, bought, *low, *high);
  std::int64_t done = 0;
  const auto go_on = [&] {
    const auto all = static_cast<std::int64_t>(2 * inputs.size());
    if (options.progress) options.progress({"sensitivity", done++, all});
    return options.stop == nullptr || !*options.stop;
  };
  outcome.in_fractions = objective_of(terms).value_or(outcome.objective_value);
  outcome.tornado = tornado_of(terms, inputs, go_on);
  outcome.switches = switches_of(terms, inputs, go_on);
}

}  // namespace

std::optional<PlanOutcome> plan(const Study& study, const topology::Catalogue& catalogue,
                                const PlanOptions& options, Diagnostics& diagnostics) {
  const auto started = Clock::now();
  if (!study.scenario->has_plan()) {
    diagnostics.error({study.path, 0, 0}, {}, "the scenario has no plan",
                      "add plan { ... }, or run it by `aisle run`");
    return std::nullopt;
  }
  auto terms = read_plan(study, catalogue, diagnostics);
  if (!terms) return std::nullopt;
  auto found = plan_points(study, *terms, catalogue, options, diagnostics);
  if (!found) return std::nullopt;
  PlanOutcome outcome;
  outcome.title = study.scenario->title();
  outcome.objective = pb::PlanObjective_Name(terms->objective);
  outcome.points = std::move(found->points);
  outcome.simulated = found->simulated;
  outcome.found = found->found;
  outcome.stopped = found->stopped;
  if (!outcome.stopped) {
    take_points(outcome.points, *terms);
    outcome.basis = weakest_of(outcome.points);
    add_notes(*terms, outcome);
    add_replacements(*terms, outcome);
    const auto solving = Clock::now();
    const PlanModel model = build_model(*terms);
    const LinearSolution solution = solve(model.program, kPlanSolved);
    outcome.feasible = solution.found();
    if (outcome.feasible) {
      const double value = solution.cost / model.scale;
      outcome.objective_value = terms->objective == pb::most_tokens ? -value : value;
      // CBC stops inside the gap that it was given, and says nothing of where.
      outcome.gap = std::max(kPlanSolved.gap, std::abs(solution.cost - solution.bound) /
                                                  std::max(1e-9, std::abs(solution.cost)));
      Answer answer(*terms, model, solution, outcome);
      answer.write();
      outcome.prices = prices_of(*terms, model, solution);
      outcome.solving_s = seconds_since(solving);
      if (options.sensitivity) {
        add_sensitivity(study, catalogue, *terms, answer.bought(), options, outcome);
      }
    } else {
      outcome.conflicts = conflicts_of(*terms, model, study.places);
      outcome.solving_s = seconds_since(solving);
    }
  }
  outcome.wall_time_s = seconds_since(started);
  return outcome;
}

std::optional<std::vector<std::string>> check_plan(const Study& study,
                                                   const topology::Catalogue& catalogue,
                                                   Diagnostics& diagnostics) {
  const auto terms = read_plan(study, catalogue, diagnostics);
  if (!terms) return std::nullopt;
  std::size_t points = 0;
  for (const PlanDemandTerms& demand : terms->demands) {
    points += demand.alternatives.size() * terms->systems.size();
  }
  return std::vector<std::string>{
      fmt::format("plan      {} to {}, {} demands, {} systems, {} sites",
                  power::quarter_name(terms->from),
                  power::quarter_name(terms->from + terms->quarters - 1), terms->demands.size(),
                  terms->systems.size(), terms->sites.size()),
      fmt::format("points    {} to simulate or take from the plan's file", points)};
}

}  // namespace aisle::sim
