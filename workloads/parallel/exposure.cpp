// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/exposure.hpp"

#include "sim/base/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace aisle::workloads::parallel {

namespace {

/// How far the most loaded expert-parallel rank is above the mean one in one layer.
double most_loaded(const Job& job) {
  return job.expert_load_spread * expected_maximum(job.layout.expert);
}

/// A rank takes no more than all of its experts may.
double within_capacity(const Job& job, double load) {
  return job.capacity > 0 ? std::min(load, job.capacity) : load;
}

Exposure recorded(const Job& job, const std::vector<int>& layers, bool beside_computation) {
  const UnevenExperts::Felt felt = job.uneven->felt(layers);
  return {beside_computation, job.own_loads ? 1.0 : felt.rows, felt.copies, felt.domains};
}

}  // namespace

Exposure exposed(const Job& job) {
  return {false, within_capacity(job, 1 + most_loaded(job))};
}

Exposure overlapped(const Job& job, int layers) {
  return {true, within_capacity(job, 1 + most_loaded(job) / std::sqrt(std::max(1, layers)))};
}

Exposure exposed(const Job& job, const Layer& layer) {
  if (!job.uneven || layer.feed_forward.experts == 0) return exposed(job);
  return recorded(job, {layer.number}, false);
}

Exposure overlapped(const Job& job, const std::vector<int>& pair, const Layer& layer) {
  if (!job.uneven || layer.feed_forward.experts == 0) {
    return overlapped(job, static_cast<int>(pair.size()));
  }
  return recorded(job, job.own_loads ? std::vector<int>{layer.number} : pair, true);
}

/// Without recorded loads, experts of a rank are taken as independent and normal, so that their own
/// spread is sqrt(experts of a rank) times the rank's.
double dropped_share(const Job& job) {
  if (job.uneven) return job.uneven->summary().dropped;
  if (job.capacity <= 0) return 0;
  int local = 1;
  for (const Layer& layer : job.model->layers) {
    if (layer.feed_forward.experts > 0) local = job.local_experts(layer.feed_forward);
  }
  const double spread = job.expert_load_spread * std::sqrt(local), over = job.capacity - 1;
  if (spread <= 0) return std::max(0.0, -over);
  const double z = over / spread;
  const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  return spread * density - over * std::erfc(z / std::numbers::sqrt2) / 2;
}

}  // namespace aisle::workloads::parallel
