// SPDX-License-Identifier: Apache-2.0
#include "power/power.hpp"
#include "power/power.pb.h"
#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <utility>

namespace aisle::power {

namespace {

/// Of what air-cooled accelerators draw above idle, what fans add to it (docs/model/power.md).
constexpr double kFans = 0.07;
constexpr int kYear = 8760;  ///< hours

}  // namespace

namespace {

class SiteReader {
 public:
  SiteReader(const pb::Site& site, const SiteGround& ground, const SourceMap& places,
             Diagnostics& diagnostics)
      : site_(site), ground_(ground), places_(places), diagnostics_(diagnostics) {}

  std::optional<SiteModel> read() {
    const int errors_before = diagnostics_.error_count();
    model_.pue = site_.pue();
    if (!std::isfinite(model_.pue) || model_.pue < 1) {
      error("pue", fmt::format("must be at least 1, is {}", model_.pue),
            "facility power over IT power; 1.1 to 1.3 is usual");
    }
    read("tariff", site_.tariff(), model_.tariff);
    read("carbon_intensity", site_.carbon_intensity(), model_.carbon);
    read("water_intensity", site_.water_intensity(), model_.water);
    read_nodes();
    model_.rental = ground_.cluster.accelerator().rental.value;
    model_.rental_basis = ground_.cluster.accelerator().rental.basis;
    if (site_.has_rental()) {
      read("rental", site_.rental(), model_.rental);
      model_.rental_basis = Basis::assumed;
    }
    if (site_.has_ownership()) read_ownership();
    read_embodied();
    read_feed_limits();
    if (site_.has_rack_limit()) read("rack_limit", site_.rack_limit(), model_.rack_limit);
    if (site_.has_delivery() || site_.has_own_delivery() || site_.has_cooling() ||
        site_.has_year()) {
      read_hours();
    }
    if (diagnostics_.error_count() > errors_before) return std::nullopt;
    return std::move(model_);
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "cluster.site." + field;
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  template <typename Q>
  void read(const std::string& field, const std::string& text, Q& target) {
    const std::string path = "cluster.site." + field;
    if (const auto value = parse_quantity<Q>(text, places_.find(path), path, diagnostics_)) {
      target = *value;
    }
  }

  void read_nodes() {
    const topology::NodePower& node = ground_.cluster.node_power();
    model_.idle = ground_.curve.idle;
    if (site_.has_host_power()) {
      read("host_power", site_.host_power(), model_.host_power);
    } else if (node.rest.value > Watts{}) {
      model_.supplies = node.supply_efficiency;
      model_.host_power =
          std::max(Watts{}, node.rest.value * model_.supplies - ground_.curve.deep_idle);
      model_.fans = kFans * (1 - node.liquid_share);
      model_.host_power_basis = weakest(node.rest.basis, Basis::calibrated);
    } else {
      model_.host_power = ground_.cluster.host_power();
      model_.host_power_basis = ground_.cluster.host_power_basis();
    }
  }

  void read_ownership() {
    const pb::Ownership& asked = site_.ownership();
    Dollars accelerator, host, network;
    const pb::Accelerator* entry =
        ground_.catalogue.accelerator(ground_.cluster.accelerator().name);
    if (asked.has_accelerator()) {
      read("ownership.accelerator", asked.accelerator(), accelerator);
    } else if (entry != nullptr && entry->has_price()) {
      read("ownership.accelerator", entry->price().value(), accelerator);
    } else {
      error("ownership.accelerator",
            fmt::format("is missing: nobody published what a {} costs",
                        ground_.cluster.accelerator().name),
            "accelerator: \"30000 USD\"");
    }
    read("ownership.host", asked.host(), host);
    if (asked.has_network()) {
      read("ownership.network", asked.network(), network);
    } else {
      for (const topology::BillRow& row : ground_.cluster.bill_of_materials()) {
        network += row.price.value * static_cast<double>(row.count) / ground_.cluster.count();
      }
    }
    if (!(asked.it_years() > 0 && asked.plant_years() > 0)) {
      error("ownership", "years must be above 0", "it_years: 5 plant_years: 15");
    }
    model_.owned = {accelerator + host + network, asked.plant_usd_per_w(), asked.it_years(),
                    asked.plant_years(),          asked.interest(),        asked.upkeep()};
  }

  void read_embodied() {
    read("embodied_host", site_.embodied_host(), model_.embodied);
    const Kilograms accelerator = ground_.cluster.accelerator().embodied_carbon.value;
    model_.embodied = accelerator > Kilograms{} ? model_.embodied + accelerator : Kilograms{};
    model_.embodied_years = site_.embodied_years();
    if (!(model_.embodied_years > 0)) error("embodied_years", "years of use must be above 0", "5");
  }

  void read_feed_limits() {
    for (int i = 0; i < site_.feed_limit_size(); ++i) {
      const std::string field = fmt::format("feed_limit[{}]", i);
      const pb::FeedLimit& asked = site_.feed_limit(i);
      FeedLimit limit;
      if (asked.has_change()) read(field + ".change", asked.change(), limit.change);
      if (asked.has_within()) read(field + ".within", asked.within(), limit.within);
      if (!(limit.change > Watts{} && limit.within > Seconds{})) {
        error(field, "a limit of the feed is a change above 0 within a time above 0",
              "feed_limit { change: \"10 MW\" within: \"1 s\" }");
      }
      model_.feed_limits.push_back(limit);
    }
  }

  void read_hours() {
    SiteModel::Hours hours;
    const std::string name = site_.has_delivery() ? site_.delivery() : "ac-2n";
    const pb::Delivery* entry =
        site_.has_own_delivery() ? &site_.own_delivery() : ground_.catalogue.delivery(name);
    if (entry == nullptr) {
      error("delivery", fmt::format("the catalogue has no delivery '{}'", name),
            "ac-2n, dc-54v, dc-800v, or own_delivery { stage { ... } }");
      return;
    }
    const auto delivery = build_delivery(
        *entry, ground_.cluster.count(), places_,
        site_.has_own_delivery() ? "cluster.site.own_delivery" : "cluster.site.delivery",
        diagnostics_);
    if (!delivery) return;
    hours.delivery = *delivery;
    const pb::SiteCooling& cooling = site_.cooling();
    hours.cooling.liquid_share = cooling.has_liquid_share()
                                     ? cooling.liquid_share()
                                     : ground_.cluster.node_power().liquid_share;
    hours.cooling.air_supply = cooling.air_supply_celsius();
    hours.cooling.liquid_supply = cooling.liquid_supply_celsius();
    hours.cooling.wet = cooling.sprayed();
    if (!(hours.cooling.liquid_share >= 0 && hours.cooling.liquid_share <= 1)) {
      error("cooling.liquid_share", "lies between 0 and 1", "0.87 for GB200 NVL72");
    }
    // Supplies that the delivery describes are not counted in the node again.
    for (const Stage& stage : hours.delivery.stages) {
      if (stage.counts_as_it) model_.supplies = 1;
    }
    read_year(hours.year);
    const pb::SiteYear& year = site_.year();
    if (year.has_curtail_cap()) read("year.curtail_cap", year.curtail_cap(), hours.curtail_cap);
    if (year.has_pause_loss()) read("year.pause_loss", year.pause_loss(), hours.pause_loss);
    if (year.has_curtail_cap() && hours.curtail_cap <= ground_.curve.idle) {
      error("year.curtail_cap", "leaves nothing to work with: accelerators at rest draw as much",
            "leave it out, and the job pauses");
    }
    check_rest(hours.delivery);
    model_.hours = std::move(hours);
  }

  /// A feed that trips before anything runs is no feed.
  void check_rest(const Delivery& delivery) {
    const Watts rest = ground_.cluster.count() * node_power(model_, ground_.curve.deep_idle);
    const Flow flow = flow_of(delivery, rest, Watts{});
    for (const Overload& overload : overloads(delivery, flow)) {
      if (overload.only_failed) continue;
      error(site_.has_own_delivery() ? "own_delivery" : "delivery",
            fmt::format(
                "'{}' carries {:.2f} times its rating while the cluster is at rest, {:.4g} kW",
                overload.stage, overload.load, rest.in(units::kW)),
            "a larger rating, more units, or fewer accelerators");
    }
  }

  /// What a column of a series holds. A mean outside of what can be is in other units.
  struct Column {
    const char* name;
    double unit, least, most;
    const char* hint;
  };

  Hourly series(const std::string& field, const std::string& file, const Column& column) {
    const std::string path = (std::filesystem::path(ground_.folder) / file).string();
    Hourly values =
        read_hourly(path, column.name, column.least < 0, diagnostics_).value_or(Hourly{});
    if (values.empty()) {
      error(field, fmt::format("'{}' is of no use", file), "");
      return values;
    }
    const double mean =
        std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    if (!(mean >= column.least && mean <= column.most)) {
      diagnostics_.error({path, 1, 1}, column.name,
                         fmt::format("has a mean of {:.4g}: that is another unit", mean),
                         column.hint);
    }
    for (double& value : values) value *= column.unit;
    return values;
  }

  void read_year(YearTerms& year) {
    const pb::SiteYear& asked = site_.year();
    year.price = {model_.tariff.si()};
    if (asked.has_price_series()) {
      year.price = series("year.price_series", asked.price_series(),
                          {"price", (1 * units::USD / units::kWh).si(), 0, 3,
                           "USD per kWh; prices per MWh are divided by 1,000"});
    }
    year.carbon = {model_.carbon.si()};
    if (asked.has_carbon_series()) {
      year.carbon = series("year.carbon_series", asked.carbon_series(),
                           {"carbon", (1e-3 * units::kg / units::kWh).si(), 2, 3000,
                            "g per kWh; kg are multiplied by 1,000"});
    }
    if (asked.has_weather_series()) {
      const char* celsius = "degrees Celsius";
      const Hourly dry =
          series("year.weather_series", asked.weather_series(), {"dry_bulb", 1, -50, 50, celsius});
      const Hourly wet =
          series("year.weather_series", asked.weather_series(), {"wet_bulb", 1, -50, 50, celsius});
      for (std::size_t i = 0; i < std::min(dry.size(), wet.size()); ++i) {
        year.weather.push_back({dry[i], wet[i]});
      }
    } else {
      const Climate climate{asked.mean_celsius(), asked.season_celsius(), asked.day_celsius()};
      for (int hour = 0; hour < kYear; ++hour) year.weather.push_back(climate.at(hour));
    }
    for (int i = 0; i < asked.contract_size(); ++i) read_contract(i, year);
    year.demand_charge = asked.demand_charge_usd_per_kw() / 1e3;
    if (asked.has_curtail_above()) {
      DollarsPerJoule above;
      read("year.curtail_above", asked.curtail_above(), above);
      year.curtail_above = above.si();
    }
    if (!asked.has_curtail_above() && (asked.has_curtail_cap() || asked.has_pause_loss())) {
      error("year.curtail_above", "is missing: nothing says when the grid asks for less",
            "curtail_above: \"0.3 USD/kWh\"");
    }
  }

  void read_contract(int i, YearTerms& year) {
    const pb::PowerContract& asked = site_.year().contract(i);
    const std::string field = fmt::format("year.contract[{}].", i);
    Contract contract;
    if (!asked.has_capacity() || !asked.has_price() || !asked.has_carbon_intensity()) {
      error(field + "capacity", "a contract has capacity, price and carbon_intensity",
            "capacity: \"100 MW\" price: \"0.06 USD/kWh\" carbon_intensity: \"12 g/kWh\"");
      return;
    }
    read(field + "capacity", asked.capacity(), contract.capacity);
    read(field + "price", asked.price(), contract.price);
    read(field + "carbon_intensity", asked.carbon_intensity(), contract.carbon);
    contract.availability = asked.availability();
    contract.kind = static_cast<Contract::Kind>(asked.kind());
    if (!(contract.availability > 0 && contract.availability <= 1)) {
      error(field + "availability", "lies above 0 and at most at 1", "0.92 for nuclear");
    }
    year.contracts.push_back(contract);
  }

  const pb::Site& site_;
  const SiteGround& ground_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
  SiteModel model_;
};

}  // namespace

std::optional<SiteModel> build_site(const pb::Site& site, const SiteGround& ground,
                                    const SourceMap& places, Diagnostics& diagnostics) {
  return SiteReader(site, ground, places, diagnostics).read();
}

Watts node_power(const SiteModel& site, Watts accelerator) {
  const Watts fans = site.fans * (accelerator - site.idle);
  return (accelerator + site.host_power + fans) / site.supplies;
}

Watts accelerator_power(const SiteModel& site, Watts node) {
  return (node * site.supplies - site.host_power + site.fans * site.idle) / (1 + site.fans);
}

double yearly_rate(double years, double interest) {
  if (interest <= 0) return 1 / years;
  return interest / -std::expm1(-years * std::log1p(interest));
}

std::optional<Throttled> under_response(const SiteModel& site, const PowerCurve& curve,
                                        const Activity& activity) {
  if (!site.hours || site.hours->curtail_cap <= Watts{}) return std::nullopt;
  return throttled(curve, activity, std::min(curve.limit, site.hours->curtail_cap));
}

Bill bill(const SiteModel& site, Watts accelerator_power, int accelerators, Seconds duration,
          const std::optional<Throttled>& capped) {
  AISLE_ASSERT(accelerators >= 0 && duration >= Seconds{}, "a job has a size and a duration");
  const auto count = static_cast<double>(accelerators);
  Bill bill;
  bill.it_power = count * node_power(site, accelerator_power);
  Watts peak;
  if (site.hours) {
    const SiteModel::Hours& hours = *site.hours;
    Response response{count * node_power(site, site.idle), 0, hours.pause_loss.in(units::hour)};
    if (capped) {
      const double pace = duration > Seconds{} ? duration / capped->duration : 1;
      response = {count * node_power(site, std::min(accelerator_power, capped->power)), pace, 0};
    }
    const Year year =
        run_year(hours.year, hours.cooling, hours.delivery, bill.it_power, response, kYear);
    const Seconds length = year.hours * units::hour;
    bill.stretch = year.worked_hours > 0 ? year.hours / year.worked_hours : 1;
    duration *= bill.stretch;
    bill.it_power = year.it / length;
    bill.facility_power = year.facility / length;
    bill.energy = bill.facility_power * duration;
    bill.energy_cost = year.cost * (duration / length);
    bill.co2 = year.co2 * (duration / length);
    bill.water = year.water * (duration / length);
    const Watts at_most = count * node_power(site, accelerator_power);
    bill.overloads = overloads(hours.delivery, flow_of(hours.delivery, at_most, year.peak_cooling));
    peak = year.peak;
    bill.year = year;
  } else {
    bill.facility_power = peak = site.pue * bill.it_power;
    bill.energy = bill.facility_power * duration;
    bill.energy_cost = bill.energy * site.tariff;
    bill.co2 = bill.energy * site.carbon;
    bill.water = bill.it_power * duration * site.water;  // water usage is counted per IT energy
  }
  bill.rental = count * (site.rental * duration);
  bill.embodied = count * site.embodied * (duration / (site.embodied_years * kYear * units::hour));
  if (site.owned) {
    const SiteModel::Owned& owned = *site.owned;
    const double a_year =
        count * owned.it.si() * (yearly_rate(owned.it_years, owned.interest) + owned.upkeep) +
        owned.plant * peak.si() * (yearly_rate(owned.plant_years, owned.interest) + owned.upkeep);
    bill.owned_cost =
        Dollars::from_si(a_year * (duration / (kYear * units::hour))) + bill.energy_cost;
  }
  return bill;
}

}  // namespace aisle::power
