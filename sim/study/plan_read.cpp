// SPDX-License-Identifier: Apache-2.0
// Reads a plan's text; every fault is reported where it stands.
#include "power/export.hpp"
#include "power/power.hpp"
#include "sim/base/quantity.hpp"
#include "sim/study/plan_terms.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/figures.hpp"
#include "topology/catalogue/hardware.pb.h"
#include "topology/cluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace aisle::sim {

namespace {

class PlanReader {
 public:
  PlanReader(const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics)
      : study_(study),
        plan_(study.scenario->plan()),
        catalogue_(catalogue),
        diagnostics_(diagnostics) {}

  std::optional<PlanTerms> read() {
    const int errors_before = diagnostics_.error_count();
    if (!read_quarters()) return std::nullopt;
    terms_.objective = plan_.objective();
    read_ownership();
    regime_ = read_regime();
    for (int i = 0; i < plan_.system_size(); ++i) read_system(i);
    for (int i = 0; i < plan_.site_size(); ++i) read_site(i);
    for (int i = 0; i < plan_.demand_size(); ++i) read_demand(i);
    read_budget();
    need("demand", plan_.demand_size(), "demand { name: \"chat\" serving { tokens_per_s: 1e6 } }");
    need("system", plan_.system_size(), "system { system: \"dgx-h100\" }");
    need("site", plan_.site_size(), "site { name: \"north\" power { value: \"100 MW\" } }");
    if (diagnostics_.error_count() > errors_before) return std::nullopt;
    return std::move(terms_);
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "plan." + field;
    diagnostics_.error(study_.places.find(path), path, std::move(sentence), std::move(hint));
  }

  void need(const char* field, int count, const char* example) {
    if (count == 0) error(field, fmt::format("the plan names no {}", field), example);
  }

  template <typename Q>
  double quantity(const std::string& field, const std::string& text) {
    const std::string path = "plan." + field;
    const auto value = parse_quantity<Q>(text, study_.places.find(path), path, diagnostics_);
    return value ? value->si() : 0;
  }

  /// A number that must not be negative.
  double positive(const std::string& field, double value) {
    if (std::isfinite(value) && value >= 0) return value;
    error(field, fmt::format("must not be negative, is {:g}", value), "0 or more");
    return 0;
  }

  /// A quarter of the plan, from 0; `fallback` where the text is empty.
  int quarter(const std::string& field, const std::string& text, int fallback) {
    if (text.empty()) return fallback;
    const auto read = power::parse_quarter(text);
    if (!read) {
      error(field, fmt::format("'{}' is no quarter", text), "a quarter is written 2026-Q4");
      return fallback;
    }
    const int at = *read - terms_.from;
    if (at >= 0 && at < terms_.quarters) return at;
    error(field, fmt::format("{} is outside the plan", text),
          fmt::format("it goes from {} to {}", power::quarter_name(terms_.from),
                      power::quarter_name(terms_.from + terms_.quarters - 1)));
    return fallback;
  }

  bool read_quarters() {
    constexpr int kMost = 80;
    const auto from = power::parse_quarter(plan_.from());
    if (!from) {
      error("from", fmt::format("'{}' is no quarter", plan_.from()), "write from: \"2026-Q1\"");
    }
    if (plan_.quarters() < 1 || plan_.quarters() > kMost) {
      error("quarters", fmt::format("{} quarters cannot be planned", plan_.quarters()),
            fmt::format("1 to {}", kMost));
      return false;
    }
    terms_.from = from.value_or(0);
    terms_.quarters = plan_.quarters();
    return from.has_value();
  }

  void read_ownership() {
    const pb::Ownership& asked = plan_.ownership();
    if (!(asked.it_years() > 0 && asked.plant_years() > 0)) {
      error("ownership", "years must be above 0", "it_years: 5 plant_years: 15");
      return;
    }
    if (asked.has_accelerator()) {
      error("ownership.accelerator", "prices of accelerators are those of the plan's systems",
            "system { price: \"30000 USD\" }");
    }
    const double interest = positive("ownership.interest", asked.interest());
    terms_.it_rate = power::yearly_rate(asked.it_years(), interest);
    terms_.plant_rate = power::yearly_rate(asked.plant_years(), interest);
    terms_.upkeep = positive("ownership.upkeep", asked.upkeep());
    terms_.plant_usd_per_w = positive("ownership.plant_usd_per_w", asked.plant_usd_per_w());
  }

  const pb::ExportRegime* read_regime() {
    if (plan_.has_rules_as_of() && !power::is_day(plan_.rules_as_of())) {
      error("rules_as_of", fmt::format("'{}' is no day", plan_.rules_as_of()),
            "a day is written 2025-12-31");
    }
    if (plan_.export_regime().empty()) return nullptr;
    const pb::ExportRegime* regime = catalogue_.export_regime(plan_.export_regime());
    if (regime == nullptr) {
      error("export_regime", fmt::format("unknown export rules '{}'", plan_.export_regime()),
            did_you_mean(plan_.export_regime(), catalogue_.names("export_regime")));
      return nullptr;
    }
    SourceMap places;
    places.note("", {catalogue_.file_of("export_regime", regime->name()), 0, 0});
    power::check_regime(*regime, places, diagnostics_);
    return regime;
  }

  void read_system(int index) {
    const pb::PlanSystem& asked = plan_.system(index);
    const std::string at = fmt::format("system[{}].", index);
    PlanSystemTerms system;
    system.field = fmt::format("plan.system[{}]", index);
    const pb::System* entry = asked.has_system() ? catalogue_.system(asked.system()) : nullptr;
    if (asked.has_system() && entry == nullptr) {
      error(at + "system", fmt::format("unknown system '{}'", asked.system()),
            did_you_mean(asked.system(), catalogue_.names("system")));
      return;
    }
    const std::string name = asked.has_accelerator() ? asked.accelerator()
                             : entry != nullptr      ? entry->accelerator()
                                                     : std::string();
    const pb::Accelerator* chip = catalogue_.accelerator(name);
    if (chip == nullptr) {
      error(at + "accelerator",
            name.empty() ? std::string("names neither system nor accelerator")
                         : fmt::format("unknown accelerator '{}'", name),
            name.empty() ? "system: \"dgx-h100\" or accelerator: \"h100-sxm\""
                         : did_you_mean(name, catalogue_.names("accelerator")));
      return;
    }
    if (entry == nullptr) entry = catalogue_.usual_system(chip->name());
    system.accelerator = chip->name();
    system.vendor = chip->vendor();
    system.system = entry == nullptr ? std::string() : entry->name();
    system.name = asked.has_name()     ? asked.name()
                  : asked.has_system() ? entry->name()
                                       : chip->name();
    unique(at + "name", system.name, systems_);
    read_unit(asked, at, entry, *chip, system);
    read_price(asked, at, *chip, system);
    read_orders(asked, at, *chip, system);
    terms_.systems.push_back(std::move(system));
  }

  void unique(const std::string& field, const std::string& name, std::set<std::string>& names) {
    if (name.empty()) {
      error(field, "is missing", "name: \"a word\"");
    } else if (!names.insert(name).second) {
      error(field, fmt::format("'{}' is named twice", name), "names tell them apart in results");
    }
  }

  void read_unit(const pb::PlanSystem& asked, const std::string& at, const pb::System* entry,
                 const pb::Accelerator& chip, PlanSystemTerms& system) {
    constexpr int kNode = 8;
    system.unit = asked.has_unit() ? asked.unit()
                  : entry != nullptr
                      ? static_cast<int>(topology::number_or(entry->accelerators(), kNode))
                      : kNode;
    if (system.unit < 1) {
      error(at + "unit", fmt::format("a node has at least one accelerator, not {}", system.unit),
            "unit: 8");
    }
    if (asked.has_unit_power()) {
      system.unit_power_w = quantity<Watts>(at + "unit_power", asked.unit_power());
    } else if (entry != nullptr && entry->has_max_power()) {
      const double whole = topology::number_or(entry->accelerators(), system.unit);
      const auto power = topology::quantity_of<Watts>(entry->max_power());
      if (power) system.unit_power_w = power->si() * system.unit / whole;
    } else if (chip.has_provisioned_power() || chip.has_tdp()) {
      const auto power = topology::quantity_of<Watts>(
          chip.has_provisioned_power() ? chip.provisioned_power() : chip.tdp());
      if (power) system.unit_power_w = power->si() * system.unit;
    }
    system.lead = asked.lead_quarters();
    if (system.lead < 0) {
      error(at + "lead_quarters", "must not be negative",
            "0: it works in the quarter of its order");
    }
  }

  void read_price(const pb::PlanSystem& asked, const std::string& at, const pb::Accelerator& chip,
                  PlanSystemTerms& system) {
    if (asked.has_price()) {
      system.accelerator_usd = quantity<Dollars>(at + "price", asked.price());
    } else if (chip.has_price()) {
      const auto price = topology::quantity_of<Dollars>(chip.price());
      system.accelerator_usd = price ? price->si() : 0;
    } else {
      error(at + "price", fmt::format("is missing: nobody published what a {} costs", chip.name()),
            "price: \"30000 USD\"");
    }
    const pb::Ownership& ownership = plan_.ownership();
    system.price_usd = system.accelerator_usd;
    system.price_usd += quantity<Dollars>("ownership.host", ownership.host());
    system.price_usd += ownership.has_network()
                            ? quantity<Dollars>("ownership.network", ownership.network())
                            : network_price(asked, system);
  }

  /// Of one accelerator, as the bill of materials of a usual cluster has it; none where it cannot
  /// be built.
  double network_price(const pb::PlanSystem& asked, const PlanSystemTerms& system) {
    constexpr int kUsual = 1024;
    pb::Cluster spec;
    spec.set_accelerator(system.accelerator);
    if (!system.system.empty()) spec.set_system(system.system);
    const int chips = asked.has_training_chips() ? asked.training_chips() : kUsual;
    if (system.unit < 1) return 0;
    spec.set_count(std::max(1, chips / system.unit) * system.unit);
    Diagnostics unread;
    const auto cluster = topology::build_cluster(spec, SourceMap(), catalogue_, unread);
    double usd = 0;
    if (!cluster) return 0;
    for (const topology::BillRow& row : cluster->bill_of_materials()) {
      usd += row.price.value.si() * static_cast<double>(row.count) / spec.count();
    }
    return usd;
  }

  void read_orders(const pb::PlanSystem& asked, const std::string& at, const pb::Accelerator& chip,
                   PlanSystemTerms& system) {
    const int from = quarter(at + "order_from", asked.order_from(), 0);
    const int until = quarter(at + "order_until", asked.order_until(), terms_.quarters - 1);
    if (until < from) error(at + "order_until", "is before order_from", "a later quarter");
    for (int q = 0; q < terms_.quarters; ++q) {
      const int now = terms_.from + q;
      system.orderable.push_back(q >= from && q <= until);
      const std::string day =
          plan_.has_rules_as_of() ? plan_.rules_as_of() : power::quarter_middle(now);
      const pb::ExportRule* rule =
          regime_ == nullptr ? nullptr : power::rule_on(*regime_, chip, day);
      system.export_status.push_back(rule == nullptr ? pb::unrestricted : rule->status());
      system.export_rule.push_back(rule == nullptr ? std::string() : rule->name());
      system.surcharge.push_back(rule == nullptr ? 0 : rule->surcharge());
      system.most.emplace_back();
      if (asked.chips_per_quarter_size() > 0) {
        const int i = std::min(q, asked.chips_per_quarter_size() - 1);
        const std::string field = at + fmt::format("chips_per_quarter[{}]", i);
        system.most.back() = {positive(field, asked.chips_per_quarter(i)), "plan." + field};
      }
    }
    if (asked.has_supply()) read_supply(asked, at, system);
  }

  void read_supply(const pb::PlanSystem& asked, const std::string& at, PlanSystemTerms& system) {
    const pb::Supply* supply = catalogue_.supply(asked.supply());
    if (supply == nullptr) {
      error(at + "supply", fmt::format("unknown supply '{}'", asked.supply()),
            did_you_mean(asked.supply(), catalogue_.names("supply")));
      return;
    }
    SourceMap places;
    places.note("", {catalogue_.file_of("supply", supply->name()), 0, 0});
    const int before = diagnostics_.error_count();
    power::check_supply(*supply, catalogue_, places, diagnostics_);
    if (diagnostics_.error_count() > before) return;
    const auto needed =
        power::needed(*supply, catalogue_, system.accelerator, plan_.supply_level());
    if (!needed) {
      error(at + "supply",
            fmt::format("'{}' says nothing of {}", supply->name(), system.accelerator),
            "add a package { } to it, or give chips_per_quarter");
      return;
    }
    if (!(asked.supply_share() > 0 && asked.supply_share() <= 1)) {
      error(at + "supply_share", fmt::format("{:g} is no share", asked.supply_share()),
            "above 0, at most 1");
      return;
    }
    system.supply = supply->name();
    system.supply_share = asked.supply_share();
    system.needed = *needed;
    for (int q = 0; q < terms_.quarters; ++q) {
      system.supplied.push_back(
          power::supplied(*supply, system.vendor, terms_.from + q, plan_.supply_level()));
    }
  }

  /// Values by quarter of steps; the first holds before it too where it names no quarter.
  template <typename Q>
  std::vector<std::optional<PlanLimit>> steps(
      const google::protobuf::RepeatedPtrField<pb::PlanStep>& asked, const std::string& field) {
    std::vector<std::optional<PlanLimit>> values(static_cast<std::size_t>(terms_.quarters));
    int before = -1;
    for (int i = 0; i < asked.size(); ++i) {
      const std::string at = fmt::format("{}[{}].", field, i);
      const int from = quarter(at + "from", asked[i].from(), 0);
      if (from <= before) error(at + "from", "is not after the step before", "write them in order");
      before = from;
      const PlanLimit limit{quantity<Q>(at + "value", asked[i].value()), "plan." + at + "value"};
      for (int q = from; q < terms_.quarters; ++q) values[static_cast<std::size_t>(q)] = limit;
    }
    return values;
  }

  void read_site(int index) {
    const pb::PlanSite& asked = plan_.site(index);
    const std::string at = fmt::format("site[{}].", index);
    PlanSiteTerms site;
    site.field = fmt::format("plan.site[{}]", index);
    site.name = asked.name();
    unique(at + "name", site.name, sites_);
    if (asked.power_size() == 0) {
      error(at + "power", "is missing", "power { value: \"100 MW\" }");
    }
    for (const auto& limit : steps<Watts>(asked.power(), at + "power")) {
      // Before its first step a site is not there.
      site.power_w.push_back(limit.value_or(PlanLimit{0, "plan." + at + "power"}));
    }
    if (asked.has_rack_power()) {
      site.rack_power_w = quantity<Watts>(at + "rack_power", asked.rack_power());
    }
    if (asked.has_racks()) {
      site.racks = asked.racks();
      positive(at + "racks", asked.racks());
      if (!site.rack_power_w) {
        error(at + "rack_power", "is missing where racks are counted", "rack_power: \"40 kW\"");
      }
    }
    site.pue = asked.pue();
    if (!std::isfinite(site.pue) || site.pue < 1) {
      error(at + "pue", fmt::format("must be at least 1, is {}", site.pue), "1.1 to 1.3 is usual");
    }
    constexpr double kJoulesPerWattHour = 3600;
    site.usd_per_wh = quantity<DollarsPerJoule>(at + "tariff", asked.tariff()) * kJoulesPerWattHour;
    site.kg_per_wh =
        quantity<KilogramsPerJoule>(at + "carbon_intensity", asked.carbon_intensity()) *
        kJoulesPerWattHour;
    site.fleet.assign(terms_.systems.size(), 0);
    for (int i = 0; i < asked.fleet_size(); ++i) {
      const std::string fleet = at + fmt::format("fleet[{}].", i);
      const auto found =
          std::find_if(terms_.systems.begin(), terms_.systems.end(),
                       [&](const auto& s) { return s.name == asked.fleet(i).system(); });
      if (found == terms_.systems.end()) {
        error(fleet + "system", fmt::format("the plan has no system '{}'", asked.fleet(i).system()),
              did_you_mean(asked.fleet(i).system(), {systems_.begin(), systems_.end()}));
        continue;
      }
      site.fleet[static_cast<std::size_t>(found - terms_.systems.begin())] +=
          positive(fleet + "chips", asked.fleet(i).chips());
    }
    terms_.sites.push_back(std::move(site));
  }

  void read_demand(int index) {
    const pb::PlanDemand& asked = plan_.demand(index);
    const std::string at = fmt::format("demand[{}].", index);
    PlanDemandTerms demand;
    demand.field = fmt::format("plan.demand[{}]", index);
    demand.name = asked.name();
    unique(at + "name", demand.name, demands_);
    demand.training = asked.has_training();
    demand.last = terms_.quarters - 1;
    if (asked.has_training() == asked.has_serving()) {
      error(at + "training", "a demand is either training or serving",
            "training { deadline: \"2026-Q4\" } or serving { tokens_per_s: 1e6 }");
    } else if (asked.has_training()) {
      read_training(asked.training(), at + "training.", demand);
    } else {
      read_serving(asked.serving(), at + "serving.", demand);
    }
    if (asked.alternative_size() == 0) {
      error(at + "alternative", "says nowhere how it is done",
            "alternative { name: \"dense\" study: \"llama3-405b-h100\" }");
    }
    std::set<std::string> names;
    for (int i = 0; i < asked.alternative_size(); ++i) {
      const std::string field = at + fmt::format("alternative[{}].", i);
      unique(field + "name", asked.alternative(i).name(), names);
      if (!asked.alternative(i).has_study()) {
        error(field + "study", "is missing", "study: \"dense.textproto\"");
      }
      if (demand.training != asked.alternative(i).has_tokens()) {
        error(field + "tokens", demand.training ? "is missing" : "is of training runs alone",
              demand.training ? "tokens: 14.8e12" : "leave it out");
      }
      demand.alternatives.push_back(
          {asked.alternative(i).name(), positive(field + "tokens", asked.alternative(i).tokens())});
    }
    terms_.demands.push_back(std::move(demand));
  }

  void read_training(const pb::PlanTraining& asked, const std::string& at,
                     PlanDemandTerms& demand) {
    if (!asked.has_deadline()) error(at + "deadline", "is missing", "deadline: \"2026-Q4\"");
    demand.first = quarter(at + "start", asked.start(), 0);
    demand.last = quarter(at + "deadline", asked.deadline(), terms_.quarters - 1);
    if (demand.last < demand.first) {
      error(at + "deadline",
            fmt::format("{} is before the start in {}", asked.deadline(),
                        power::quarter_name(terms_.from + demand.first)),
            "a run may end in the quarter in which it starts, not before");
    }
  }

  void read_serving(const pb::PlanServing& asked, const std::string& at, PlanDemandTerms& demand) {
    demand.first = quarter(at + "start", asked.start(), 0);
    demand.peak_over_mean = asked.peak_over_mean();
    if (!(std::isfinite(demand.peak_over_mean) && demand.peak_over_mean >= 1)) {
      error(at + "peak_over_mean", "is at least 1", "2: at its highest the load is twice its mean");
    }
    if (asked.has_share()) {
      demand.share = asked.share();
      if (!(*demand.share >= 0 && *demand.share <= 1)) {
        error(at + "share", fmt::format("{:g} is no share", *demand.share), "0 to 1");
      }
      if (plan_.objective() != pb::most_tokens) {
        error(at + "share", "has a meaning for objective: most_tokens alone", "leave it out");
      }
    }
    if (asked.by_quarter_size() > terms_.quarters) {
      error(at + "by_quarter",
            fmt::format("{} loads for {} quarters", asked.by_quarter_size(), terms_.quarters),
            "at most one for each");
    }
    if (!asked.has_tokens_per_s() && asked.by_quarter_size() == 0 &&
        plan_.objective() == pb::least_cost) {
      error(at + "tokens_per_s", "is missing", "tokens_per_s: 1e6");
    }
    positive(at + "growth", asked.growth());
    double load = positive(at + "tokens_per_s", asked.tokens_per_s());
    for (int q = 0; q < terms_.quarters; ++q) {
      if (asked.by_quarter_size() > 0) {
        const int i = std::min(q, asked.by_quarter_size() - 1);
        load = positive(fmt::format("{}by_quarter[{}]", at, i), asked.by_quarter(i));
      } else if (q > demand.first) {
        load *= asked.growth();
      }
      demand.load.push_back(q >= demand.first ? load : 0);
    }
  }

  void read_budget() {
    const pb::PlanBudget& asked = plan_.budget();
    if (asked.has_capital()) {
      terms_.capital = quantity<Dollars>("budget.capital", asked.capital());
    }
    terms_.capital_per_quarter =
        steps<Dollars>(asked.capital_per_quarter(), "budget.capital_per_quarter");
    terms_.running_per_quarter =
        steps<Dollars>(asked.running_per_quarter(), "budget.running_per_quarter");
  }

  const Study& study_;
  const pb::Plan& plan_;
  const topology::Catalogue& catalogue_;
  Diagnostics& diagnostics_;
  const pb::ExportRegime* regime_ = nullptr;
  std::set<std::string> systems_, sites_, demands_;
  PlanTerms terms_;
};

}  // namespace

std::optional<PlanTerms> read_plan(const Study& study, const topology::Catalogue& catalogue,
                                   Diagnostics& diagnostics) {
  return PlanReader(study, catalogue, diagnostics).read();
}

}  // namespace aisle::sim
