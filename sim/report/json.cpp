// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"

#include "sim/report/collective.hpp"
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"

namespace aisle::sim {
namespace {

void write_metrics(JsonWriter& json, const pb::Result& result) {
  json.key("metrics").begin_object();
  for (const pb::Metric& metric : result.metric()) json.key(metric.name()).value(metric.value());
  json.end_object();
  json.key("basis").begin_object();
  for (const pb::Metric& metric : result.metric()) {
    json.key(metric.name()).value(report::basis_name(metric.basis()));
  }
  json.end_object();
}

void write_intervals(JsonWriter& json, const pb::Result& result) {
  json.key("intervals").begin_object();
  for (const pb::Metric& metric : result.metric()) {
    if (!metric.has_low()) continue;
    json.key(metric.name()).begin_array().value(metric.low()).value(metric.high()).end_array();
  }
  json.end_object();
  json.key("like_rows").begin_array();
  for (const pb::LikeRows& rows : result.like_rows()) {
    json.begin_object();
    json.key("workload").value(rows.workload()).key("quantity").value(rows.quantity());
    json.key("model").value(rows.model()).key("chip").value(rows.chip());
    json.key("rows").value(rows.rows());
    json.key("low").value(rows.low()).key("median").value(rows.median());
    json.key("high").value(rows.high()).key("median_error").value(rows.median_error());
    json.key("metrics").begin_array();
    for (const std::string& metric : rows.metric()) json.value(metric);
    json.end_array().end_object();
  }
  json.end_array();
}

void write_sensitivity(JsonWriter& json, const pb::Result& result) {
  if (result.sensitivity().empty()) return;
  json.key("sensitivity").begin_array();
  for (const pb::Sensitivity& entry : result.sensitivity()) {
    json.begin_object();
    json.key("input").value(entry.input()).key("metric").value(entry.metric());
    json.key("at_low").value(entry.at_low()).key("at_high").value(entry.at_high());
    json.key("low").value(entry.low()).key("high").value(entry.high());
    json.key("source").value(entry.source()).end_object();
  }
  json.end_array();
}

void write_uses(JsonWriter& json, const pb::MemoryUse* rank) {
  json.begin_object();
  if (rank) {
    for (const pb::MemoryItem& item : rank->item()) json.key(item.use()).value(item.bytes());
  }
  json.end_object();
}

void write_comparisons(JsonWriter& json, const pb::Result& result) {
  json.key("comparison").begin_array();
  for (const pb::Comparison& comparison : result.comparison()) {
    json.begin_object();
    json.key("metric").value(comparison.metric());
    json.key("simulated").value(comparison.simulated());
    json.key("published").value(comparison.published());
    json.key("error").value(comparison.error());
    json.key("bound");
    comparison.has_bound() ? json.value(comparison.bound()) : json.null();
    json.key("within_bound");
    const std::optional<bool> within = report::within_bound(comparison);
    within ? json.value(*within) : json.null();
    json.key("source").value(comparison.source());
    json.key("note").value(comparison.note());
    json.end_object();
  }
  json.end_array();
}

void write_memory_by_rank(JsonWriter& json, const pb::Result& result) {
  json.key("memory_by_rank").begin_array();
  for (const pb::MemoryUse& rank : result.memory()) {
    json.begin_object();
    json.key("pipeline_rank").value(rank.pipeline_rank());
    json.key("total_bytes").value(report::total_bytes(rank));
    json.key("capacity_bytes").value(rank.capacity_bytes());
    json.key("use");
    write_uses(json, &rank);
    json.end_object();
  }
  json.end_array();
}

void write_families(JsonWriter& json, const pb::Result& result) {
  json.key("families").begin_object();
  for (const pb::FamilyTime& family : result.family()) {
    json.key(family.family()).begin_object();
    json.key("seconds").value(family.seconds());
    json.key("count").value(static_cast<long long>(family.count()));
    json.key("basis").value(report::basis_name(family.basis()));
    if (family.has_recorded_seconds())
      json.key("recorded_seconds").value(family.recorded_seconds());
    if (family.has_flops()) {
      json.key("flops").value(family.flops());
      json.key("hbm_bytes").value(family.hbm_bytes());
    }
    json.end_object();
  }
  json.end_object();
}

void write_phases(JsonWriter& json, const pb::Result& result) {
  json.key("phases").begin_array();
  for (const pb::PhaseTime& phase : result.phase()) {
    json.begin_object();
    json.key("name").value(phase.name());
    json.key("stream").value(phase.stream());
    json.key("count").value(phase.count());
    json.key("seconds").value(phase.seconds());
    json.key("waiting_seconds").value(phase.waiting_seconds());
    json.key("hidden_seconds").value(phase.hidden_seconds());
    json.end_object();
  }
  json.end_array();
}

void write_collective_uses(JsonWriter& json, const pb::Result& result) {
  json.key("communication").begin_array();
  for (const pb::CollectiveUse& use : result.collective_use()) {
    json.begin_object();
    json.key("name").value(use.name());
    json.key("operation").value(use.operation());
    if (use.has_group()) json.key("group").value(use.group());
    json.key("bytes").value(use.bytes());
    json.key("ranks").value(static_cast<long long>(use.ranks()));
    json.key("domains").value(static_cast<long long>(use.domains()));
    if (use.has_algorithm()) json.key("algorithm").value(use.algorithm());
    if (use.has_protocol()) json.key("protocol").value(use.protocol());
    if (use.has_channels()) json.key("channels").value(static_cast<long long>(use.channels()));
    json.key("bound_by").value(use.bound_by());
    json.key("alone_s").value(use.alone_s());
    json.key("count").value(use.count());
    json.key("seconds").value(use.seconds());
    json.key("waiting_seconds").value(use.waiting_seconds());
    json.key("hidden_seconds").value(use.hidden_seconds());
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string result_json(const pb::Result& result) {
  JsonWriter json;
  json.begin_object();
  json.key("study").value(result.study());
  json.key("engine").value(pb::Engine_Name(result.engine()));
  json.key("feasible").value(result.feasible());
  json.key("reason").value(result.reason());
  write_metrics(json, result);
  json.key("breakdown").begin_object();
  for (const pb::Part& part : result.breakdown()) json.key(part.name()).value(part.seconds());
  json.end_object();
  json.key("memory");
  write_uses(json, report::fullest(result));
  if (result.interrupted()) json.key("interrupted").value(true);
  json.key("caveats").begin_array();
  for (const std::string& caveat : result.caveat()) json.value(caveat);
  json.end_array();
  json.key("wall_time_s").value(result.wall_time_s());
  // Beyond the contract: additions only.
  write_intervals(json, result);
  write_comparisons(json, result);
  write_memory_by_rank(json, result);
  write_families(json, result);
  json.key("resources").begin_object();
  for (const pb::Part& part : result.resource()) json.key(part.name()).value(part.seconds());
  json.end_object();
  write_phases(json, result);
  if (!result.collective_use().empty()) write_collective_uses(json, result);
  report::write_collective(json, result);
  if (!result.campaign().empty()) {
    json.key("campaign").begin_object();
    for (const pb::Part& part : result.campaign()) json.key(part.name()).value(part.seconds());
    json.end_object();
  }
  if (!result.interruption().empty()) {
    json.key("interruptions").begin_object();
    for (const pb::Interruptions& cause : result.interruption()) {
      json.key(cause.name()).begin_object();
      json.key("mean").value(cause.mean());
      json.key("p5").value(cause.low());
      json.key("p95").value(cause.high());
      json.end_object();
    }
    json.end_object();
  }
  json.key("breakdown_rank").value(result.breakdown_rank());
  json.key("folded").value(result.folded());
  json.key("rank_classes").value(static_cast<long long>(result.rank_classes()));
  json.key("operations").value(static_cast<long long>(result.operations()));
  json.key("other_engine_step_time_s");
  result.has_other_engine_step_time_s() ? json.value(result.other_engine_step_time_s())
                                        : json.null();
  if (result.has_recorded_on()) json.key("recorded_on").value(result.recorded_on());
  write_sensitivity(json, result);
  json.key("version").value(result.version());
  json.end_object();
  return json.take();
}

}  // namespace aisle::sim
