// SPDX-License-Identifier: Apache-2.0
#include "power/facility.hpp"

#include "sim/base/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace aisle::power {

namespace {

constexpr int kHoursOfDay = 24, kDays = 365, kHoursOfYear = kHoursOfDay * kDays;
constexpr double kKelvin = 273.15;
constexpr double kChillerLift = 5;    ///< K over the outside approach, and under the supply
constexpr double kChillerRange = 10;  ///< K missing from which chillers carry all the heat
constexpr double kLeastLift = 8;      ///< K
constexpr double kEvaporation = 1.3 / (2.45e6 * 1000);  ///< m3 per J: latent heat and blow-down

double turn(double share) {
  return 2 * std::numbers::pi * share;
}

double at_hour(const Hourly& values, int hour) {
  return values[static_cast<std::size_t>(hour) % values.size()];
}

/// One loop: what its outside end costs.
struct Loop {
  double power = 0, water = 0, chilled = 0;  ///< W, m3/s, share of its heat
};

Loop loop_of(const Cooling& cooling, double heat, double supply, const Weather& weather) {
  Loop loop;
  loop.power = cooling.rejection * heat;
  const double dry = weather.dry + cooling.dry_approach;
  if (heat <= 0 || dry <= supply) return loop;
  double reached = dry;
  if (cooling.wet) {
    reached = std::min(dry, weather.wet + cooling.wet_approach);
    loop.water = heat * kEvaporation;
  }
  const double missing = reached - supply;
  if (missing <= 0) return loop;
  loop.chilled = std::min(1.0, missing / kChillerRange);
  const double cold = supply - kChillerLift + kKelvin;
  const double lift = std::max(kLeastLift, missing + 2 * kChillerLift);
  loop.power += loop.chilled * heat / (cooling.carnot * cold / lift);
  return loop;
}

}  // namespace

Weather Climate::at(int hour) const {
  const double day_of_year = static_cast<double>(hour % kHoursOfYear) / kHoursOfDay;
  const double hour_of_day = hour % kHoursOfDay;
  Weather weather;
  weather.dry = mean + season * std::cos(turn((day_of_year - 200) / kDays)) +
                day * std::cos(turn((hour_of_day - 15) / kHoursOfDay));
  weather.wet = weather.dry - 2 - std::max(0.0, weather.dry - 5) / 5;
  return weather;
}

CoolingPower cooling_power(const Cooling& cooling, Watts heat, const Weather& weather) {
  const double liquid = cooling.liquid_share * heat.si(), air = heat.si() - liquid;
  const Loop by_air = loop_of(cooling, air, cooling.air_supply, weather);
  const Loop by_liquid = loop_of(cooling, liquid, cooling.liquid_supply, weather);
  CoolingPower power;
  power.power = Watts::from_si(by_air.power + by_liquid.power + cooling.fans * air +
                               cooling.pumps * heat.si());
  power.water = by_air.water + by_liquid.water;
  if (heat > Watts{}) {
    power.chilled = (by_air.chilled * air + by_liquid.chilled * liquid) / heat.si();
  }
  return power;
}

double Contract::output(int hour) const {
  const int day = hour / kHoursOfDay % kDays, of_day = hour % kHoursOfDay;
  switch (kind) {
    case Kind::flat:
    case Kind::turbine:
      return availability;
    case Kind::solar: {
      // The sine of the sun's height; over the year its positive part has a mean of 0.257 here.
      const double tilt = -23.44 * std::cos(turn((day + 10.0) / kDays)) * turn(1) / 360;
      const double latitude = 35 * turn(1) / 360;
      const double height =
          std::sin(latitude) * std::sin(tilt) +
          std::cos(latitude) * std::cos(tilt) * std::cos(turn((of_day - 12.0) / kHoursOfDay));
      return std::min(1.0, std::max(0.0, height) * availability / 0.257);
    }
    case Kind::wind: {
      // A sum of slow waves with drawn phases between nothing and all, stronger in winter.
      Random random(7, "wind");
      double wave = 0;
      for (const double days : {1.3, 2.9, 4.7, 9.1}) {
        wave += std::sin(turn(hour / (days * kHoursOfDay) + random.uniform())) / 4;
      }
      const double season = 1 + 0.25 * std::cos(turn((day - 15.0) / kDays));
      return std::clamp(availability * season * (1 + 1.2 * wave), 0.0, 1.0);
    }
  }
  return 0;
}

namespace {

/// One hour of a year, added to it.
void add_hour(const YearTerms& terms, Watts feed, int hour, Year& year) {
  const Seconds length = 1 * units::hour;
  Watts left = feed;
  const DollarsPerJoule price = DollarsPerJoule::from_si(at_hour(terms.price, hour));
  for (const Contract& contract : terms.contracts) {
    if (contract.kind == Contract::Kind::turbine && contract.price >= price) continue;
    const Watts used = std::min(left, contract.capacity * contract.output(hour));
    left -= used;
    year.contracted += used * length;
    year.cost += used * length * contract.price;
    year.co2 += used * length * contract.carbon;
  }
  year.cost += left * length * price;
  year.co2 += left * length * KilogramsPerJoule::from_si(at_hour(terms.carbon, hour));
  year.facility += feed * length;
}

}  // namespace

Year run_year(const YearTerms& terms, const Cooling& cooling, const Delivery& delivery, Watts it,
              const Response& response, int hours) {
  AISLE_ASSERT(!terms.price.empty() && !terms.carbon.empty() && !terms.weather.empty(),
               "a year has prices, carbon and weather");
  constexpr int kHoursOfMonth = kHoursOfYear / 12;
  Year year;
  year.hours = hours;
  Watts month_peak;
  bool curtailed = false;
  for (int hour = 0; hour < hours; ++hour) {
    const bool was = curtailed;
    curtailed = terms.curtail_above && at_hour(terms.price, hour) > *terms.curtail_above;
    if (curtailed) year.curtailed_hours += 1;
    if (curtailed && !was) year.curtailments += 1;
    const Watts load = curtailed ? response.it : it;
    const Weather& weather = terms.weather[static_cast<std::size_t>(hour) % terms.weather.size()];
    // What IT takes in, supplies and all, becomes heat.
    const Watts heat = flow_of(delivery, load, Watts{}).it;
    const CoolingPower cooled = cooling_power(cooling, heat, weather);
    const Flow flow = flow_of(delivery, load, cooled.power);
    add_hour(terms, flow.feed, hour, year);
    year.it += flow.it * (1 * units::hour);
    year.water += CubicMetres::from_si(cooled.water * (1 * units::hour).si());
    if (cooled.chilled <= 0) year.free_hours += 1;
    month_peak = std::max(month_peak, flow.feed);
    year.peak = std::max(year.peak, flow.feed);
    year.peak_cooling = std::max(year.peak_cooling, cooled.power);
    if ((hour + 1) % kHoursOfMonth == 0 || hour + 1 == hours) {
      year.cost += Dollars::from_si(terms.demand_charge * month_peak.si());
      month_peak = Watts{};
    }
  }
  year.worked_hours = year.hours - year.curtailed_hours * (1 - response.pace) -
                      year.curtailments * response.lost_hours;
  return year;
}

}  // namespace aisle::power
