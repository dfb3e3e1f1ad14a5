// SPDX-License-Identifier: Apache-2.0
// The program of a plan against answers worked out by hand.
#include "sim/study/plan_explain.hpp"
#include "sim/study/plan_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace aisle::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

PlanSystemTerms system_of(const char* name, double price, const PlanTerms& terms) {
  PlanSystemTerms system;
  system.name = system.accelerator = name;
  system.vendor = "NVIDIA";
  system.unit = 8;
  system.price_usd = system.accelerator_usd = price;
  const auto quarters = static_cast<std::size_t>(terms.quarters);
  system.orderable.assign(quarters, true);
  system.export_status.assign(quarters, pb::unrestricted);
  system.export_rule.assign(quarters, "");
  system.surcharge.assign(quarters, 0);
  system.most.resize(quarters);
  system.field = std::string("plan.system.") + name;
  return system;
}

/// A fast chip and a frugal one, one load of a million tokens/s, one site; a chip costs its price a
/// year and nothing else does.
PlanTerms two_chips(double megawatts, int quarters = 1) {
  PlanTerms terms;
  terms.quarters = quarters;
  terms.from = 4 * 2026;
  terms.it_rate = 1;
  terms.systems = {system_of("fast", 10000, terms), system_of("frugal", 8000, terms)};
  terms.idle_w = {0, 0};
  const auto count = static_cast<std::size_t>(quarters);
  PlanSiteTerms site;
  site.name = "north";
  site.power_w.assign(count, {megawatts * 1e6, "plan.site[0].power[0].value"});
  site.fleet = {0, 0};
  site.field = "plan.site[0]";
  terms.sites = {site};
  PlanDemandTerms chat;
  chat.name = "chat";
  chat.last = quarters - 1;
  chat.load.assign(count, 1e6);
  chat.alternatives = {{"dense", 0}};
  chat.field = "plan.demand[0]";
  terms.demands = {chat};
  terms.points = {{0, 0, 0, 100, 1000, 0, 1024}, {1, 0, 0, 60, 400, 0, 1024}};
  terms.capital_per_quarter.resize(count);
  terms.running_per_quarter.resize(count);
  return terms;
}

std::map<std::string, double> bought(const PlanTerms& terms, const PlanModel& model,
                                     const LinearSolution& solution) {
  std::map<std::string, double> chips;
  for (const PlanModel::Order& order : model.orders) {
    const PlanSystemTerms& system = terms.systems[static_cast<std::size_t>(order.system)];
    const double units = solution.values[static_cast<std::size_t>(order.variable)];
    if (units > 0) chips[system.name] += units * system.unit;
  }
  return chips;
}

struct Solved {
  explicit Solved(const PlanTerms& terms)
      : model(build_model(terms)), solution(solve(model.program, {})) {
    if (solution.found()) chips = bought(terms, model, solution);
  }

  double objective() const { return solution.cost / model.scale; }

  PlanModel model;
  LinearSolution solution;
  std::map<std::string, double> chips;
};

using Chips = std::map<std::string, double>;

/// With power to spare the fast chip is cheaper a token; with little the frugal one is all that
/// fits; between them both hold: 100 a + 60 b = 1e6, 1000 a + 400 b = 8e6 gives 4,000 and 10,000.
TEST(PlanProgram, KnownOptimum) {
  EXPECT_EQ(Solved(two_chips(12)).chips, (Chips{{"fast", 10000}}));
  const Solved mixed(two_chips(8));
  EXPECT_EQ(mixed.chips, (Chips{{"fast", 4000}, {"frugal", 10000}}));
  EXPECT_NEAR(mixed.objective(), (4000 * 10000.0 + 10000 * 8000.0) / 4, 1);
}

/// A megawatt more replaces 5,000 frugal chips by 3,000 fast ones; a million tokens/s less saves
/// both.
TEST(PlanProgram, PricesAreWhatReSolvingGives) {
  const PlanTerms terms = two_chips(8);
  const Solved at(terms);
  const auto prices = prices_of(terms, at.model, at.solution);
  ASSERT_EQ(prices.size(), 2u);
  EXPECT_EQ(prices[0].limit, "power of north");
  EXPECT_EQ(prices[0].quarter, "2026-Q1");
  EXPECT_NEAR(prices[0].worth, (5000 * 8000.0 - 3000 * 10000.0) / 4, 1);
  const Solved moved(two_chips(9));
  EXPECT_NEAR(at.objective() - moved.objective(), prices[0].worth, 1);
  PlanTerms less = terms;
  less.demands[0].load[0] = 0.9e6;
  EXPECT_EQ(prices[1].limit, "load of chat");
  EXPECT_NEAR(at.objective() - Solved(less).objective(), 0.1 * prices[1].worth, 1);
}

/// Units are whole: one token/s more takes a node less of the fast chips and two of the frugal
/// ones, since that costs less than one more of the fast.
TEST(PlanProgram, NodesAreWhole) {
  PlanTerms terms = two_chips(12);
  terms.demands[0].load[0] += 1;
  EXPECT_EQ(Solved(terms).chips, (Chips{{"fast", 9992}, {"frugal", 16}}));
}

TEST(PlanProgram, ChipsComeAfterTheirLeadAndStay) {
  PlanTerms terms = two_chips(12, 4);
  terms.demands[0].load = {0, 1e6, 2e5, 1e6};
  for (PlanSystemTerms& system : terms.systems) system.lead = 1;
  const Solved solved(terms);
  ASSERT_TRUE(solved.solution.found());
  EXPECT_EQ(solved.chips, (Chips{{"fast", 10000}}));
  terms.demands[0].load[0] = 1;  // nothing can be there yet
  EXPECT_FALSE(Solved(terms).solution.found());
  terms.sites[0].fleet = {8, 0};
  EXPECT_EQ(Solved(terms).chips, (Chips{{"fast", 9992}}));
}

TEST(PlanProgram, RacksSpreadWhatIsTooHot) {
  PlanTerms terms = two_chips(12);
  terms.systems[0].unit_power_w = 10e3;
  terms.systems[1].unit_power_w = 4e3;
  terms.sites[0].rack_power_w = 12e3;  // one node of the fast, three of the frugal
  terms.sites[0].racks = 1000;
  const Solved solved(terms);
  // 100 a + 60 b = 1e6 and a / 8 + b / 24 = 1000: 5,000 racks-worth of 8 and 24.
  EXPECT_NEAR(solved.chips.at("fast") / 8 + solved.chips.at("frugal") / 24, 1000, 1);
  terms.sites[0].rack_power_w = 9e3;
  const Chips frugal{{"frugal", 16672}};  // 2,084 nodes, two in a rack
  terms.sites[0].racks = 1042;
  EXPECT_EQ(Solved(terms).chips, frugal);
}

/// Two chips of one maker out of one supply, of which the buyer gets a tenth.
TEST(PlanProgram, SupplyIsShared) {
  PlanTerms terms = two_chips(100);
  for (PlanSystemTerms& system : terms.systems) {
    system.supply = "cowos";
    system.supply_share = 0.1;
    system.supplied = {{5000.0, std::nullopt, std::nullopt}};  // 500 wafers for the buyer
  }
  terms.systems[0].needed = {1.0 / 16, std::nullopt, std::nullopt};  // 8,000 of them at most
  terms.systems[1].needed = {1.0 / 64, std::nullopt, std::nullopt};
  // 100 a + 60 b = 1e6, a / 16 + b / 64 = 500.
  const Solved solved(terms);
  EXPECT_NEAR(solved.chips.at("fast"), 6571.4, 8);
  EXPECT_NEAR(solved.chips.at("frugal"), 5714.3, 8);
}

TEST(PlanProgram, DeniedChipsAreNotBought) {
  PlanTerms terms = two_chips(12);
  terms.systems[0].export_status[0] = pb::denied;
  EXPECT_EQ(Solved(terms).chips, (Chips{{"frugal", 16672}}));
  // A surcharge makes the other one cheaper: 10,000 / 100 a token against 8,000 / 60.
  terms = two_chips(12);
  terms.systems[0].surcharge[0] = 0.4;
  EXPECT_EQ(Solved(terms).chips, (Chips{{"fast", 16}, {"frugal", 16640}}));
}

/// A run takes one way on one chip: the sparse model on the fast chips, though a mix of chips would
/// need fewer of them.
TEST(PlanProgram, ARunIsOnOneSystem) {
  PlanTerms terms = two_chips(100, 2);
  PlanDemandTerms& run = terms.demands[0];
  run.training = true;
  run.load.clear();
  const double quarter = kQuarterSeconds * 100 * 1000;  // tokens of a thousand fast chips
  run.alternatives = {{"dense", 2 * quarter}, {"sparse", 1.5 * quarter}};
  terms.points = {{0, 0, 0, 100, 1000, 0, 800},
                  {1, 0, 0, 60, 400, 0, 4000},
                  {0, 0, 1, 100, 1000, 0, 800},
                  {1, 0, 1, 60, 400, 0, 4000}};
  // 750 fast chips over two quarters; 1,250 frugal ones would cost more.
  EXPECT_EQ(Solved(terms).chips, (Chips{{"fast", 752}}));
  // With a quarter's wait only one is left: 1,500 would be needed, and nobody knows how it runs on
  // more than 800.
  terms.systems[0].lead = 1;
  EXPECT_EQ(Solved(terms).chips, (Chips{{"frugal", 1256}}));
}

TEST(PlanProgram, MostTokensFillsThePower) {
  PlanTerms terms = two_chips(8);
  terms.objective = pb::most_tokens;
  terms.demands[0].load = {0};
  const Solved solved(terms);
  // The frugal chip gives more a watt: 20,000 of them.
  EXPECT_EQ(solved.chips, (Chips{{"frugal", 20000}}));
  EXPECT_NEAR(-solved.objective(), 20000 * 60 * kQuarterSeconds, 1e9);
  const auto prices = prices_of(terms, solved.model, solved.solution);
  ASSERT_EQ(prices.size(), 1u);
  EXPECT_NEAR(prices[0].worth, 60.0 / 400 * 1e6 * kQuarterSeconds, 1e9);  // tokens of a megawatt
}

/// Money for 40 M USD in the first quarter and 60 in the second: what it buys comes first.
TEST(PlanProgram, CapitalByQuarter) {
  PlanTerms terms = two_chips(100, 2);
  terms.objective = pb::most_tokens;
  terms.demands[0].load = {0, 0};
  terms.capital_per_quarter = {PlanLimit{40e6, "a"}, PlanLimit{60e6, "b"}};
  const Solved solved(terms);
  // 100 tokens/s for 10,000 USD are more than 60 for 8,000.
  EXPECT_EQ(solved.chips, (Chips{{"fast", 10000}}));
  const auto prices = prices_of(terms, solved.model, solved.solution);
  ASSERT_EQ(prices.size(), 2u);
  EXPECT_EQ(prices[0].limit, "capital of a quarter");
  EXPECT_EQ(prices[0].value, 40);
  EXPECT_NEAR(prices[0].worth / prices[1].worth, 2, 1e-6);  // it serves twice as long
}

TEST(PlanProgram, SharesOfWhatIsServed) {
  PlanTerms terms = two_chips(8);
  terms.objective = pb::most_tokens;
  terms.demands.push_back(terms.demands[0]);
  terms.demands[0].load = terms.demands[1].load = {0};
  terms.demands[0].share = 0.25;
  terms.demands[1].name = "search";
  terms.points = {{1, 0, 0, 60, 400, 0, 1024}, {1, 1, 0, 30, 400, 0, 1024}};
  const Solved solved(terms);
  std::map<int, double> chips;
  for (const PlanModel::Use& use : solved.model.uses) {
    chips[use.point] += solved.solution.values[static_cast<std::size_t>(use.variable)] * 1e3;
  }
  EXPECT_NEAR(chips[0] * 60 * 3, chips[1] * 30, 1);
}

TEST(PlanConflicts, AreTheSmallestSetWithWhatWouldDo) {
  PlanTerms terms = two_chips(5);
  terms.capital = 1e12;  // no part of it
  const PlanModel model = build_model(terms);
  const auto conflicts = conflicts_of(terms, model, SourceMap());
  ASSERT_EQ(conflicts.size(), 2u);
  EXPECT_EQ(conflicts[0].limit, "power of north");
  EXPECT_NEAR(conflicts[0].factor.value(), 1e6 / 60 * 400 / 5e6, 1e-3);  // 6.67 MW
  EXPECT_THAT(conflicts[0].remedy, HasSubstr("6.667 MW in place of 5"));
  EXPECT_EQ(conflicts[1].limit, "load of chat");
  EXPECT_NEAR(conflicts[1].factor.value(), 0.75, 1e-3);
}

TEST(PlanConflicts, NameRulesAndLaterDeadlines) {
  PlanTerms terms = two_chips(100, 3);
  terms.demands[0].training = true;
  terms.demands[0].last = 0;
  terms.demands[0].alternatives = {{"dense", kQuarterSeconds * 100 * 1000}};
  terms.points = {{0, 0, 0, 100, 1000, 0, 4000}};
  terms.systems[0].lead = 1;
  auto conflicts = conflicts_of(terms, build_model(terms), SourceMap());
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].remedy, "2026-Q2 would do");
  terms.demands[0].last = 2;
  terms.systems[0].export_status.assign(3, pb::denied);
  terms.systems[0].export_rule.assign(3, "October 2023");
  conflicts = conflicts_of(terms, build_model(terms), SourceMap());
  ASSERT_EQ(conflicts.size(), 2u);
  EXPECT_THAT(conflicts[0].limit, HasSubstr("export rules on fast (October 2023)"));
  EXPECT_EQ(conflicts[0].remedy, "without them it could be done");
}

/// What stands in the way of more accelerators than were simulated is that nobody knows.
TEST(PlanConflicts, NameTheSimulatedSize) {
  PlanTerms terms = two_chips(100);
  terms.demands[0].training = true;
  terms.demands[0].alternatives = {{"dense", kQuarterSeconds * 100 * 1000}};
  terms.points = {{0, 0, 0, 100, 1000, 0, 800}};
  const auto conflicts = conflicts_of(terms, build_model(terms), SourceMap());
  ASSERT_EQ(conflicts.size(), 2u);
  EXPECT_THAT(conflicts[0].limit, HasSubstr("as simulated on fast"));
  EXPECT_NEAR(conflicts[0].factor.value(), 1.25, 1e-3);
}

TEST(PlanSensitivity, WidestFirstAndWhereTheDecisionTurns) {
  const PlanTerms terms = two_chips(12);
  const auto inputs = inputs_of(terms, {true, false}, terms, terms);
  const auto go_on = [] { return true; };
  const auto tornado = tornado_of(terms, inputs, go_on);
  ASSERT_FALSE(tornado.empty());
  // A fifth less speed takes a quarter more chips, or the frugal ones; both cost a third more at
  // most.
  const auto of = [&](const std::string& input) {
    for (const PlanTornado& row : tornado) {
      if (row.input == input) return row;
    }
    return PlanTornado{};
  };
  const double base = 10000 * 10000.0 / 4;
  EXPECT_NEAR(of("price of fast").at_low.value(), 0.8 * base, 1);
  EXPECT_NEAR(of("price of fast").at_high.value(), 1.2 * base, 1);
  EXPECT_NEAR(of("loads").at_high.value(), 1.2 * base, 1);
  EXPECT_NEAR(of("electricity price").at_high.value(), base, 1);
  // Fast costs 100 USD a token/s, frugal 133.3: 1.333 times its price and they change places; at
  // 10/12 of the power the fast ones no longer fit alone.
  std::map<std::string, double> factor;
  for (const PlanSwitch& row : switches_of(terms, inputs, go_on)) factor[row.input] = row.factor;
  EXPECT_NEAR(factor.at("price of fast"), 4.0 / 3, 0.03);
  EXPECT_NEAR(factor.at("power of sites"), 10.0 / 12, 0.03);
  EXPECT_EQ(factor.count("electricity price"), 0u);
}

}  // namespace
}  // namespace aisle::sim
