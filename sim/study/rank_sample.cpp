// SPDX-License-Identifier: Apache-2.0
#include "sim/study/rank_sample.hpp"

#include "sim/base/statistics.hpp"
#include "topology/network.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace aisle::sim {

using workloads::CollectiveJob;

namespace {

/// How long a rank receives if nothing but its own draw holds it up.
Seconds receiving_alone(const CollectiveJob& job, std::size_t rank) {
  const double load = job.load.empty() ? 1 : job.load[rank];
  return load * (job.cost.alone - job.cost.latency);
}

template <typename T>
void keep(std::vector<T>& all, const std::vector<std::size_t>& sampled) {
  if (all.empty()) return;
  std::vector<T> kept;
  kept.reserve(sampled.size());
  for (const std::size_t i : sampled) kept.push_back(all[i]);
  all = std::move(kept);
}

}  // namespace

void Spread::add(Seconds value) {
  largest_ = count_ == 0 ? value : std::max(largest_, value);
  ++count_;
  sum_ += value.si();
  squares_ += value.si() * value.si();
}

double Spread::deviation() const {
  return std::sqrt(std::max(0.0, squares_ / count_ - mean() * mean()));
}

Seconds Spread::luck() const {
  return largest_ - Seconds::from_si(mean() + deviation() * expected_maximum(count_));
}

Seconds Spread::half_range() const {
  constexpr double kQuantile = 1.645;
  return Seconds::from_si(kQuantile * deviation() * std::numbers::pi /
                          std::sqrt(12 * std::log(count_)));
}

RankSample::RankSample(CollectiveJob& job, int wanted)
    : all_(job.members.size()), has_arrivals_(!job.arrival.empty()) {
  const auto per_domain = static_cast<std::size_t>(job.communication.group.per_domain);
  const std::size_t domains = all_ / per_domain;
  const std::size_t taken =
      std::clamp<std::size_t>(static_cast<std::size_t>(wanted) / per_domain, 2, domains);
  std::vector<std::size_t> sampled;
  for (const std::size_t domain : choose_domains(job, per_domain, taken)) {
    for (std::size_t i = 0; i < per_domain; ++i) sampled.push_back(domain * per_domain + i);
  }
  sampled_ = sampled.size();
  keep(job.members, sampled);
  keep(job.arrival, sampled);
  keep(job.load, sampled);
}

std::vector<std::size_t> RankSample::choose_domains(const CollectiveJob& job,
                                                    std::size_t per_domain, std::size_t taken) {
  const std::size_t domains = all_ / per_domain;
  std::vector<Seconds> longest(domains);
  std::size_t last = 0;
  for (std::size_t i = 0; i < all_; ++i) {
    const Seconds receiving = receiving_alone(job, i);
    longest[i / per_domain] = std::max(longest[i / per_domain], receiving);
    loads_.add(receiving);
    if (!has_arrivals_) continue;
    arrivals_.add(job.arrival[i]);
    if (job.arrival[i] > job.arrival[last]) last = i;
  }
  std::vector<std::size_t> order(domains);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return longest[a] > longest[b]; });
  const auto with_last = std::find(order.begin(), order.end(), last / per_domain);
  std::rotate(order.begin(), with_last, with_last + 1);
  const std::size_t extremes = std::min(taken, std::max<std::size_t>(2, taken / 4));
  std::sort(order.begin() + static_cast<std::ptrdiff_t>(extremes), order.end());
  std::vector<std::size_t> chosen(order.begin(),
                                  order.begin() + static_cast<std::ptrdiff_t>(extremes));
  const std::size_t spaced = taken - extremes;
  for (std::size_t d = 0; d < spaced; ++d) {
    chosen.push_back(order[extremes + d * (domains - extremes) / spaced]);
  }
  return chosen;
}

void RankSample::thin_out(workloads::Traffic& traffic, const topology::Cluster& cluster) const {
  const double share = static_cast<double>(sampled_) / static_cast<double>(all_);
  for (workloads::Traffic::Link& link : traffic.links) {
    const topology::LinkKind kind = cluster.network().kind(link.original);
    if (kind != topology::LinkKind::scale_up && kind != topology::LinkKind::nic) {
      link.capacity *= share;
    }
  }
}

RankSample::Range RankSample::range(Seconds end) const {
  Seconds luck = loads_.luck();
  double half = loads_.half_range().si();
  if (has_arrivals_) {
    luck += arrivals_.luck();
    half = std::hypot(half, arrivals_.half_range().si());
  }
  return {end - luck - Seconds::from_si(half), end - luck + Seconds::from_si(half)};
}

std::string RankSample::caveat() const {
  return fmt::format(
      "sampled: {} of {} ranks are simulated, among them those that come last and receive most; "
      "the range holds 90 % of draws",
      sampled_, all_);
}

}  // namespace aisle::sim
