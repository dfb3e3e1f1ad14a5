// SPDX-License-Identifier: Apache-2.0
#include "sim/base/statistics.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/serving_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace aisle::sim {

namespace {

using workloads::RequestOutcome;
using workloads::ServingRun;

void add_times(const std::string& name, std::vector<double> values, pb::Result& result) {
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += value;
  const auto add = [&](const char* which, double value) {
    add_metric(result, fmt::format("{}_{}_s", name, which), value, Basis::extrapolated);
  };
  add("mean", values.empty() ? 0 : sum / static_cast<double>(values.size()));
  add("p50", quantile(values, 0.5));
  add("p90", quantile(values, 0.9));
  add("p99", quantile(values, 0.99));
}

/// Tokens and times of the requests that were served.
struct Sums {
  double served = 0, refused = 0, prompts = 0, outputs = 0, cached = 0, kept = 0;
  std::vector<double> first, token, whole;
};

Sums sums_of(const PreparedServing& prepared, const ServingRun& run) {
  Sums sums;
  const double outside = prepared.pools.front().host.request.si();
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
    const RequestOutcome& outcome = run.outcomes[i];
    const workloads::Request& request = prepared.stream->requests[i];
    if (outcome.end_s < 0) {
      ++sums.refused;
      continue;
    }
    ++sums.served;
    sums.prompts += request.prompt;
    sums.outputs += request.output;
    sums.cached += outcome.cached;
    const double first = outcome.first_token_s - outcome.arrival_s + outside;
    const double later = outcome.end_s - outcome.first_token_s;
    const double token = request.output > 1 ? later / (request.output - 1) : 0;
    sums.first.push_back(first);
    if (request.output > 1) sums.token.push_back(token);
    sums.whole.push_back(first + later);
    const bool soon = prepared.first_token <= Seconds() || first <= prepared.first_token.si();
    const bool fast = prepared.token <= Seconds() || token <= prepared.token.si();
    if (soon && fast) ++sums.kept;
  }
  return sums;
}

}  // namespace

void measure(const PreparedServing& prepared, const PlayedServing& played, pb::Result& result) {
  const ServingRun& run = played.run;
  const ServingPool& pool = prepared.pools.front();
  const Sums sums = sums_of(prepared, run);
  const auto add = [&](const char* name, double value) {
    add_metric(result, name, value, Basis::extrapolated);
  };
  const double chips = pool.accelerators();
  add_times("ttft", sums.first, result);
  add_times("tpot", sums.token, result);
  add_times("e2e", sums.whole, result);
  add("output_tokens_per_s", sums.outputs / run.end_s);
  add("output_tokens_per_s_per_chip", sums.outputs / run.end_s / chips);
  add("tokens_per_s_per_chip", (sums.outputs + sums.prompts) / run.end_s / chips);
  add("requests_per_s", sums.served / run.end_s);
  add("requests_served", sums.served);
  add("requests_refused", sums.refused);
  if (prepared.first_token > Seconds() || prepared.token > Seconds()) {
    add("goodput", sums.kept / static_cast<double>(run.outcomes.size()));
  }
  add("requests_inside_mean", run.sequences_s / run.end_s);
  add("engine_busy_share", run.busy_s / run.end_s / pool.replicas);
  add("kv_occupancy_peak",
      static_cast<double>(run.most_blocks) / static_cast<double>(played.blocks.front()));
  add("preemptions", static_cast<double>(run.preemptions));
  add("prefix_hit_share", sums.prompts > 0 ? sums.cached / sums.prompts : 0);
  add("engine_steps", static_cast<double>(run.steps));
  add("serving_time_s", run.end_s);
}

}  // namespace aisle::sim
