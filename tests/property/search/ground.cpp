// SPDX-License-Identifier: Apache-2.0
#include "tests/property/search/ground.hpp"

#include "sim/base/proto_text.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>

namespace aisle::sim::test {

const topology::Catalogue& catalogue() {
  static const topology::Catalogue read = [] {
    Diagnostics diagnostics;
    auto found = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
    if (!found) std::abort();
    return std::move(*found);
  }();
  return read;
}

Ground ground(const std::string& cluster, const std::string& training) {
  Ground on;
  Diagnostics diagnostics;
  on.study.name = "test";
  on.study.scenario = std::make_unique<pb::Scenario>();
  read_text("cluster { " + cluster + " } workload { training { " + training + " } }", "test",
            *on.study.scenario, on.study.places, diagnostics);
  on.prepared = prepare(on.study, catalogue(), diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  on.kernels = std::make_unique<KernelModel>(on.prepared->cluster.accelerator(), catalogue(),
                                             training_families(), Setting::training);
  return on;
}

std::vector<Estimated> estimate_all(const Ground& on, const SearchOptions& options) {
  Diagnostics diagnostics;
  const auto space = LayoutSpace::build(on.training(), on.prepared->model, on.prepared->cluster,
                                        options, diagnostics);
  std::vector<Estimated> all;
  if (!space) return all;
  Estimator estimator(on.prepared->model, on.prepared->cluster, *on.kernels,
                      on.prepared->powers.front());
  const double capacity = on.prepared->cluster.accelerator().hbm_capacity.value.in(units::B);
  for (const LayoutSpace::Cut& cut : space->cuts()) {
    space->each(cut, [&](const Mapping& mapping, const workloads::parallel::Job* job, bool) {
      if (job == nullptr) return LayoutSpace::Verdict::go_on;
      const double bytes = estimator.memory(*job);
      if (bytes > capacity) return LayoutSpace::Verdict::too_large;
      all.push_back({mapping, estimator.step(*job), bytes});
      return LayoutSpace::Verdict::go_on;
    });
  }
  return all;
}

pb::Result run_analytic(const Ground& on, const Mapping& mapping) {
  Study study;
  study.name = "test";
  study.scenario = std::make_unique<pb::Scenario>(with_layout(*on.study.scenario, mapping));
  study.scenario->set_engine(pb::analytic);
  Diagnostics diagnostics;
  auto result = run(study, catalogue(), {}, diagnostics);
  for (const Diagnostic& d : diagnostics.all()) {
    if (d.severity == Severity::error) ADD_FAILURE() << to_string(d);
  }
  return result ? *result : pb::Result{};
}

double step_of(const pb::Result& result) {
  for (const pb::Metric& metric : result.metric()) {
    if (metric.name() == "step_time_s") return metric.value();
  }
  return 0;
}

}  // namespace aisle::sim::test
