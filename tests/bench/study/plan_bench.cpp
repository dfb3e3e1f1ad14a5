// SPDX-License-Identifier: Apache-2.0
// A plan of 8 quarters, 12 systems and 8 workloads, points given: solved, priced, and planned anew
// for sensitivity.
#include "sim/study/plan_explain.hpp"
#include "sim/study/plan_model.hpp"

#include <benchmark/benchmark.h>

#include <string>

namespace aisle::sim {
namespace {

/// Systems of rising speed, draw and price, none of them the best in everything.
PlanTerms large_plan(int quarters, int systems, int demands) {
  PlanTerms terms;
  terms.from = 4 * 2026;
  terms.quarters = quarters;
  terms.it_rate = 0.25;
  terms.plant_rate = 0.12;
  terms.plant_usd_per_w = 11;
  terms.upkeep = 0.03;
  const auto count = static_cast<std::size_t>(quarters);
  terms.capital_per_quarter.resize(count);
  terms.running_per_quarter.resize(count);
  PlanSiteTerms site;
  site.name = "north";
  site.pue = 1.2;
  site.usd_per_wh = 8e-5;
  for (int q = 0; q < quarters; ++q) site.power_w.push_back({(60 + 10 * q) * 1e6, "power"});
  for (int k = 0; k < systems; ++k) {
    PlanSystemTerms system;
    system.name = system.field = "system " + std::to_string(k);
    system.unit = k % 4 == 3 ? 72 : 8;
    system.lead = k % 3;
    system.accelerator_usd = 9000 + 2500.0 * k + 700 * (k % 3);
    system.price_usd = system.accelerator_usd + 12000;
    system.orderable.assign(count, true);
    system.export_status.assign(count, pb::unrestricted);
    system.export_rule.assign(count, "");
    system.surcharge.assign(count, 0);
    system.most.assign(count, PlanLimit{3000.0 + 400 * ((7 * k) % 5), "most"});
    terms.systems.push_back(system);
    terms.idle_w.push_back(250 + 20 * k);
    site.fleet.push_back(k < 3 ? 4096 : 0);
  }
  terms.sites = {site};
  for (int d = 0; d < demands; ++d) {
    PlanDemandTerms demand;
    demand.name = demand.field = "demand " + std::to_string(d);
    demand.training = d % 2 == 0;
    demand.first = demand.training ? d / 4 : 1;
    demand.last = demand.training ? quarters - 1 - d / 4 : quarters - 1;
    demand.alternatives = {{"dense", 3e12}, {"sparse", 4e12}};
    demand.peak_over_mean = demand.training ? 1 : 1.5;
    for (int q = 0; q < quarters && !demand.training; ++q) {
      demand.load.push_back(q == 0 ? 0 : 2e5 * (1 + 0.2 * q) * (1 + d));
    }
    for (int k = 0; k < systems; ++k) {
      for (int a = 0; a < 2; ++a) {
        const double rate = (60 + 22.0 * k + 9 * ((k * (d + 2)) % 7)) * (a == 0 ? 1 : 2.2);
        terms.points.push_back(
            {k, d, a, rate, 500 + 75.0 * k, terms.idle_w[static_cast<std::size_t>(k)], 8192});
      }
    }
    terms.demands.push_back(demand);
  }
  return terms;
}

void BM_PlanSolved(benchmark::State& state) {
  const PlanTerms terms = large_plan(8, 12, 8);
  for (auto _ : state) {
    const PlanModel model = build_model(terms);
    const LinearSolution solution = solve(model.program, kPlanSolved);
    if (!solution.found()) {
      state.SkipWithError("no plan");
      break;
    }
    benchmark::DoNotOptimize(prices_of(terms, model, solution));
    state.counters["gap"] = (solution.cost - solution.bound) / solution.cost;
  }
}

BENCHMARK(BM_PlanSolved)->Unit(benchmark::kSecond)->Iterations(1);

void BM_PlanSensitivity(benchmark::State& state) {
  const PlanTerms terms = large_plan(8, 12, 8);
  std::vector<bool> bought(12, false);
  for (const std::size_t k : {3, 7, 11}) bought[k] = true;
  const auto inputs = inputs_of(terms, bought, terms, terms);
  const auto go_on = [] { return true; };
  for (auto _ : state) {
    benchmark::DoNotOptimize(tornado_of(terms, inputs, go_on));
    benchmark::DoNotOptimize(switches_of(terms, inputs, go_on));
  }
  state.counters["inputs"] = static_cast<double>(inputs.size());
}

BENCHMARK(BM_PlanSensitivity)->Unit(benchmark::kSecond)->Iterations(1);

}  // namespace
}  // namespace aisle::sim
