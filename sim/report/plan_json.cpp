// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/report/format.hpp"
#include "sim/report/plan.hpp"

namespace aisle::sim {

namespace {

void write(JsonWriter& json, const char* key, const std::optional<double>& value) {
  json.key(key);
  if (value) {
    json.value(*value);
  } else {
    json.null();
  }
}

void write_point(JsonWriter& json, const pb::PlanPoint& point) {
  json.begin_object().key("system").value(point.system()).key("demand").value(point.demand());
  json.key("alternative").value(point.alternative()).key("reason").value(point.reason());
  json.key("chips").value(point.chips());
  json.key("tokens_per_s_per_chip").value(point.tokens_per_s_per_chip());
  json.key("power_w").value(point.power_w()).key("idle_power_w").value(point.idle_power_w());
  json.key("layout").value(point.layout()).key("bound_by").value(point.bound_by());
  json.key("basis").value(report::basis_name(point.basis())).end_object();
}

void write_order(JsonWriter& json, const PlanOrder& order) {
  json.begin_object().key("quarter").value(order.quarter);
  json.key("working_from").value(order.working_from).key("site").value(order.site);
  json.key("system").value(order.system).key("units").value(order.units);
  json.key("chips").value(order.chips).key("capital_usd").value(order.capital_usd).end_object();
}

void write_use(JsonWriter& json, const PlanUse& use) {
  json.begin_object().key("quarter").value(use.quarter).key("site").value(use.site);
  json.key("system").value(use.system).key("demand").value(use.demand);
  json.key("alternative").value(use.alternative).key("layout").value(use.layout);
  json.key("chips").value(use.chips).key("tokens").value(use.tokens).end_object();
}

void write_quarter(JsonWriter& json, const PlanQuarter& quarter) {
  json.begin_object().key("quarter").value(quarter.quarter);
  json.key("installed_chips").value(quarter.installed).key("working_chips").value(quarter.working);
  json.key("power_w").value(quarter.power_w).key("power_limit_w").value(quarter.power_limit_w);
  json.key("capital_usd").value(quarter.capital_usd);
  json.key("running_usd").value(quarter.running_usd).key("cost_usd").value(quarter.cost_usd);
  json.key("energy_mwh").value(quarter.energy_mwh).key("co2_t").value(quarter.co2_t);
  json.key("served_tokens").value(quarter.served_tokens);
  json.key("trained_tokens").value(quarter.trained_tokens).end_object();
}

void write_price(JsonWriter& json, const PlanPrice& price) {
  json.begin_object().key("quarter").value(price.quarter).key("limit").value(price.limit);
  json.key("field").value(price.field).key("unit").value(price.unit);
  json.key("value").value(price.value).key("worth").value(price.worth).end_object();
}

void write_conflict(JsonWriter& json, const PlanConflict& conflict) {
  json.begin_object().key("limit").value(conflict.limit).key("field").value(conflict.field);
  json.key("file").value(conflict.place.file).key("line").value(conflict.place.line);
  write(json, "factor", conflict.factor);
  json.key("remedy").value(conflict.remedy).end_object();
}

void write_tornado(JsonWriter& json, const PlanTornado& row) {
  json.begin_object().key("input").value(row.input).key("low").value(row.low);
  write(json, "at_low", row.at_low);
  json.key("high").value(row.high);
  write(json, "at_high", row.at_high);
  json.end_object();
}

void write_switch(JsonWriter& json, const PlanSwitch& row) {
  json.begin_object().key("input").value(row.input).key("factor").value(row.factor);
  json.key("from").value(row.from).key("to").value(row.to).end_object();
}

void write_replacement(JsonWriter& json, const PlanReplacement& row) {
  json.begin_object().key("demand").value(row.demand).key("alternative").value(row.alternative);
  json.key("system").value(row.system).key("chips").value(row.chips);
  json.key("power_w").value(row.power_w).key("usd").value(row.usd);
  json.key("wafers").value(row.wafers).key("stacks").value(row.stacks);
  json.key("bound_by").value(row.bound_by).key("reason").value(row.reason).end_object();
}

template <typename Rows, typename Write>
void write_all(JsonWriter& json, const char* key, const Rows& rows, const Write& write_row) {
  json.key(key).begin_array();
  for (const auto& row : rows) write_row(json, row);
  json.end_array();
}

}  // namespace

std::string plan_json(const PlanOutcome& outcome) {
  JsonWriter json;
  json.begin_object().key("title").value(outcome.title);
  json.key("objective").value(outcome.objective).key("feasible").value(outcome.feasible);
  json.key("stopped").value(outcome.stopped);
  write(json, outcome.counts_tokens() ? "tokens" : "cost_usd",
        outcome.feasible ? std::optional(outcome.objective_value) : std::nullopt);
  json.key("gap").value(outcome.gap).key("basis").value(report::basis_name(outcome.basis));
  write_all(json, "orders", outcome.orders, write_order);
  write_all(json, "quarters", outcome.quarters, write_quarter);
  write_all(json, "uses", outcome.uses, write_use);
  write_all(json, "binding", outcome.prices, write_price);
  write_all(json, "conflicts", outcome.conflicts, write_conflict);
  write_all(json, "sensitivity", outcome.tornado, write_tornado);
  write_all(json, "switches", outcome.switches, write_switch);
  json.key("reference").value(outcome.reference);
  write_all(json, "replacements", outcome.replacements, write_replacement);
  write_all(json, "points", outcome.points, write_point);
  json.key("left_out").begin_array();
  for (const std::string& note : outcome.notes) json.value(note);
  json.end_array().key("simulated").value(outcome.simulated).key("found").value(outcome.found);
  json.key("solving_s").value(outcome.solving_s);
  json.key("wall_time_s").value(outcome.wall_time_s).end_object();
  return json.take();
}

}  // namespace aisle::sim
