// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/sharding.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/parallel/job.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aisle::workloads::parallel {

namespace {

int nearest_divisor(int whole, int wanted) {
  int best = 1;
  for (int i = 1; i <= whole; ++i) {
    if (whole % i == 0 && std::abs(i - wanted) < std::abs(best - wanted)) best = i;
  }
  return best;
}

/// A run of ranks out of `whole`, whose number must divide that.
int read_run(const char* field, int wanted, int whole, const Refuse& refuse) {
  if (wanted > 0 && whole % wanted == 0) return wanted;
  refuse(field, fmt::format("{} does not divide the {} ranks that it is a part of", wanted, whole),
         fmt::format("{}", nearest_divisor(whole, wanted)));
  return whole;
}

void check_stage(const Job& job, const pb::Parallel& p, const Refuse& refuse) {
  const int zero = job.layout.zero;
  if (zero == 3 && job.schedule == Schedule::dual_pipe && !job.forward_only && !job.chunk) {
    refuse("parallel.zero", "DualPipe keeps two copies of every stage and gathers no weights",
           "zero: 1");
  }
  if (p.has_shard() && zero < 1) {
    refuse("parallel.shard", "nothing is cut among replicas with zero 0",
           "zero: 1, 2 or 3, or leave it out");
  }
  if (p.has_shard() && job.schedule == Schedule::dual_pipe) {
    refuse("parallel.shard", "DualPipe's two copies of a stage are cut together",
           "leave it out, or schedule: one_f_one_b");
  }
  if (p.has_backward_shard() && zero < 3) {
    refuse("parallel.backward_shard",
           fmt::format("weights are whole between the passes with zero {}", zero),
           "zero: 3, or leave it out");
  }
  if (p.gradients_every_pass() && job.schedule == Schedule::dual_pipe) {
    refuse("parallel.gradients_every_pass", "DualPipe sums gradients once a step", "leave it out");
  }
}

}  // namespace

std::optional<double> format_bytes(const std::string& name) {
  if (name == "int4") return 0.5;
  const auto precision = topology::parse_precision(name);
  if (!precision) return std::nullopt;
  return topology::size_of(*precision).si();
}

Sharding read_sharding(const Job& job, const pb::Training& training, const Refuse& refuse) {
  const pb::Parallel& p = training.parallel();
  Sharding s;
  check_stage(job, p, refuse);
  if (p.has_shard()) { s.ranks = read_run("parallel.shard", p.shard(), job.holders(), refuse); }
  if (p.has_backward_shard()) {
    s.backward = read_run("parallel.backward_shard", p.backward_shard(),
                          s.ranks > 0 ? s.ranks : job.holders(), refuse);
  }
  const auto wire = [&](const char* field, const std::string& name, double otherwise) {
    if (name.empty()) return otherwise;
    if (const auto bytes = format_bytes(name)) return *bytes;
    refuse(field, fmt::format("unknown number format '{}'", name),
           did_you_mean(name, {"fp32", "bf16", "fp16", "fp8", "int8", "int4"}));
    return otherwise;
  };
  // FSDP casts its share before it gathers.
  const double weights =
      job.layout.zero >= 3 ? std::min(job.states.weights, job.number()) : job.states.weights;
  s.weights = wire("parallel.gather_format", p.gather_format(), weights);
  s.gradients = wire("parallel.reduce_format", p.reduce_format(), job.states.gradients);
  s.every_pass = p.has_gradients_every_pass() ? p.gradients_every_pass() : job.layout.zero >= 3;
  s.gather_ahead = p.has_overlap_weights() ? p.overlap_weights() : job.overlap;
  s.reduce_behind = p.has_overlap_gradients() ? p.overlap_gradients() : job.overlap;
  s.bucket = p.bucket();
  if (!(s.bucket >= 0)) {
    refuse("parallel.bucket", "cannot be negative", "0: layer by layer");
    s.bucket = 0;
  }
  return s;
}

}  // namespace aisle::workloads::parallel
