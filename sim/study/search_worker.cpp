// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search_worker.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace aisle::sim {

namespace {

namespace parallel = workloads::parallel;

/// Cuts that may be in work at once. The more, the less is known of others.
constexpr std::size_t kAtOnce = 16;

/// Each layout of a front needs at most this share of the memory of the one before.
constexpr double kFrontStep = 0.9;

bool covers(const Candidate& a, const Candidate& b) {
  return a.seconds <= b.seconds && a.bytes <= b.bytes;
}

void add_counts(SearchCounts& all, const SearchCounts& one) {
  all.enumerated += one.enumerated;
  all.not_dividing += one.not_dividing;
  all.not_fitting += one.not_fitting;
  all.beyond_bound += one.beyond_bound;
  all.estimated += one.estimated;
}

}  // namespace

double Better::worth(const Candidate& candidate) const {
  switch (by) {
    case By::memory:
      return candidate.bytes;
    case By::energy:
      return candidate.joules;
    case By::time:
      break;
  }
  return candidate.seconds;
}

bool Better::operator()(const Candidate& a, const Candidate& b) const {
  const auto key = [this](const Candidate& c) { return std::tuple{worth(c), c.seconds, c.bytes}; };
  if (key(a) != key(b)) return key(a) < key(b);
  return a.mapping < b.mapping;
}

void Findings::add_best(const Candidate& candidate, std::size_t keep, const Better& better) {
  if (best.size() >= keep) {
    if (!better(candidate, best.front())) return;
    std::pop_heap(best.begin(), best.end(), better);
    best.pop_back();
  }
  best.push_back(candidate);
  std::push_heap(best.begin(), best.end(), better);
}

void Findings::add_front(const Candidate& candidate) {
  const auto beaten = [&](const Candidate& other) { return covers(other, candidate); };
  if (std::any_of(front.begin(), front.end(), beaten)) return;
  std::erase_if(front, [&](const Candidate& other) { return covers(candidate, other); });
  front.push_back(candidate);
}

void thin(std::vector<Candidate>& front) {
  std::vector<Candidate> kept;
  for (const Candidate& candidate : front) {
    if (!kept.empty() && (candidate.seconds > kFrontTime * front.front().seconds ||
                          candidate.bytes > kFrontStep * kept.back().bytes)) {
      continue;
    }
    kept.push_back(candidate);
  }
  front = std::move(kept);
}

std::shared_ptr<const Findings> FindingsInOrder::before(std::size_t cut) {
  const std::size_t count = cut < kAtOnce ? 0 : cut - kAtOnce + 1;
  std::unique_lock lock(mutex_);
  added_.wait(lock, [&] { return known_.rbegin()->first >= count; });
  auto known = known_.at(count);
  // Cuts are taken in order: those in work ask for nothing older than this.
  known_.erase(known_.begin(), known_.lower_bound(count < kAtOnce ? 0 : count - kAtOnce));
  return known;
}

void FindingsInOrder::add(std::size_t cut, Findings found) {
  const std::lock_guard lock(mutex_);
  early_.emplace(cut, std::move(found));
  for (auto next = early_.begin(); next != early_.end() && next->first == known_.rbegin()->first;
       next = early_.erase(next)) {
    Findings all = *known_.rbegin()->second;
    const Findings& one = next->second;
    add_counts(all.counts, one.counts);
    for (const Candidate& candidate : one.best) all.add_best(candidate, keep_, better_);
    for (const Candidate& candidate : one.front) all.add_front(candidate);
    const auto key = [](const Candidate& c) { return std::pair{c.bytes, c.mapping}; };
    if (one.misfit && (!all.misfit || key(*one.misfit) < key(*all.misfit))) {
      all.misfit = one.misfit;
    }
    known_.emplace(next->first + 1, std::make_shared<const Findings>(std::move(all)));
  }
  added_.notify_all();
}

Worker::Worker(const LayoutSpace& space, const Prepared& prepared, const KernelModel& kernels,
               const SearchOptions& options, std::size_t keep, const Better& better)
    : space_(space),
      prepared_(prepared),
      estimator_(prepared.model, prepared.cluster, kernels, tightest(prepared.powers)),
      options_(options),
      keep_(keep),
      better_(better),
      capacity_(prepared.cluster.accelerator().hbm_capacity.value.in(units::B)) {}

Findings Worker::search(const LayoutSpace::Cut& cut, const Findings& others) {
  using Verdict = LayoutSpace::Verdict;
  found_ = {};
  known_ = others;
  space_.each(cut, [this](const Mapping& mapping, const parallel::Job* job, bool large) {
    ++found_.counts.enumerated;
    bool fits = true;
    if (job != nullptr) {
      fits = consider({mapping, 0, estimator_.memory(*job)}, *job);
    } else {
      ++(large ? found_.counts.not_fitting : found_.counts.not_dividing);
    }
    if (options_.stop != nullptr && *options_.stop) return Verdict::stop;
    return fits ? Verdict::go_on : Verdict::too_large;
  });
  return std::move(found_);
}

/// False: it does not fit.
bool Worker::consider(Candidate candidate, const parallel::Job& job) {
  if (candidate.bytes > capacity_) {
    ++found_.counts.not_fitting;
    if (!found_.misfit || candidate.bytes < found_.misfit->bytes) found_.misfit = candidate;
    return false;
  }
  estimate(candidate, job);
  return true;
}

/// Whether a layout that takes no less can neither be among the best nor on the front.
bool Worker::is_beyond(const Candidate& candidate) const {
  if (known_.best.size() < keep_) return false;
  if (better_.worth(candidate) <= better_.worth(known_.best.front())) return false;
  const auto fastest = std::min_element(
      known_.front.begin(), known_.front.end(),
      [](const Candidate& a, const Candidate& b) { return a.seconds < b.seconds; });
  if (candidate.seconds > kFrontTime * fastest->seconds) return true;
  return std::any_of(known_.front.begin(), known_.front.end(),
                     [&](const Candidate& other) { return covers(other, candidate); });
}

void Worker::add_energy(Candidate& candidate, power::Activity activity) const {
  activity.duration = candidate.seconds * units::s;
  candidate.joules = (energy_of(tightest(prepared_.powers).warm, activity) +
                      prepared_.site.host_power * activity.duration)
                         .si();
}

void Worker::estimate(Candidate candidate, const parallel::Job& job) {
  const bool by_energy = better_.by == Better::By::energy;
  const power::Activity activity = by_energy ? estimator_.activity(job) : power::Activity{};
  if (options_.prune_by_bound && better_.by != Better::By::memory) {
    for (const bool rough : {true, false}) {
      candidate.seconds = estimator_.bound(job, rough);
      if (by_energy) add_energy(candidate, activity);
      if (!is_beyond(candidate)) continue;
      ++found_.counts.beyond_bound;
      return;
    }
  }
  candidate.seconds = estimator_.step(job);
  if (by_energy) add_energy(candidate, activity);
  ++found_.counts.estimated;
  for (Findings* findings : {&found_, &known_}) {
    findings->add_best(candidate, keep_, better_);
    findings->add_front(candidate);
  }
}

}  // namespace aisle::sim
