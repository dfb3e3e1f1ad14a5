// SPDX-License-Identifier: Apache-2.0
// What a serving run leaves beside its metrics: a row for each request, and series over time.
#include "sim/study/result.pb.h"
#include "sim/study/serving_run.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace aisle::sim {

namespace {

using workloads::RequestOutcome;

/// Means over equal stretches of the run.
class Stretches {
 public:
  Stretches(double end, std::size_t count) : width_(end / static_cast<double>(count)) {
    values_.resize(count);
  }

  /// `amount` spread evenly from `from` to `to`, as a rate.
  void spread(double from, double to, double amount) {
    if (!(to >= from)) return;
    const std::size_t first = at(from), last = at(to);
    if (first == last || to - from <= 0) {
      values_[first] += amount / width_;
      return;
    }
    const double rate = amount / (to - from);
    values_[first] += rate * (static_cast<double>(first + 1) - from / width_);
    for (std::size_t i = first + 1; i < last; ++i) values_[i] += rate;
    values_[last] += rate * (to / width_ - static_cast<double>(last));
  }

  void write(const char* name, pb::Result& result) const {
    pb::Series& series = *result.add_series();
    series.set_name(name);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      series.add_time_s(static_cast<double>(i) * width_);
      series.add_value(values_[i]);
    }
  }

 private:
  std::size_t at(double time) const {
    return std::min(values_.size() - 1, static_cast<std::size_t>(std::max(0.0, time / width_)));
  }

  double width_;
  std::vector<double> values_;
};

void record_table(const PreparedServing& prepared, const workloads::ServingRun& run,
                  pb::RequestTable& table) {
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
    const RequestOutcome& outcome = run.outcomes[i];
    const workloads::Request& request = prepared.stream->requests[i];
    table.add_arrival_s(outcome.arrival_s);
    table.add_start_s(outcome.start_s);
    table.add_first_token_s(outcome.first_token_s);
    table.add_end_s(outcome.end_s);
    table.add_prompt_tokens(request.prompt);
    table.add_output_tokens(request.output);
    table.add_cached_tokens(outcome.cached);
    table.add_preemptions(outcome.preemptions);
  }
}

}  // namespace

void record(const PreparedServing& prepared, const PlayedServing& played, pb::Result& result) {
  constexpr std::size_t kStretches = 240;
  const workloads::ServingRun& run = played.run;
  record_table(prepared, run, *result.mutable_requests());
  if (!(run.end_s > 0)) return;
  Stretches waiting(run.end_s, kStretches), running(run.end_s, kStretches),
      arrivals(run.end_s, kStretches), prompts(run.end_s, kStretches),
      outputs(run.end_s, kStretches);
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
    const RequestOutcome& outcome = run.outcomes[i];
    const workloads::Request& request = prepared.stream->requests[i];
    if (outcome.arrival_s < 0) continue;
    arrivals.spread(outcome.arrival_s, outcome.arrival_s, 1);
    if (outcome.end_s < 0) continue;
    waiting.spread(outcome.arrival_s, outcome.start_s, outcome.start_s - outcome.arrival_s);
    running.spread(outcome.start_s, outcome.end_s, outcome.end_s - outcome.start_s);
    prompts.spread(outcome.start_s, outcome.first_token_s, request.prompt);
    outputs.spread(outcome.first_token_s, outcome.end_s, request.output);
  }
  waiting.write("waiting_requests", result);
  running.write("running_requests", result);
  arrivals.write("arrivals_per_s", result);
  prompts.write("prompt_tokens_per_s", result);
  outputs.write("output_tokens_per_s", result);
}

}  // namespace aisle::sim
