// SPDX-License-Identifier: Apache-2.0
#include "sim/study/like_rows.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/workload_runs.hpp"

#include <fmt/core.h>

#include <chrono>

namespace aisle::sim {

namespace {

void compare_with_references(const pb::Scenario& scenario, pb::Result& result) {
  for (const pb::Reference& reference : scenario.reference()) {
    for (const pb::Metric& metric : result.metric()) {
      if (metric.name() != reference.metric() || reference.value() == 0) continue;
      pb::Comparison& comparison = *result.add_comparison();
      comparison.set_metric(metric.name());
      comparison.set_simulated(metric.value());
      comparison.set_published(reference.value());
      comparison.set_error(metric.value() / reference.value() - 1);
      comparison.set_source(reference.source());
      if (reference.has_bound()) comparison.set_bound(reference.bound());
      if (reference.has_note()) comparison.set_note(reference.note());
    }
  }
}

}  // namespace

std::string describe(const topology::Cluster& cluster) {
  return fmt::format("cluster   {} x {} ({}), scale-up domains of {}, {}", cluster.count(),
                     cluster.accelerator().name, cluster.system_name(), cluster.domain_size(),
                     cluster.fabric_name());
}

std::optional<pb::Result> run(const Study& study, const topology::Catalogue& catalogue,
                              const RunOptions& options, Diagnostics& diagnostics) {
  const auto started = std::chrono::steady_clock::now();
  const pb::Scenario& scenario = *study.scenario;
  if (scenario.workload().kind_case() == pb::Workload::KIND_NOT_SET && scenario.has_plan()) {
    diagnostics.error({study.path, 0, 0}, {}, "is a plan, which has nothing to run",
                      "aisle plan " + study.name);
    return std::nullopt;
  }
  pb::Result result;
  *result.mutable_scenario() = scenario;
  result.set_study(study.name);
  result.set_version(version());
  result.set_engine(scenario.engine());
  result.set_folded(options.fold);
  const auto run_kind = scenario.workload().has_collective() ? run_collective
                        : scenario.workload().has_replay()   ? run_replay
                        : scenario.workload().has_serving()  ? run_serving
                                                             : run_training;
  const bool ran = run_kind(study, catalogue, options, result, diagnostics);
  if (!ran) return std::nullopt;
  if (result.feasible()) {
    compare_with_references(scenario, result);
    add_intervals(result, catalogue);
  }
  result.set_wall_time_s(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  return result;
}

std::optional<std::vector<std::string>> check(const Study& study,
                                              const topology::Catalogue& catalogue,
                                              Diagnostics& diagnostics) {
  const pb::Workload& workload = study.scenario->workload();
  const bool plans =
      study.scenario->has_plan() && workload.kind_case() == pb::Workload::KIND_NOT_SET;
  const auto check_kind = plans                       ? check_plan
                          : workload.has_collective() ? check_collective
                          : workload.has_replay()     ? check_replay
                          : workload.has_serving()    ? check_serving
                                                      : check_training;
  return check_kind(study, catalogue, diagnostics);
}

}  // namespace aisle::sim
