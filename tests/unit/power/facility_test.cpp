// SPDX-License-Identifier: Apache-2.0
#include "power/facility.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace aisle::power {
namespace {

using namespace units;  // NOLINT: literals of a test
using testing::HasSubstr;

Delivery plain(double efficiency) {
  Stage stage;
  stage.name = "feed";
  stage.efficiency = {{0, efficiency}};
  stage.carries = {Load::it, Load::cooling};
  return {"plain", {stage}};
}

YearTerms terms() {
  YearTerms terms;
  terms.price = {(0.08 * USD / kWh).si()};
  terms.carbon = {(0.4 * kg / kWh).si()};
  const Climate climate;
  for (int hour = 0; hour < 8760; ++hour) terms.weather.push_back(climate.at(hour));
  return terms;
}

TEST(Cooling, ColdAirIsFree) {
  const Cooling cooling;
  const CoolingPower winter = cooling_power(cooling, 10 * MW, {5, 3});
  EXPECT_EQ(winter.chilled, 0);
  EXPECT_EQ(winter.water, 0);
  EXPECT_NEAR(winter.power.in(MW), 10 * (0.04 + 0.015 + 0.015), 1e-9);
  const CoolingPower spring = cooling_power(cooling, 10 * MW, {20, 15});
  EXPECT_EQ(spring.chilled, 0);  // sprayed coolers suffice
  EXPECT_GT(spring.water, 0);
  const CoolingPower summer = cooling_power(cooling, 10 * MW, {35, 26});
  EXPECT_GT(summer.chilled, 0);
  EXPECT_GT(summer.power, spring.power);
}

// More heat in liquid at 35 C, less power; never less power in warmer weather.
TEST(Cooling, LiquidAndWeather) {
  Cooling liquid;
  liquid.liquid_share = 0.87;
  double last = 0;
  for (double celsius = -10; celsius < 45; celsius += 1) {
    const Weather weather{celsius, celsius - 4};
    const CoolingPower by_air = cooling_power({}, 1 * MW, weather);
    EXPECT_LE(cooling_power(liquid, 1 * MW, weather).power, by_air.power);
    EXPECT_GE(by_air.power.si(), last);
    last = by_air.power.si();
  }
}

TEST(Year, ClosedForm) {
  YearTerms even = terms();
  even.weather = {{0, -2}};
  even.demand_charge = (10 * USD).si() / 1e3;  // per kW and month
  const Year year = run_year(even, {}, plain(0.95), 10 * MW, {2 * MW}, 8760);
  const double feed = 10 * 1.07 / 0.95;
  EXPECT_NEAR(year.it.in(MWh), 87600, 1e-6);
  EXPECT_NEAR(year.facility.in(MWh), feed * 8760, 1e-6);
  EXPECT_NEAR(year.pue(), feed / 10, 1e-12);
  EXPECT_NEAR(year.cost.in(USD), feed * 8760 * 80 + 12 * feed * 1e3 * 10, 1e-3);
  EXPECT_NEAR(year.co2.in(kg), feed * 8760 * 400, 1e-3);
  EXPECT_EQ(year.free_hours, 8760);
  EXPECT_NEAR(year.peak.in(MW), feed, 1e-9);
}

// Contracts come before the grid, hour by hour; what is not used is not paid.
TEST(Year, ContractsAndCurtailment) {
  YearTerms some = terms();
  some.contracts = {{6 * MW, 0.05 * USD / kWh, 0.012 * kg / kWh, Contract::Kind::flat, 0.92},
                    {20 * MW, 0.04 * USD / kWh, 0.041 * kg / kWh, Contract::Kind::solar, 0.25}};
  const Year year = run_year(some, {}, plain(1), 10 * MW, {2 * MW}, 8760);
  EXPECT_GT(year.contracted, 0.5 * year.facility);
  EXPECT_LT(year.contracted, year.facility);
  EXPECT_LT(year.co2, run_year(terms(), {}, plain(1), 10 * MW, {2 * MW}, 8760).co2);
  YearTerms dear = terms();
  dear.price.assign(24, dear.price[0]);
  dear.price[18] *= 10;
  dear.curtail_above = 5 * terms().price[0];
  const Year paused = run_year(dear, {}, plain(1), 10 * MW, {2 * MW}, 240);
  EXPECT_EQ(paused.curtailed_hours, 10);
  EXPECT_NEAR(paused.it.in(MWh), 230 * 10 + 10 * 2, 1e-6);
  EXPECT_EQ(paused.worked_hours, 230);
  // Each pause loses a quarter of an hour; under a cap the job goes on at four fifths of its pace.
  EXPECT_EQ(run_year(dear, {}, plain(1), 10 * MW, {2 * MW, 0, 0.25}, 240).worked_hours, 227.5);
  const Year capped = run_year(dear, {}, plain(1), 10 * MW, {7 * MW, 0.8}, 240);
  EXPECT_NEAR(capped.worked_hours, 238, 1e-9);
  EXPECT_NEAR(capped.it.in(MWh), 230 * 10 + 10 * 7, 1e-6);
}

TEST(Year, TurbinesRunInDearHours) {
  YearTerms some = terms();
  some.price.assign(24, some.price[0]);  // 0.08 USD/kWh
  some.price[18] *= 10;
  some.contracts = {{4 * MW, 0.2 * USD / kWh, 0.49 * kg / kWh, Contract::Kind::turbine, 1}};
  const Year year = run_year(some, {}, plain(1), 10 * MW, {2 * MW}, 240);
  EXPECT_NEAR(year.contracted.in(MWh), 10 * 4, 1e-6);
}

TEST(Year, SunAndWindComeOutAtTheirMeans) {
  for (const auto kind : {Contract::Kind::solar, Contract::Kind::wind}) {
    Contract contract{1 * MW, {}, {}, kind, 0.25};
    double sum = 0;
    for (int hour = 0; hour < 8760; ++hour) {
      EXPECT_GE(contract.output(hour), 0);
      EXPECT_LE(contract.output(hour), 1);
      sum += contract.output(hour) / 8760;
    }
    EXPECT_NEAR(sum, 0.25, 0.03);
  }
}

TEST(Year, WeekOfAHundredMegawattsIsQuick) {
  const auto start = std::chrono::steady_clock::now();
  run_year(terms(), {}, plain(0.95), 100 * MW, {20 * MW}, 168);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 2);
}

class HourlySeries : public testing::Test {
 protected:
  std::string read(const std::string& text) {
    const auto path = std::filesystem::temp_directory_path() / "aisle-hourly-test.csv";
    std::ofstream(path) << text;
    Diagnostics diagnostics;
    values = read_hourly(path.string(), "price", false, diagnostics);
    std::filesystem::remove(path);
    std::string all;
    for (const Diagnostic& d : diagnostics.all()) all += to_string(d) + "\n";
    return all;
  }

  static std::string day(int hours, const std::string& last = "80") {
    std::string text = "time,price\n";
    for (int i = 0; i < hours; ++i) {
      text += "2025-02-28T" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ":00,80\n";
    }
    return text + "2025-03-01T00:00," + last + "\n";
  }

  std::optional<Hourly> values;
};

TEST_F(HourlySeries, ADayOverTheEndOfAMonth) {
  EXPECT_EQ(read(day(24)), "");
  ASSERT_TRUE(values);
  EXPECT_EQ(values->size(), 25u);
}

TEST_F(HourlySeries, FaultsAreLocated) {
  EXPECT_THAT(read(day(23)), HasSubstr(":25:1: error: price: 2 hours after the row before"));
  EXPECT_THAT(read(day(24, "-3")), HasSubstr("26:18: error: price: -3 is below 0"));
  EXPECT_THAT(read(day(24, "80 USD")), HasSubstr("'80 USD' is no number"));
  EXPECT_THAT(read("time,cost\n1,2\n"), HasSubstr("has this name"));
  EXPECT_THAT(read("time,price\n1,2\n2,2\n"), HasSubstr("has 2 hours"));
}

}  // namespace
}  // namespace aisle::power
