// SPDX-License-Identifier: Apache-2.0
#include "sim/base/table.hpp"
#include "sim/report/collective.hpp"
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"

#include <fmt/format.h>

#include <cmath>

namespace aisle::sim {
namespace {

/// The shortest text that reads back exactly; empty where there is no number.
std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}

}  // namespace

std::string result_csv(const pb::Result& result) {
  std::string out = csv_row({"section", "name", "value", "unit", "basis"});
  const auto add = [&](std::string section, std::string name, std::string value, std::string unit,
                       std::string basis) {
    out += csv_row(
        {std::move(section), std::move(name), std::move(value), std::move(unit), std::move(basis)});
  };
  add("run", "study", result.study(), "", "");
  add("run", "title", report::title_of(result), "", "");
  add("run", "engine", pb::Engine_Name(result.engine()), "", "");
  add("run", "feasible", result.feasible() ? "true" : "false", "", "");
  add("run", "reason", result.reason(), "", "");
  add("run", "version", result.version(), "", "");
  add("run", "scenario_hash", report::scenario_hash(result), "", "");
  for (const pb::Metric& metric : result.metric()) {
    add("metric", metric.name(), number(metric.value()), report::unit_of(metric.name()),
        report::basis_name(metric.basis()));
  }
  for (const pb::Metric& metric : result.metric()) {
    if (!metric.has_low()) continue;
    const std::string unit = report::unit_of(metric.name());
    add("interval low", metric.name(), number(metric.low()), unit, "");
    add("interval high", metric.name(), number(metric.high()), unit, "");
  }
  const std::string step_basis = report::basis_of(result, "step_time_s");
  for (const pb::Part& part : result.breakdown()) {
    add("breakdown", part.name(), number(part.seconds()), "s", step_basis);
  }
  for (const pb::Part& part : result.resource()) {
    add("resource", part.name(), number(part.seconds()), "s", step_basis);
  }
  const std::string memory_basis = report::basis_of(result, "hbm_peak_bytes");
  for (const pb::MemoryUse& rank : result.memory()) {
    const std::string section = fmt::format("memory of pipeline rank {}", rank.pipeline_rank());
    for (const pb::MemoryItem& item : rank.item()) {
      add(section, item.use(), number(item.bytes()), "bytes", memory_basis);
    }
    add(section, "capacity", number(rank.capacity_bytes()), "bytes", "");
  }
  for (const pb::FamilyTime& family : result.family()) {
    const std::string basis = report::basis_name(family.basis());
    add("family time", family.family(), number(family.seconds()), "s", basis);
    add("family count", family.family(), fmt::format("{}", family.count()), "1", basis);
  }
  for (const pb::Comparison& comparison : result.comparison()) {
    const std::string& name = comparison.metric();
    add("published", name, number(comparison.published()), report::unit_of(name), "");
    add("error against published", name, number(comparison.error()), "1", "");
  }
  out += report::collective_csv(result);
  for (const std::string& caveat : result.caveat()) add("caveat", "", caveat, "", "");
  return out;
}

}  // namespace aisle::sim
