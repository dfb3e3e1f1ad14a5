// SPDX-License-Identifier: Apache-2.0
#include "power/power.hpp"
#include "power/power.pb.h"
#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aisle::power {

namespace {

/// Of what air-cooled accelerators draw above idle, what fans add to it (docs/model/power.md).
constexpr double kFans = 0.07;

}  // namespace

std::optional<SiteModel> build_site(const pb::Site& site, const topology::Cluster& cluster,
                                    const PowerCurve& curve, const SourceMap& places,
                                    Diagnostics& diagnostics) {
  const int errors_before = diagnostics.error_count();
  const auto read = [&](const std::string& text, const char* name, auto& target) {
    const std::string field = std::string("cluster.site.") + name;
    using Q = std::decay_t<decltype(target)>;
    if (const auto value = parse_quantity<Q>(text, places.find(field), field, diagnostics)) {
      target = *value;
    }
  };
  SiteModel model;
  model.pue = site.pue();
  if (!std::isfinite(model.pue) || model.pue < 1) {
    diagnostics.error(places.find("cluster.site.pue"), "cluster.site.pue",
                      fmt::format("must be at least 1, is {}", model.pue),
                      "facility power over IT power; 1.1 to 1.3 is usual");
  }
  read(site.tariff(), "tariff", model.tariff);
  read(site.carbon_intensity(), "carbon_intensity", model.carbon);
  read(site.water_intensity(), "water_intensity", model.water);
  model.idle = curve.idle;
  if (site.has_host_power()) {
    read(site.host_power(), "host_power", model.host_power);
  } else if (const topology::NodePower& node = cluster.node_power(); node.rest.value > Watts{}) {
    model.supplies = node.supply_efficiency;
    model.host_power = std::max(Watts{}, node.rest.value * model.supplies - curve.deep_idle);
    model.fans = kFans * (1 - node.liquid_share);
    model.host_power_basis = weakest(node.rest.basis, Basis::calibrated);
  } else {
    model.host_power = cluster.host_power();
    model.host_power_basis = cluster.host_power_basis();
  }
  model.rental = cluster.accelerator().rental.value;
  model.rental_basis = cluster.accelerator().rental.basis;
  if (site.has_rental()) {
    read(site.rental(), "rental", model.rental);
    model.rental_basis = Basis::assumed;
  }
  if (diagnostics.error_count() > errors_before) return std::nullopt;
  return model;
}

Watts node_power(const SiteModel& site, Watts accelerator) {
  const Watts fans = site.fans * (accelerator - site.idle);
  return (accelerator + site.host_power + fans) / site.supplies;
}

Bill bill(const SiteModel& site, Watts accelerator_power, int accelerators, Seconds duration) {
  AISLE_ASSERT(accelerators >= 0 && duration >= Seconds{}, "a job has a size and a duration");
  const auto count = static_cast<double>(accelerators);
  Bill bill;
  bill.it_power = count * node_power(site, accelerator_power);
  bill.facility_power = site.pue * bill.it_power;
  bill.energy = bill.facility_power * duration;
  bill.energy_cost = bill.energy * site.tariff;
  bill.rental = count * (site.rental * duration);
  bill.co2 = bill.energy * site.carbon;
  bill.water = bill.it_power * duration * site.water;  // water usage is counted per IT energy
  return bill;
}

}  // namespace aisle::power
