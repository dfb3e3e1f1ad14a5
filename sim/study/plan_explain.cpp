// SPDX-License-Identifier: Apache-2.0
#include "sim/study/plan_explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace aisle::sim {

namespace {

/// For what is worked out many times over.
constexpr SolveOptions kQuick{true, 1e-4, 10};

void free_group(const PlanModel& model, int group, LinearProgram& program) {
  for (const PlanRow& row : model.rows) {
    if (row.group != group) continue;
    program.rows[static_cast<std::size_t>(row.row)].lower = -LinearProgram::kNone;
    program.rows[static_cast<std::size_t>(row.row)].upper = LinearProgram::kNone;
  }
}

LinearProgram without_cost(LinearProgram program) {
  for (LinearProgram::Variable& variable : program.variables) variable.cost = 0;
  program.constant = 0;
  return program;
}

/// The least change of a group's limits, all by the same share, with which everything else can be;
/// nothing where no change of them helps.
std::optional<double> factor_for(const PlanModel& model, int group, LinearProgram program) {
  constexpr double kMost = 1e3;
  const bool demand = model.groups[static_cast<std::size_t>(group)].demand;
  const int change = program.add(LinearProgram::Variable{0, demand ? 1 : kMost, 1});
  bool any = false;
  for (const PlanRow& row : model.rows) {
    if (row.group != group || row.value == 0) continue;
    any = true;
    program.rows[static_cast<std::size_t>(row.row)].terms.push_back(
        {change, demand ? row.value : -row.value});
  }
  if (!any) return std::nullopt;
  const LinearSolution solution = solve(program, kQuick);
  if (!solution.found()) return std::nullopt;
  const double share = solution.values[static_cast<std::size_t>(change)];
  return demand ? 1 - share : 1 + share;
}

/// The earliest later deadline with which a run can be done.
std::string later_deadline(const PlanTerms& terms, const std::string& field) {
  for (std::size_t d = 0; d < terms.demands.size(); ++d) {
    if (terms.demands[d].field + ".training" != field) continue;
    PlanTerms changed = terms;
    for (int last = terms.demands[d].last + 1; last < terms.quarters; ++last) {
      changed.demands[d].last = last;
      const LinearProgram program = without_cost(in_fractions(build_model(changed)));
      if (solve(program, kQuick).found()) {
        return fmt::format("{} would do", power::quarter_name(terms.from + last));
      }
    }
  }
  return "no later deadline of it alone helps";
}

std::string remedy_of(const PlanTerms& terms, const PlanModel& model, int group,
                      const LinearProgram& program, std::optional<double>& factor) {
  const PlanGroup& told = model.groups[static_cast<std::size_t>(group)];
  if (told.field.ends_with(".training")) return later_deadline(terms, told.field);
  if (!told.scales) {
    LinearProgram without = program;
    free_group(model, group, without);
    return solve(without, kQuick).found() ? "without them it could be done"
                                          : "nor can it be done without them alone";
  }
  factor = factor_for(model, group, program);
  if (!factor) return "no change of it alone helps";
  if (*factor < 1e-6) {
    return "none of it can be met: nothing that can do it is there in time (lead_quarters, fleet, "
           "start)";
  }
  double from = 0, to = 0;
  for (const PlanRow& row : model.rows) {
    if (row.group != group) continue;
    if (from == 0 || row.value < from) from = row.value;
    to = std::max(to, row.value);
  }
  const auto range = [&](double by) {
    return from == to ? fmt::format("{:.4g}", from * by)
                      : fmt::format("{:.4g} to {:.4g}", from * by, to * by);
  };
  return fmt::format("{} {} in place of {} would do", range(*factor), told.unit, range(1));
}

/// Systems that make up at least a hundredth of what is bought, in their order.
std::string mix_of(const PlanTerms& terms, const PlanModel& model, const LinearSolution& solution) {
  constexpr double kLeast = 0.01;
  std::vector<double> chips(terms.systems.size());
  double all = 0;
  for (const PlanModel::Order& order : model.orders) {
    const auto k = static_cast<std::size_t>(order.system);
    const double bought =
        solution.values[static_cast<std::size_t>(order.variable)] * terms.systems[k].unit;
    chips[k] += bought;
    all += bought;
  }
  std::vector<std::string> names;
  for (std::size_t k = 0; k < chips.size(); ++k) {
    if (chips[k] > kLeast * all && chips[k] > 1e-6) names.push_back(terms.systems[k].name);
  }
  return names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, " and "));
}

struct Solved {
  std::optional<double> objective;
  std::string mix;
};

Solved solved(const PlanTerms& terms) {
  const PlanModel model = build_model(terms);
  const LinearSolution solution = solve(in_fractions(model), kQuick);
  if (!solution.found()) return {std::nullopt, "no plan"};
  const double value = solution.cost / model.scale;
  return {terms.objective == pb::most_tokens ? -value : value, mix_of(terms, model, solution)};
}

PlanInput share_of(std::string name, const std::function<void(PlanTerms&, double)>& scale) {
  constexpr double kShare = 0.2;
  const auto by = [scale](double factor) {
    return [scale, factor](PlanTerms& terms) { scale(terms, factor); };
  };
  return {std::move(name), "-20 %", "+20 %", by(1 - kShare), by(1 + kShare), scale};
}

void add_system_inputs(const PlanTerms& terms, std::size_t k, std::vector<PlanInput>& inputs) {
  const std::string& name = terms.systems[k].name;
  inputs.push_back(share_of("price of " + name, [k](PlanTerms& changed, double factor) {
    PlanSystemTerms& system = changed.systems[k];
    system.price_usd += (factor - 1) * system.accelerator_usd;
    system.accelerator_usd *= factor;
  }));
  const auto points = [k](PlanTerms& changed, const auto& change) {
    for (PlanPointTerms& point : changed.points) {
      if (point.system == static_cast<int>(k)) change(point);
    }
  };
  inputs.push_back(share_of("speed of " + name, [points](PlanTerms& changed, double factor) {
    points(changed, [&](PlanPointTerms& point) { point.rate *= factor; });
  }));
  inputs.push_back(share_of("draw of " + name, [points, k](PlanTerms& changed, double factor) {
    points(changed, [&](PlanPointTerms& point) { point.power_w *= factor; });
    changed.idle_w[k] *= factor;
  }));
}

void scale_supply(PlanTerms& changed, double factor) {
  for (PlanSystemTerms& system : changed.systems) {
    for (auto& most : system.most) {
      if (most) most->value *= factor;
    }
    for (power::SupplyAmounts& amounts : system.supplied) {
      for (auto& amount : amounts) {
        if (amount) *amount *= factor;
      }
    }
  }
}

}  // namespace

LinearProgram in_fractions(const PlanModel& model) {
  LinearProgram program = model.program;
  for (const PlanModel::Order& order : model.orders) {
    program.variables[static_cast<std::size_t>(order.variable)].whole = false;
  }
  return program;
}

std::vector<PlanPrice> prices_of(const PlanTerms& terms, const PlanModel& model,
                                 const LinearSolution& solution) {
  constexpr double kNothing = 1e-7;
  LinearProgram program = in_fractions(model);
  for (const PlanModel::Choice& choice : model.choices) {
    LinearProgram::Variable& variable =
        program.variables[static_cast<std::size_t>(choice.variable)];
    variable.lower = variable.upper = solution.values[static_cast<std::size_t>(choice.variable)];
    variable.whole = false;
  }
  const LinearSolution fixed = solve(program, {false, 0, 60});
  std::vector<PlanPrice> prices;
  if (!fixed.found()) return prices;
  for (const PlanRow& row : model.rows) {
    const PlanGroup& group = model.groups[static_cast<std::size_t>(row.group)];
    const double price = fixed.prices[static_cast<std::size_t>(row.row)];
    if (!group.scales || std::abs(price) < kNothing) continue;
    PlanPrice holds;
    if (row.quarter >= 0) holds.quarter = power::quarter_name(terms.from + row.quarter);
    holds.limit = group.limit;
    holds.unit = group.unit;
    holds.field = group.field;
    holds.value = row.value;
    holds.worth = std::abs(price) / model.scale;
    prices.push_back(std::move(holds));
  }
  return prices;
}

std::vector<PlanConflict> conflicts_of(const PlanTerms& terms, const PlanModel& model,
                                       const SourceMap& places) {
  const LinearProgram all = without_cost(in_fractions(model));
  // Fractions of runs will do where they suffice to see it.
  SolveOptions options = kQuick;
  options.whole = solve(all, {false, 0, kQuick.seconds}).found();
  LinearProgram left = all;
  std::vector<int> conflicting;
  for (int group = 0; group < static_cast<int>(model.groups.size()); ++group) {
    LinearProgram without = left;
    free_group(model, group, without);
    if (solve(without, options).found()) {
      conflicting.push_back(group);
    } else {
      left = std::move(without);
    }
  }
  std::vector<PlanConflict> conflicts;
  for (const int group : conflicting) {
    const PlanGroup& told = model.groups[static_cast<std::size_t>(group)];
    PlanConflict conflict{told.limit, told.field, places.find(told.field), {}, {}};
    conflict.remedy = remedy_of(terms, model, group, all, conflict.factor);
    conflicts.push_back(std::move(conflict));
  }
  return conflicts;
}

std::vector<PlanInput> inputs_of(const PlanTerms& terms, const std::vector<bool>& bought,
                                 const PlanTerms& low, const PlanTerms& high) {
  std::vector<PlanInput> inputs;
  for (std::size_t k = 0; k < terms.systems.size(); ++k) {
    if (bought[k]) add_system_inputs(terms, k, inputs);
  }
  inputs.push_back(share_of("electricity price", [](PlanTerms& changed, double factor) {
    for (PlanSiteTerms& site : changed.sites) site.usd_per_wh *= factor;
  }));
  inputs.push_back(share_of("power of sites", [](PlanTerms& changed, double factor) {
    for (PlanSiteTerms& site : changed.sites) {
      for (PlanLimit& limit : site.power_w) limit.value *= factor;
    }
  }));
  bool loads = false, runs = false, money = terms.capital.has_value(), supplied = false;
  for (const PlanDemandTerms& demand : terms.demands) {
    runs |= demand.training;
    for (const double load : demand.load) loads |= load > 0;
  }
  if (loads) {
    inputs.push_back(share_of("loads", [](PlanTerms& changed, double factor) {
      for (PlanDemandTerms& demand : changed.demands) {
        for (double& load : demand.load) load *= factor;
      }
    }));
  }
  if (runs) {
    inputs.push_back(share_of("tokens to train on", [](PlanTerms& changed, double factor) {
      for (PlanDemandTerms& demand : changed.demands) {
        for (PlanAlternativeTerms& way : demand.alternatives) way.tokens *= factor;
      }
    }));
  }
  for (const auto& limit : terms.capital_per_quarter) money |= limit.has_value();
  if (money) {
    inputs.push_back(share_of("capital", [](PlanTerms& changed, double factor) {
      if (changed.capital) *changed.capital *= factor;
      for (auto& limit : changed.capital_per_quarter) {
        if (limit) limit->value *= factor;
      }
    }));
  }
  bool ranged = false;
  for (const PlanSystemTerms& system : terms.systems) {
    ranged |= !system.supply.empty();
    for (const auto& most : system.most) supplied |= most.has_value();
  }
  if (ranged) {
    const auto take = [](const PlanTerms& from) {
      return [&from](PlanTerms& changed) {
        for (std::size_t k = 0; k < changed.systems.size(); ++k) {
          changed.systems[k].supplied = from.systems[k].supplied;
          changed.systems[k].needed = from.systems[k].needed;
        }
      };
    };
    inputs.push_back({"supply as published", "low", "high", take(low), take(high), scale_supply});
  } else if (supplied) {
    inputs.push_back(share_of("supply", scale_supply));
  }
  return inputs;
}

std::optional<double> objective_of(const PlanTerms& terms) {
  return solved(terms).objective;
}

std::vector<PlanTornado> tornado_of(const PlanTerms& terms, const std::vector<PlanInput>& inputs,
                                    const std::function<bool()>& go_on) {
  std::vector<PlanTornado> tornado;
  for (const PlanInput& input : inputs) {
    if (!go_on()) break;
    PlanTerms low = terms, high = terms;
    input.to_low(low);
    input.to_high(high);
    tornado.push_back(
        {input.name, input.low, input.high, solved(low).objective, solved(high).objective});
  }
  const auto width = [](const PlanTornado& one) {
    if (!one.at_low || !one.at_high) return HUGE_VAL;
    return std::abs(*one.at_high - *one.at_low);
  };
  std::stable_sort(tornado.begin(), tornado.end(),
                   [&](const auto& a, const auto& b) { return width(a) > width(b); });
  return tornado;
}

std::vector<PlanSwitch> switches_of(const PlanTerms& terms, const std::vector<PlanInput>& inputs,
                                    const std::function<bool()>& go_on) {
  constexpr int kHalvings = 5;  // to 2 %
  const std::string now = solved(terms).mix;
  std::vector<PlanSwitch> switches;
  for (const PlanInput& input : inputs) {
    if (!input.scale || !go_on()) continue;
    std::optional<PlanSwitch> nearest;
    for (const double end : {std::log(0.5), std::log(2.0)}) {
      const auto mix_at = [&](double change) {
        PlanTerms changed = terms;
        input.scale(changed, std::exp(change));
        return solved(changed).mix;
      };
      double same = 0, other = end;
      std::string to = mix_at(other);
      if (to == now) continue;
      for (int i = 0; i < kHalvings; ++i) {
        const double middle = (same + other) / 2;
        const std::string mix = mix_at(middle);
        if (mix == now) {
          same = middle;
        } else {
          other = middle;
          to = mix;
        }
      }
      if (!nearest || std::abs(other) < std::abs(std::log(nearest->factor))) {
        nearest = {input.name, std::exp(other), now, to};
      }
    }
    if (nearest) switches.push_back(*nearest);
  }
  std::stable_sort(switches.begin(), switches.end(), [](const auto& a, const auto& b) {
    return std::abs(std::log(a.factor)) < std::abs(std::log(b.factor));
  });
  return switches;
}

}  // namespace aisle::sim
