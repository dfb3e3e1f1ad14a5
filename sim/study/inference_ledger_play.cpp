// SPDX-License-Identifier: Apache-2.0
// A row's load played request by request.
#include "sim/base/proto_text.hpp"
#include "sim/base/statistics.hpp"
#include "sim/study/inference_ledger.hpp"
#include "sim/study/serving_run.hpp"
#include "workloads/serving/requests.pb.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::sim {

namespace {

using Kind = InferenceLoad::Kind;

/// What is measured of a run: requests that came and steps that started in this time.
struct Window {
  double from = 0, to = 0;

  bool holds(double time) const { return time >= from && time < to; }
};

/// Steps that generate, as their sequences see them, and what the accelerators did.
struct Steps {
  struct Step {
    double start_s, seconds, sequences;
    power::Activity work;
  };

  std::vector<Step> all;

  /// Gaps between tokens in the window, and the work of its mean accelerator.
  void measure(const Window& window, OperatingPoint& point) const;
};

void Steps::measure(const Window& window, OperatingPoint& point) const {
  std::vector<std::pair<double, double>> gaps;
  double sequences = 0, sum = 0;
  power::Activity work;
  for (const Step& step : all) {
    if (!window.holds(step.start_s)) continue;
    work += step.work;
    if (step.sequences <= 0) continue;
    gaps.emplace_back(step.seconds, step.sequences);
    sequences += step.sequences;
    sum += step.seconds * step.sequences;
  }
  work.duration = Seconds::from_si(window.to - window.from);
  point.activity = work;
  if (gaps.empty()) return;
  std::sort(gaps.begin(), gaps.end());
  const auto at = [&](double share) {
    double below = 0;
    for (const auto& [seconds, weight] : gaps) {
      below += weight;
      if (below >= share * sequences) return Seconds::from_si(seconds);
    }
    return Seconds::from_si(gaps.back().first);
  };
  point.gap_mean = Seconds::from_si(sum / sequences);
  point.gap_median = at(0.5);
  point.gap_p99 = at(0.99);
}

/// Requests as they come, and from when on they are measured.
struct Arrivals {
  pb::ServingRequests asked;
  double skipped_s = 0;  ///< from the start
  double skipped = 0;    ///< requests that end before
  bool whole = false;    ///< everything is measured
};

/// Loads that go on are played until their beginning is forgotten.
Arrivals arrivals_of(const InferenceQuestion& question, const OperatingPoint& expected,
                     double users) {
  constexpr double kLeast = 200, kMost = 4000;
  const InferenceLoad& load = question.load;
  Arrivals made;
  pb::ServingRequests& asked = made.asked;
  const auto lengths = [&](double mean, pb::ServingLengths& to) {
    to.set_mean(mean);
    if (question.lengths.varied) to.set_spread(1);
  };
  lengths(question.lengths.prompt, *asked.mutable_prompt());
  lengths(question.lengths.output, *asked.mutable_output());
  asked.set_shared_prefix(static_cast<int>(question.lengths.cached));
  made.whole = load.requests > 0;
  double count = load.requests / question.replicas;
  if (load.kind == Kind::open) {
    asked.set_rate(users);
    if (!made.whole) count = std::clamp(10 * users * expected.end_to_end.si(), 5 * kLeast, kMost);
    made.skipped_s = 2 * expected.end_to_end.si();
  } else if (load.endless) {
    asked.set_arrivals(pb::at_once);
  } else {
    asked.set_concurrency(static_cast<int>(users));
    if (!made.whole) count = std::max({kLeast, 5 * users, std::min(kMost, 10 * users)});
    made.skipped = 2 * users;
  }
  asked.set_count(static_cast<int>(std::max(1.0, std::round(count))));
  return made;
}

ServingPool pool_of(const InferenceQuestion& question, const topology::Cluster& cluster) {
  ServingPool pool;
  pool.cluster = std::shared_ptr<const topology::Cluster>(&cluster, [](auto*) {});
  pool.job = question.job;
  pool.host = question.host;
  pool.policy.sequences = question.host.sequences;
  pool.policy.step_tokens = std::max(question.host.limits.step_tokens, 2 * question.host.sequences);
  pool.policy.ahead = question.host.asynchronous;
  pool.policy.reserves_output = question.host.reserves_output;
  pool.policy.prefix_caching = question.lengths.cached > 0;
  pool.network = pool.host_link = pool.shared_link = cluster.scale_out().bandwidth.value;
  return pool;
}

/// What is measured: from when the beginning is forgotten until the last request comes.
std::optional<Window> window_of(const Arrivals& arrivals, const workloads::ServingRun& run) {
  std::vector<double> ends;
  double last_arrival = 0;
  for (const workloads::RequestOutcome& one : run.outcomes) {
    if (one.fate != workloads::Fate::served) continue;
    ends.push_back(one.end_s);
    last_arrival = std::max(last_arrival, one.arrival_s);
  }
  if (ends.empty()) return std::nullopt;
  std::sort(ends.begin(), ends.end());
  Window window{arrivals.skipped_s, last_arrival};
  if (arrivals.skipped > 0) {
    window.from = ends[std::min(ends.size() - 1, static_cast<std::size_t>(arrivals.skipped))];
  }
  if (arrivals.whole || window.to <= window.from) {
    window = {0, std::nextafter(ends.back(), 2 * ends.back())};
  }
  return window;
}

Seconds mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return Seconds::from_si(values.empty() ? 0 : sum / static_cast<double>(values.size()));
}

/// Times of the requests that came in the window, and the tokens that were generated in it: those
/// behind the first evenly up to the end.
void measure_requests(const PreparedServing& prepared, const workloads::ServingRun& run,
                      const Window& window, OperatingPoint& point) {
  std::vector<double> first, token, end_to_end;
  double tokens = 0, answers = 0, served = 0;
  const double outside = prepared.pools.front().host.request.si();
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
    const workloads::RequestOutcome& one = run.outcomes[i];
    const double later = prepared.stream->requests[i].output - 1;
    if (one.fate != workloads::Fate::served) continue;
    answers += 1 + later;
    ++served;
    const double within = std::min(window.to, one.end_s) - std::max(window.from, one.first_token_s);
    tokens += window.holds(one.first_token_s) ? 1 : 0;
    if (within > 0) tokens += later * within / (one.end_s - one.first_token_s);
    if (!window.holds(one.arrival_s)) continue;
    first.push_back(one.first_token_s - one.arrival_s + outside);
    end_to_end.push_back(one.end_s - one.arrival_s + outside);
    if (later > 0) token.push_back((one.end_s - one.first_token_s) / later);
  }
  const auto at = [](std::vector<double>& values, double share) {
    std::sort(values.begin(), values.end());
    return Seconds::from_si(quantile(values, share));
  };
  point.first_mean = mean_of(first);
  point.first_median = at(first, 0.5);
  point.first_p90 = at(first, 0.9);
  point.first_p99 = at(first, 0.99);
  point.end_to_end = mean_of(end_to_end);
  point.token_mean = mean_of(token);
  point.token_p99 = at(token, 0.99);
  point.tokens_per_s = tokens / (window.to - window.from);
  point.requests_per_s = point.tokens_per_s * served / answers;
}

}  // namespace

std::optional<OperatingPoint> played_load(const InferenceQuestion& question, double users,
                                          const OperatingPoint& expected,
                                          const topology::Cluster& cluster,
                                          const topology::Catalogue& catalogue) {
  PreparedServing prepared;
  prepared.model = std::shared_ptr<const workloads::ModelGraph>(&question.model, [](auto*) {});
  prepared.pools.push_back(pool_of(question, cluster));
  if (question.prompt_workers > 0) {
    prepared.pools.push_back(pool_of(question, cluster));
    ServingPool& prompts = prepared.pools.front();
    prompts.name = "prefill";
    prompts.replicas = question.prompt_workers;
    prompts.policy.hands_over = true;
    prompts.policy.reserves_output = false;
    prepared.pools.back().name = "decode";
    prepared.pools.back().replicas = question.workers;
    prepared.pools.back().policy.prefix_caching = false;
  }
  const Arrivals arrivals = arrivals_of(question, expected, users);
  Diagnostics diagnostics;
  auto stream = workloads::read_requests(arrivals.asked, SourceMap{}, "", "", 1, diagnostics);
  AISLE_ASSERT(stream.has_value(), "loads of rows can be drawn");
  prepared.stream = std::make_shared<const workloads::RequestStream>(std::move(*stream));
  Steps steps;
  ServingHooks hooks;
  const int last = static_cast<int>(prepared.pools.size()) - 1;
  hooks.step = [&](const workloads::FleetStep& step, const PoolTimes& times) {
    const double seconds = step.end_s - step.start_s;
    const int sequences = step.pool == last ? step.longest->decoding : 0;
    steps.all.push_back({step.start_s, seconds, static_cast<double>(sequences),
                         times.steps().activity(*step.longest, Seconds::from_si(seconds))});
  };
  const PlayedServing played = play(prepared, fleet_times(prepared, catalogue), hooks);
  if (!played.misfit.empty()) return std::nullopt;
  const auto window = window_of(arrivals, played.run);
  if (!window) return std::nullopt;
  OperatingPoint point = expected;
  measure_requests(prepared, played.run, *window, point);
  steps.measure(*window, point);
  if (question.prompt_workers > 0) {
    point.activity *= 1.0 / (question.prompt_workers + question.workers);
    point.activity.duration = Seconds::from_si(window->to - window->from);
  }
  return point;
}

}  // namespace aisle::sim
