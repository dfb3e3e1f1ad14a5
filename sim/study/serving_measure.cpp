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
  double waited_s = 0;
  std::vector<double> first, token, whole;
  std::vector<double> urgent;  ///< first tokens of the most urgent, where not all are as urgent
};

Sums sums_of(const PreparedServing& prepared, const ServingRun& run) {
  Sums sums;
  const double outside = prepared.pools.front().host.request.si();
  const auto [least, most] =
      std::minmax_element(prepared.stream->requests.begin(), prepared.stream->requests.end(),
                          [](const auto& a, const auto& b) { return a.priority < b.priority; });
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
    const RequestOutcome& outcome = run.outcomes[i];
    const workloads::Request& request = prepared.stream->requests[i];
    if (outcome.fate != workloads::Fate::served) {
      sums.refused += outcome.fate != workloads::Fate::unfinished;
      continue;
    }
    ++sums.served;
    sums.prompts += request.prompt;
    sums.outputs += request.output;
    sums.cached += outcome.cached;
    sums.waited_s += outcome.start_s - outcome.arrival_s;
    const double first = outcome.first_token_s - outcome.arrival_s + outside;
    const double later = outcome.end_s - outcome.first_token_s;
    const double token = request.output > 1 ? later / (request.output - 1) : 0;
    sums.first.push_back(first);
    if (request.priority > least->priority && request.priority == most->priority) {
      sums.urgent.push_back(first);
    }
    if (request.output > 1) sums.token.push_back(token);
    sums.whole.push_back(first + later);
    const bool soon = prepared.first_token <= Seconds() || first <= prepared.first_token.si();
    const bool fast = prepared.token <= Seconds() || token <= prepared.token.si();
    if (soon && fast) ++sums.kept;
  }
  return sums;
}

/// Cache in use in the fullest group at the worst moment.
double fullest(const PlayedServing& played) {
  double share = 0;
  for (std::size_t i = 0; i < played.blocks.size(); ++i) {
    share = std::max(share, static_cast<double>(played.run.pools[i].most_blocks) /
                                static_cast<double>(played.blocks[i]));
  }
  return share;
}

void add_pools(const PreparedServing& prepared, const ServingRun& run, const Sums& sums,
               pb::Result& result) {
  for (std::size_t i = 0; i < prepared.pools.size(); ++i) {
    const ServingPool& pool = prepared.pools[i];
    const double there = run.pools[i].replica_s;
    const std::string name = pool.name.empty() ? "engine" : pool.name;
    add_metric(result, name + "_busy_share",
               run.pools[i].busy_s / (there * pool.job.layout.pipeline), Basis::extrapolated);
    if (pool.name.empty()) continue;
    const double tokens = pool.policy.hands_over ? sums.prompts : sums.outputs - sums.served;
    add_metric(result, name + "_tokens_per_s_per_chip",
               tokens / (there * pool.job.layout.accelerators()), Basis::extrapolated);
  }
}

void add_bill(const PreparedServing& prepared, const PlayedServing& played, const Sums& sums,
              pb::Result& result) {
  power::Bill all;
  Joules accelerators;
  double chip_seconds = 0;
  Dollars on_prompts;
  Basis energy = Basis::extrapolated, money = Basis::extrapolated;
  for (std::size_t i = 0; i < prepared.pools.size(); ++i) {
    const ServingPool& pool = prepared.pools[i];
    const double there = played.run.pools[i].replica_s;
    if (there <= 0) continue;
    const Seconds duration = Seconds::from_si(there / pool.replicas);
    power::Activity mean = played.work[i];
    mean *= 1.0 / pool.replicas;
    mean.duration = duration;
    const Watts chip = std::min(warm_mean(pool.power, mean), pool.power.cap);
    const power::Bill bill = power::bill(pool.site, chip, pool.accelerators(), duration,
                                         power::under_response(pool.site, pool.curve, mean));
    const double chips = static_cast<double>(pool.accelerators());
    accelerators += chips * chip * duration;
    chip_seconds += chips * duration.si();
    all.energy += bill.energy;
    all.energy_cost += bill.energy_cost;
    all.rental += bill.rental;
    const double busy = played.run.pools[i].busy_s;
    if (busy > 0) on_prompts += bill.rental * (played.prompts_s[i] / busy);
    all.co2 += bill.co2;
    all.water += bill.water;
    energy = weakest(weakest(energy, pool.curve.basis), pool.site.host_power_basis);
    money = weakest(money, pool.site.rental_basis);
  }
  if (chip_seconds <= 0) return;
  const double end = played.run.end_s;
  add_metric(result, "accelerator_power_w", accelerators.si() / chip_seconds, energy);
  add_metric(result, "facility_power_w", all.energy.si() / end, energy);
  add_costs(all, sums.outputs > 0 ? sums.prompts + sums.outputs : 0, energy, money, result);
  if (sums.outputs <= 0) return;
  const double dollars = all.rental.in(units::USD);
  if (dollars > 0) {
    add_metric(result, "usd_per_million_output_tokens", dollars / sums.outputs * 1e6, money);
    const double input = on_prompts.in(units::USD);
    add_metric(result, "usd_per_million_input_tokens", input / sums.prompts * 1e6, money);
    add_metric(result, "usd_per_million_generated_tokens", (dollars - input) / sums.outputs * 1e6,
               money);
  }
  add_metric(result, "joules_per_output_token", accelerators.si() / sums.outputs, energy);
  add_metric(result, "output_tokens_per_s_per_mw", sums.outputs / (all.energy.si() / 1e6), energy);
}

/// What only some studies ask for.
void add_options(const PreparedServing& prepared, const ServingRun& run, const Sums& sums,
                 pb::Result& result) {
  const auto add = [&](const char* name, double value) {
    add_metric(result, name, value, Basis::extrapolated);
  };
  const workloads::PoolRun total = run.total();
  const ServingPool& last = prepared.pools.back();
  const auto refused = [&](workloads::Fate fate) {
    return static_cast<double>(
        std::count_if(run.outcomes.begin(), run.outcomes.end(),
                      [&](const RequestOutcome& one) { return one.fate == fate; }));
  };
  if (prepared.max_context > 0) add("requests_too_long", refused(workloads::Fate::too_long));
  if (prepared.pools.front().policy.promise_s > 0) {
    add("requests_too_late", refused(workloads::Fate::too_late));
  }
  if (run.sent > 0) add("cache_transfer_mean_s", run.sending_s / static_cast<double>(run.sent));
  if (last.policy.swap) add("swaps", static_cast<double>(total.swaps));
  if (last.policy.drafts > 0 && total.passes > 0) {
    // The first token of each comes with its prompt.
    add("tokens_per_pass", (sums.outputs - sums.served) / static_cast<double>(total.passes));
  }
  if (total.from_host + total.from_pool > 0) {
    add("prefix_hit_share_host", static_cast<double>(total.from_host) / sums.prompts);
    add("prefix_hit_share_shared", static_cast<double>(total.from_pool) / sums.prompts);
  }
  if (last.scaling.least > 0) {
    add("replica_hours", total.replica_s / 3600);
    add("replica_starts", static_cast<double>(total.starts));
  }
  if (run.stopped) add("requests_unfinished", refused(workloads::Fate::unfinished));
}

}  // namespace

void measure(const PreparedServing& prepared, const PlayedServing& played, pb::Result& result) {
  const ServingRun& run = played.run;
  const Sums sums = sums_of(prepared, run);
  const workloads::PoolRun total = run.total();
  const auto add = [&](const std::string& name, double value) {
    add_metric(result, name, value, Basis::extrapolated);
  };
  add("requests_served", sums.served);
  add("requests_refused", sums.refused);
  if (!(run.end_s > 0)) return;  // nothing was served, so that there are no rates
  // Replicas that come and go count while they are there.
  double chips = 0;
  for (std::size_t i = 0; i < prepared.pools.size(); ++i) {
    const double there = run.pools[i].replica_s / run.end_s;
    chips += there * prepared.pools[i].job.layout.accelerators();
  }
  add_times("ttft", sums.first, result);
  if (!sums.urgent.empty()) add_times("urgent_ttft", sums.urgent, result);
  add_times("tpot", sums.token, result);
  add_times("e2e", sums.whole, result);
  add("output_tokens_per_s", sums.outputs / run.end_s);
  add("output_tokens_per_s_per_chip", sums.outputs / run.end_s / chips);
  add("tokens_per_s_per_chip", (sums.outputs + sums.prompts) / run.end_s / chips);
  add("requests_per_s", sums.served / run.end_s);
  if (prepared.first_token > Seconds() || prepared.token > Seconds()) {
    const double ended = sums.served + sums.refused;
    if (ended > 0) add("goodput", sums.kept / ended);
  }
  add("requests_inside_mean", run.sequences_s / run.end_s);
  add("requests_waiting_mean", sums.waited_s / run.end_s);
  const ServingPool& last = prepared.pools.back();
  const double steps = static_cast<double>(run.pools.back().steps) * last.job.layout.data;
  add("batch_mean", steps > 0 ? static_cast<double>(run.pools.back().passes) / steps : 0);
  add("kv_occupancy_peak", fullest(played));
  add("preemptions", static_cast<double>(total.preemptions));
  add("prefix_hit_share", sums.prompts > 0 ? sums.cached / sums.prompts : 0);
  add("engine_steps", static_cast<double>(total.steps));
  add("serving_time_s", run.end_s);
  add_pools(prepared, run, sums, result);
  add_options(prepared, run, sums, result);
  add_bill(prepared, played, sums, result);
}

}  // namespace aisle::sim
