// SPDX-License-Identifier: Apache-2.0
#include "sim/study/plan_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace aisle::sim {

namespace {

// The program counts in these, so that its numbers are of like size.
constexpr double kChips = 1e3, kWatts = 1e6, kDollars = 1e6, kRate = 1e6, kTokens = 1e12;

/// Of the objective, where as many tokens as possible are sought: what costs less comes first among
/// plans of equal tokens. A million USD count as 1e-6 of 1e12 tokens.
constexpr double kTieBreak = 1e-6;

using Row = LinearProgram::Row;

constexpr double kNone = LinearProgram::kNone;

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

class Builder {
 public:
  explicit Builder(const PlanTerms& terms) : terms_(terms) {
    most_tokens_ = terms.objective == pb::most_tokens;
    model_.scale = most_tokens_ ? 1 / kTokens : 1 / kDollars;
  }

  PlanModel build() {
    add_orders();
    add_uses();
    for (int s = 0; s < sites(); ++s) {
      for (int k = 0; k < systems(); ++k) add_capacity(k, s);
      add_power(s);
      add_racks(s);
    }
    for (int k = 0; k < systems(); ++k) add_order_limits(k);
    add_supply();
    add_budget();
    for (int d = 0; d < static_cast<int>(terms_.demands.size()); ++d) {
      if (terms_.demands[at(d)].training) {
        add_run(d);
      } else {
        add_load(d);
      }
    }
    if (most_tokens_) add_shares();
    add_fleet_cost();
    return std::move(model_);
  }

 private:
  int systems() const { return static_cast<int>(terms_.systems.size()); }

  int sites() const { return static_cast<int>(terms_.sites.size()); }

  const PlanSystemTerms& system(int k) const { return terms_.systems[at(k)]; }

  const PlanSiteTerms& site(int s) const { return terms_.sites[at(s)]; }

  double cost(double usd) const {
    return most_tokens_ ? usd / kDollars * kTieBreak : usd / kDollars;
  }

  /// The group of a field; made where it is new.
  int group(const std::string& limit, const std::string& field, const std::string& unit,
            bool demand = false, bool scales = true) {
    const auto [found, added] = groups_.try_emplace(field + limit, model_.groups.size());
    if (added) model_.groups.push_back({limit, field, unit, scales, demand});
    return static_cast<int>(found->second);
  }

  void limit(int group, int quarter, double value, Row row) {
    if (row.terms.empty() && row.upper >= 0 && row.lower <= 0) return;
    model_.rows.push_back({model_.program.add(std::move(row)), group, quarter, value});
  }

  /// Units of a system can stand at a site at all.
  bool fits(int k, int s) const {
    const auto units = units_per_rack(site(s), system(k));
    return !units || *units > 0;
  }

  void add_orders() {
    for (int k = 0; k < systems(); ++k) {
      for (int s = 0; s < sites(); ++s) {
        for (int q = 0; q + system(k).lead < terms_.quarters; ++q) {
          if (!fits(k, s) || !system(k).orderable[at(q)]) continue;
          const int there = terms_.quarters - q - system(k).lead;
          const double surcharge = system(k).surcharge[at(q)];
          const double usd = there * (owning_usd(terms_, system(k), surcharge) +
                                      upkeep_usd(terms_, system(k)) + idle_usd(k, s));
          const int variable = model_.program.add({0, kNone, cost(usd * system(k).unit), true});
          model_.orders.push_back({variable, k, s, q});
        }
      }
    }
  }

  /// A quarter at rest: energy, and the plant for it.
  double idle_usd(int k, int s) const {
    return terms_.idle_w[at(k)] * (energy_usd_per_w(site(s)) + plant_usd_per_w(terms_, site(s)));
  }

  void add_uses() {
    for (int p = 0; p < static_cast<int>(terms_.points.size()); ++p) {
      const PlanPointTerms& point = terms_.points[at(p)];
      const PlanDemandTerms& demand = terms_.demands[at(point.demand)];
      for (int s = 0; s < sites(); ++s) {
        if (!fits(point.system, s)) continue;
        if (demand.training) model_.choices.push_back({model_.program.add({0, 1, 0, true}), p, s});
        for (int q = demand.first; q <= demand.last; ++q) {
          const double more = point.power_w - terms_.idle_w[at(point.system)];
          double usd = more * (energy_usd_per_w(site(s)) / demand.peak_over_mean +
                               plant_usd_per_w(terms_, site(s)));
          double worth = cost(usd * kChips);
          if (most_tokens_ && !demand.training) worth -= tokens(point) * kChips / kTokens;
          model_.uses.push_back({model_.program.add({0, kNone, worth}), p, s, q});
        }
      }
    }
  }

  /// Of one accelerator in a quarter.
  double tokens(const PlanPointTerms& point) const {
    const double peak = terms_.demands[at(point.demand)].peak_over_mean;
    return point.rate / peak * kQuarterSeconds;
  }

  /// Calls `use(order, units)` for what is there in a quarter.
  template <typename Take>
  void installed(int k, int s, int q, const Take& take) const {
    for (const PlanModel::Order& order : model_.orders) {
      if (order.system == k && order.site == s && order.quarter + system(k).lead <= q) take(order);
    }
  }

  void add_capacity(int k, int s) {
    for (int q = 0; q < terms_.quarters; ++q) {
      Row row{-kNone, site(s).fleet[at(k)] / kChips, {}};
      for (const PlanModel::Use& use : model_.uses) {
        if (use.site == s && use.quarter == q && terms_.points[at(use.point)].system == k) {
          row.terms.push_back({use.variable, 1});
        }
      }
      if (row.terms.empty()) continue;
      installed(k, s, q, [&](const PlanModel::Order& order) {
        row.terms.push_back({order.variable, -system(k).unit / kChips});
      });
      model_.program.add(std::move(row));
    }
  }

  void add_power(int s) {
    for (int q = 0; q < terms_.quarters; ++q) {
      const PlanLimit& power = site(s).power_w[at(q)];
      double left = power.value / kWatts;
      Row row;
      for (int k = 0; k < systems(); ++k) {
        const double idle = terms_.idle_w[at(k)] * site(s).pue;
        left -= site(s).fleet[at(k)] * idle / kWatts;
        installed(k, s, q, [&](const PlanModel::Order& order) {
          row.terms.push_back({order.variable, system(k).unit * idle / kWatts});
        });
      }
      for (const PlanModel::Use& use : model_.uses) {
        if (use.site != s || use.quarter != q) continue;
        const PlanPointTerms& point = terms_.points[at(use.point)];
        const double more = (point.power_w - terms_.idle_w[at(point.system)]) * site(s).pue;
        row.terms.push_back({use.variable, more * kChips / kWatts});
      }
      row.upper = left;
      limit(group("power of " + site(s).name, power.field, "MW"), q, power.value / kWatts,
            std::move(row));
    }
  }

  void add_racks(int s) {
    if (!site(s).racks) return;
    for (int q = 0; q < terms_.quarters; ++q) {
      Row row;
      double left = *site(s).racks;
      for (int k = 0; k < systems(); ++k) {
        const int units = units_per_rack(site(s), system(k)).value_or(0);
        if (units == 0) continue;
        left -= site(s).fleet[at(k)] / system(k).unit / units;
        installed(k, s, q, [&](const PlanModel::Order& order) {
          row.terms.push_back({order.variable, 1.0 / units});
        });
      }
      row.upper = left;
      limit(group("racks of " + site(s).name, site(s).field + ".racks", "racks"), q, *site(s).racks,
            std::move(row));
    }
  }

  /// Terms of everything ordered of a system in a quarter.
  void ordered(int k, int q, double coefficient, Row& row) const {
    for (const PlanModel::Order& order : model_.orders) {
      if (order.system == k && order.quarter == q)
        row.terms.push_back({order.variable, coefficient});
    }
  }

  void add_order_limits(int k) {
    for (int q = 0; q < terms_.quarters; ++q) {
      if (const auto& most = system(k).most[at(q)]) {
        Row row{-kNone, most->value / kChips, {}};
        ordered(k, q, system(k).unit / kChips, row);
        limit(group("supply of " + system(k).name, most->field, "thousand chips a quarter"), q,
              most->value / kChips, std::move(row));
      }
      if (system(k).export_status[at(q)] != pb::denied) continue;
      Row row{-kNone, 0, {}};
      ordered(k, q, system(k).unit / kChips, row);
      limit(group(fmt::format("export rules on {} ({})", system(k).name,
                              system(k).export_rule[at(q)]),
                  "plan.export_regime", "thousand chips a quarter", false, false),
            q, 0, std::move(row));
    }
  }

  /// What systems of one maker take of one supply, together.
  void add_supply() {
    for (int first = 0; first < systems(); ++first) {
      const PlanSystemTerms& head = system(first);
      const auto same = [&](int k) {
        return system(k).supply == head.supply && system(k).vendor == head.vendor;
      };
      bool known = head.supply.empty();
      for (int k = 0; k < first; ++k) known |= same(k);
      if (known) continue;
      for (int i = 0; i < power::kSupplyLimits; ++i) {
        const auto resource = static_cast<power::SupplyLimit>(i);
        for (int q = 0; q < terms_.quarters; ++q) {
          const auto& have = head.supplied[at(q)][at(i)];
          if (!have) continue;
          Row row{-kNone, *have / kChips, {}};
          for (int k = first; k < systems(); ++k) {
            const auto& need = system(k).needed[at(i)];
            if (same(k) && need) {
              ordered(k, q, system(k).unit * *need / system(k).supply_share / kChips, row);
            }
          }
          limit(
              group(fmt::format("{} of {} for {}", power::to_string(resource), head.supply,
                                head.vendor),
                    head.field + ".supply", fmt::format("thousand {}", power::to_string(resource))),
              q, *have / kChips, std::move(row));
        }
      }
    }
  }

  void add_budget() {
    Row all{-kNone, terms_.capital.value_or(0) / kDollars, {}};
    for (int q = 0; q < terms_.quarters; ++q) {
      Row row;
      for (const PlanModel::Order& order : model_.orders) {
        if (order.quarter != q) continue;
        const PlanSystemTerms& bought = system(order.system);
        const double usd = capital_usd(bought, bought.surcharge[at(q)]) * bought.unit / kDollars;
        row.terms.push_back({order.variable, usd});
        all.terms.push_back({order.variable, usd});
      }
      if (const auto& most = terms_.capital_per_quarter[at(q)]) {
        const double value = most->value / kDollars;
        row.upper = value;
        limit(group("capital of a quarter", most->field, "M USD"), q, value, std::move(row));
      }
      if (terms_.running_per_quarter[at(q)]) add_running(q);
    }
    if (!terms_.capital) return;
    const double value = all.upper;
    limit(group("capital", "plan.budget.capital", "M USD"), -1, value, std::move(all));
  }

  void add_running(int q) {
    const PlanLimit& most = *terms_.running_per_quarter[at(q)];
    Row row{-kNone, most.value / kDollars, {}};
    for (int s = 0; s < sites(); ++s) {
      for (int k = 0; k < systems(); ++k) {
        const double usd =
            upkeep_usd(terms_, system(k)) + terms_.idle_w[at(k)] * energy_usd_per_w(site(s));
        row.upper -= site(s).fleet[at(k)] * usd / kDollars;
        installed(k, s, q, [&](const PlanModel::Order& order) {
          row.terms.push_back({order.variable, usd * system(k).unit / kDollars});
        });
      }
    }
    for (const PlanModel::Use& use : model_.uses) {
      if (use.quarter != q) continue;
      const PlanPointTerms& point = terms_.points[at(use.point)];
      const double watts = (point.power_w - terms_.idle_w[at(point.system)]) /
                           terms_.demands[at(point.demand)].peak_over_mean;
      row.terms.push_back(
          {use.variable, watts * energy_usd_per_w(site(use.site)) * kChips / kDollars});
    }
    limit(group("running costs of a quarter", most.field, "M USD"), q, most.value / kDollars,
          std::move(row));
  }

  /// One way of doing it, on one system at one site, with all tokens by the deadline.
  void add_run(int d) {
    const PlanDemandTerms& demand = terms_.demands[at(d)];
    Row one{1, kNone, {}};
    for (const PlanModel::Choice& choice : model_.choices) {
      const PlanPointTerms& point = terms_.points[at(choice.point)];
      if (point.demand != d) continue;
      one.terms.push_back({choice.variable, 1});
      const double whole = demand.alternatives[at(point.alternative)].tokens / kTokens;
      const double each = tokens(point) * kChips / kTokens;
      Row work{0, kNone, {{choice.variable, -whole}}};
      for (const PlanModel::Use& use : model_.uses) {
        if (use.point != choice.point || use.site != choice.site) continue;
        work.terms.push_back({use.variable, each});
        add_most(use, choice, each > 0 ? whole / each : 0);
      }
      model_.program.add(std::move(work));
    }
    limit(
        group(fmt::format("{} by {}", demand.name, power::quarter_name(terms_.from + demand.last)),
              demand.field + ".training", "runs", true, false),
        demand.last, 1, std::move(one));
  }

  /// Nobody knows how a run goes on more accelerators than were simulated; nor has it a use for
  /// more than do all of it in one quarter.
  void add_most(const PlanModel::Use& use, const PlanModel::Choice& choice, double whole) {
    const PlanPointTerms& point = terms_.points[at(use.point)];
    const double simulated = point.chips / kChips;
    Row row{-kNone, 0, {{use.variable, 1}, {choice.variable, -std::min(simulated, whole)}}};
    if (whole <= simulated) {
      model_.program.add(std::move(row));
      return;
    }
    const PlanSystemTerms& runs = system(point.system);
    limit(group(fmt::format("accelerators of a run, as simulated on {}", runs.name),
                runs.field + ".training_chips", "thousand chips"),
          use.quarter, simulated, std::move(row));
  }

  void add_load(int d) {
    const PlanDemandTerms& demand = terms_.demands[at(d)];
    for (int q = demand.first; q < terms_.quarters; ++q) {
      const double load = demand.load[at(q)] / kRate;
      if (load <= 0) continue;
      Row row{load, kNone, {}};
      served(d, q, 1, row);
      limit(group("load of " + demand.name, demand.field + ".serving", "M tokens/s", true), q, load,
            std::move(row));
    }
  }

  /// Terms of the mean load that is served, in M tokens/s.
  void served(int d, int q, double factor, Row& row) const {
    for (const PlanModel::Use& use : model_.uses) {
      const PlanPointTerms& point = terms_.points[at(use.point)];
      if (use.quarter != q || point.demand != d) continue;
      const double rate = point.rate / terms_.demands[at(d)].peak_over_mean;
      row.terms.push_back({use.variable, factor * rate * kChips / kRate});
    }
  }

  void add_shares() {
    for (int d = 0; d < static_cast<int>(terms_.demands.size()); ++d) {
      const auto& share = terms_.demands[at(d)].share;
      if (!share) continue;
      for (int q = terms_.demands[at(d)].first; q < terms_.quarters; ++q) {
        Row row{0, 0, {}};
        for (int other = 0; other < static_cast<int>(terms_.demands.size()); ++other) {
          if (terms_.demands[at(other)].training) continue;
          served(other, q, other == d ? 1 - *share : -*share, row);
        }
        model_.program.add(std::move(row));
      }
    }
  }

  void add_fleet_cost() {
    for (int s = 0; s < sites(); ++s) {
      for (int k = 0; k < systems(); ++k) {
        model_.program.constant += cost(site(s).fleet[at(k)] * terms_.quarters *
                                        (upkeep_usd(terms_, system(k)) + idle_usd(k, s)));
      }
    }
  }

  const PlanTerms& terms_;
  bool most_tokens_ = false;
  std::map<std::string, std::size_t> groups_;
  PlanModel model_;
};

}  // namespace

std::optional<int> units_per_rack(const PlanSiteTerms& site, const PlanSystemTerms& system) {
  if (!site.rack_power_w || system.unit_power_w <= 0) return std::nullopt;
  return static_cast<int>(*site.rack_power_w / system.unit_power_w);
}

double capital_usd(const PlanSystemTerms& system, double surcharge) {
  return system.price_usd + surcharge * system.accelerator_usd;
}

double owning_usd(const PlanTerms& terms, const PlanSystemTerms& system, double surcharge) {
  return capital_usd(system, surcharge) * terms.it_rate / 4;
}

double upkeep_usd(const PlanTerms& terms, const PlanSystemTerms& system) {
  return system.price_usd * terms.upkeep / 4;
}

double plant_usd_per_w(const PlanTerms& terms, const PlanSiteTerms& site) {
  return terms.plant_usd_per_w * (terms.plant_rate + terms.upkeep) / 4 * site.pue;
}

double energy_usd_per_w(const PlanSiteTerms& site) {
  return site.usd_per_wh * kQuarterHours * site.pue;
}

PlanModel build_model(const PlanTerms& terms) {
  return Builder(terms).build();
}

}  // namespace aisle::sim
