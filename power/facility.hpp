// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/delivery.hpp"
#include "sim/base/units.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aisle::power {

/// Values of equal hours, repeated where a year is longer.
using Hourly = std::vector<double>;

/// Weather of an hour, degrees Celsius.
struct Weather {
  double dry = 15, wet = 11;
};

/// A year by formula (assumed): mean, half the swing from winter to summer and from night to day;
/// warmest on day 200 at 15 h. The wet bulb lies below by 2 K and a fifth of what it is above 5 C.
struct Climate {
  double mean = 13, season = 11, day = 5;

  Weather at(int hour) const;
};

/// How heat leaves (docs/model/power.md): liquid loops and air, each down to a supply temperature;
/// dry coolers as long as the outside is cold enough, then wet ones, then chillers for what is
/// missing. Shares are of the heat of that loop.
struct Cooling {
  double liquid_share = 0;                     ///< of the heat of IT
  double air_supply = 25, liquid_supply = 35;  ///< C
  double fans = 0.04, pumps = 0.015, rejection = 0.015;
  double dry_approach = 10, wet_approach = 6;  ///< K, supply over outside
  double carnot = 0.5;                         ///< of chillers, share of the ideal efficiency
  bool wet = true;                             ///< coolers may be sprayed
};

struct CoolingPower {
  Watts power;
  double water = 0;    ///< m3 per second
  double chilled = 0;  ///< share of the heat that chillers have a part in
};

CoolingPower cooling_power(const Cooling& cooling, Watts heat, const Weather& weather);

/// A contract for power by the hour.
struct Contract {
  Watts capacity;
  DollarsPerJoule price;  ///< paid for what is used
  KilogramsPerJoule carbon;
  /// A turbine stands behind the meter and runs in hours in which it is cheaper than the grid.
  enum class Kind { flat, solar, wind, turbine } kind = Kind::flat;
  double availability = 1;  ///< mean output over capacity

  /// Output over capacity in an hour of the year: flat; the sun's path at 35 degrees of latitude
  /// and a clear sky scaled to the mean; wind as a smooth seeded process (all assumed).
  double output(int hour) const;
};

/// What a year is made of.
struct YearTerms {
  Hourly price;   ///< USD per J
  Hourly carbon;  ///< kg per J
  std::vector<Weather> weather;
  std::vector<Contract> contracts;      ///< the cheapest first
  double demand_charge = 0;             ///< USD per W of each month's highest hour
  std::optional<double> curtail_above;  ///< USD per J: demand response in dearer hours
};

/// What a job does in hours of demand response.
struct Response {
  Watts it;               ///< drawn by IT
  double pace = 0;        ///< of the job, over its usual one; 0: it pauses
  double lost_hours = 0;  ///< of work, at each row of such hours
};

struct Year {
  Joules it, facility, contracted;
  Dollars cost;
  Kilograms co2;
  CubicMetres water;
  Watts peak, peak_cooling;
  double free_hours = 0;  ///< without chillers
  double curtailed_hours = 0, curtailments = 0;
  double worked_hours = 0;  ///< as many would do the same work without curtailment
  int hours = 0;

  double pue() const { return facility / it; }
};

/// Hour by hour: heat, cooling, delivery, contracts, then the grid.
Year run_year(const YearTerms& terms, const Cooling& cooling, const Delivery& delivery, Watts it,
              const Response& response, int hours);

/// One column of a table with a time in its first column: every row a number, times in equal steps
/// of an hour. Gaps, negative values (unless allowed) and text are errors with file and line.
std::optional<Hourly> read_hourly(const std::string& path, const std::string& column,
                                  bool may_be_negative, Diagnostics& diagnostics);

}  // namespace aisle::power
