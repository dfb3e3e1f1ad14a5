// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search_pools.hpp"

#include "sim/study/scenario.pb.h"
#include "sim/study/serving_load.hpp"
#include "sim/study/serving_search_space.hpp"
#include "sim/study/variant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::sim {

namespace {

/// Layouts of each pool and kind that are paired.
constexpr std::size_t kPaired = 6;

/// One layout of one pool.
struct Half {
  ServingPart part;           ///< one replica
  double requests_per_s = 0;  ///< of one replica, under the promise
  double weight = 0;          ///< of one replica
  double lasting_s = 0;       ///< of a request in it
};

bool is_own(const Study& study, const std::string& accelerator) {
  return accelerator == study.scenario->cluster().accelerator();
}

/// The study with one pool as all that there is, on accelerators of that kind.
pb::Scenario alone(const Study& study, bool prompts, const std::string& accelerator) {
  pb::Scenario other = *study.scenario;
  pb::Serving& serving = *other.mutable_workload()->mutable_serving();
  const pb::ServingPool pool = prompts ? serving.pools().prefill() : serving.pools().decode();
  if (pool.has_parallel()) *serving.mutable_parallel() = pool.parallel();
  if (pool.has_precision()) serving.set_precision(pool.precision());
  serving.mutable_engine()->MergeFrom(pool.engine());
  serving.clear_pools();
  serving.clear_scaling();
  other.clear_reference();
  if (is_own(study, accelerator)) return other;
  pb::Cluster cluster;
  cluster.set_accelerator(accelerator);
  cluster.set_count(study.scenario->cluster().count());
  if (pool.accelerator() == accelerator && pool.has_system()) cluster.set_system(pool.system());
  cluster.set_speed_spread(study.scenario->cluster().speed_spread());
  *other.mutable_cluster() = cluster;
  return other;
}

/// Requests whose prompts a replica computes in a second, each in the time promised.
double prompts_per_s(const StepTimes& times, const RequestLengths& lengths, Seconds promised) {
  const double together =
      std::max(1.0, std::floor(times.host().limits.step_tokens / lengths.computed()));
  const Seconds pass = prompts_together(times, lengths, together);
  if (promised > Seconds() && prompts_together(times, lengths, 1) > promised) return 0;
  const workloads::ServingLayout& layout = times.job().layout;
  const bool one_step = lengths.computed() <= times.host().limits.step_tokens;
  return together * layout.data * (one_step ? layout.pipeline : 1) / pass.si();
}

/// Requests that a replica ends in a second while a token takes no longer than promised.
double answers_per_s(const StepTimes& times, const RequestLengths& lengths, Seconds promised,
                     double tokens_per_pass) {
  const Seconds pass = promised * tokens_per_pass;
  double low = 1, high = most_sequences(times, lengths);
  if (high < 1) return 0;
  if (promised > Seconds()) {
    if (decoding_step(times, lengths, low) > pass) return 0;
    for (int round = 0; round < 20 && high - low > 0.5; ++round) {
      const double middle = (low + high) / 2;
      (decoding_step(times, lengths, middle) <= pass ? low : high) = middle;
    }
    high = low;
  }
  return high * times.job().layout.data * tokens_per_pass /
         (lengths.output * decoding_step(times, lengths, high).si());
}

double dollars_per_s(const ServingPool& pool) {
  return power::bill(pool.site, Watts(), 1, 1 * units::s).rental.in(units::USD);
}

class Pairs {
 public:
  Pairs(const Study& study, const topology::Catalogue& catalogue, const SearchOptions& options,
        const ScaledLoad& load, std::shared_ptr<const workloads::RequestStream> stream, bool money,
        PoolCounts& counts)
      : study_(study),
        catalogue_(catalogue),
        options_(options),
        load_(load),
        stream_(std::move(stream)),
        money_(money),
        counts_(counts) {}

  /// The best layouts of one pool, of each kind.
  bool collect(bool prompts, std::vector<Half>& halves, Diagnostics& diagnostics) {
    for (const std::string& kind : kinds(prompts)) {
      std::vector<Half> of_kind;
      if (!collect(prompts, kind, of_kind, diagnostics)) return false;
      std::stable_sort(of_kind.begin(), of_kind.end(), [](const Half& a, const Half& b) {
        return a.requests_per_s * b.weight > b.requests_per_s * a.weight;
      });
      of_kind.resize(std::min(of_kind.size(), kPaired));
      halves.insert(halves.end(), of_kind.begin(), of_kind.end());
    }
    return true;
  }

  /// Both halves in the ratio and number that carry most, or most for their weight.
  std::optional<Candidate> paired(const Half& prompts, const Half& answers, bool most_requests) {
    Candidate made;
    made.parts = {prompts.part, answers.part};
    const int all = study_.scenario->cluster().count();
    ServingParts best;
    for (int n = 1; n * answers.part.accelerators() < all; ++n) {
      const double balanced = n * answers.requests_per_s / prompts.requests_per_s;
      for (const double rounded : {std::floor(balanced), std::ceil(balanced)}) {
        ServingParts parts = made.parts;
        parts[0].replicas = static_cast<int>(std::clamp(rounded, 1.0, 1e6));
        parts[1].replicas = n;
        if (accelerators_of(parts) > all) continue;
        const double carried =
            std::min(parts[0].replicas * prompts.requests_per_s, n * answers.requests_per_s);
        const double weight =
            parts[0].replicas * prompts.weight + static_cast<double>(n) * answers.weight;
        const double rank = most_requests ? carried : carried / weight;
        if (rank <= made.rank * (1 + 1e-9)) continue;
        made.rank = rank;
        made.estimate = carried;
        best = parts;
      }
    }
    if (best.empty()) return std::nullopt;
    made.parts = best;
    made.lasting_s = prompts.lasting_s + answers.lasting_s;
    auto prepared = prepare(with_layout(*study_.scenario, made.parts));
    if (!prepared) return std::nullopt;
    made.prepared = std::move(*prepared);
    return made;
  }

 private:
  std::vector<std::string> kinds(bool prompts) const {
    if (!options_.accelerators.empty()) return options_.accelerators;
    const pb::ServingPools& pools = study_.scenario->workload().serving().pools();
    const pb::ServingPool& pool = prompts ? pools.prefill() : pools.decode();
    return {pool.has_accelerator() ? pool.accelerator() : study_.scenario->cluster().accelerator()};
  }

  std::optional<PreparedServing> prepare(pb::Scenario scenario) const {
    Diagnostics diagnostics;
    return prepare_serving(variant_of(study_, std::move(scenario)), catalogue_, diagnostics,
                           stream_);
  }

  bool collect(bool prompts, const std::string& kind, std::vector<Half>& halves,
               Diagnostics& diagnostics) {
    Study study = variant_of(study_, alone(study_, prompts, kind));
    const auto own = prepare_serving(study, catalogue_, diagnostics, stream_);
    if (!own) return false;
    const char* name = prompts ? "prefill" : "decode";
    const auto space = ServingSpace::build(study, *own, options_, name, diagnostics);
    if (!space) return false;
    for (const ServingMapping& mapping : space->mappings()) {
      ++counts_.enumerated;
      auto half = consider(*study.scenario, mapping, prompts);
      if (!half || half->requests_per_s <= 0) continue;
      if (mapping.accelerators() >= study.scenario->cluster().count()) continue;  // leaves nothing
      half->part.accelerator = is_own(study_, kind) ? "" : kind;
      halves.push_back(*half);
    }
    return true;
  }

  std::optional<Half> consider(const pb::Scenario& scenario, const ServingMapping& mapping,
                               bool prompts) {
    Half half;
    half.part = {mapping, 1, {}};
    const auto prepared = prepare(with_layout(scenario, {half.part}));
    if (!prepared) {
      ++counts_.not_dividing;
      return std::nullopt;
    }
    const ServingPool& pool = prepared->pools.front();
    const FleetTimes times = fleet_times(*prepared, catalogue_);
    const workloads::ServingMemory& memory = times.front()->memory();
    if (!memory.fits()) {
      ++counts_.not_fitting;
      if (counts_.reason.empty() || memory.cache > nearest_) {
        nearest_ = memory.cache;
        counts_.reason =
            fmt::format("Nothing fits. Closest for {}: {}: {}", prompts ? "prompts" : "answers",
                        describe(mapping), memory.misfit());
      }
      return std::nullopt;
    }
    if (money_ && dollars_per_s(pool) <= 0) {
      counts_.reason = fmt::format("No price is known of {}.", pool.cluster->accelerator().name);
      return std::nullopt;
    }
    const RequestLengths lengths{load_.mean_prompt(), load_.mean_output(), true, 0};
    const StepTimes& steps = times.front()->steps();
    if (prompts) {
      half.requests_per_s = prompts_per_s(steps, lengths, prepared->first_token);
      half.lasting_s = prompts_together(steps, lengths, 1).si();
    } else {
      const double each = pool.policy.tokens_per_pass();
      half.requests_per_s = answers_per_s(steps, lengths, prepared->token, each);
      half.lasting_s = lengths.output * decoding_step(steps, lengths, 1).si() / each;
    }
    half.weight = weight_of({half.part}, *prepared, money_);
    return half;
  }

  const Study& study_;
  const topology::Catalogue& catalogue_;
  const SearchOptions& options_;
  const ScaledLoad& load_;
  std::shared_ptr<const workloads::RequestStream> stream_;
  bool money_;
  PoolCounts& counts_;
  Bytes nearest_;
};

}  // namespace

double weight_of(const ServingParts& parts, const PreparedServing& prepared, bool money) {
  double sum = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    sum += parts[i].accelerators() * (money ? dollars_per_s(prepared.pools[i]) : 1);
  }
  return sum;
}

std::optional<std::vector<Candidate>> pool_candidates(
    const Study& study, const topology::Catalogue& catalogue, const SearchOptions& options,
    const ScaledLoad& load, std::shared_ptr<const workloads::RequestStream> stream,
    bool most_requests, bool money, PoolCounts& counts, Diagnostics& diagnostics) {
  Pairs pairs(study, catalogue, options, load, std::move(stream), money, counts);
  std::vector<Half> prompts, answers;
  if (!pairs.collect(true, prompts, diagnostics) || !pairs.collect(false, answers, diagnostics)) {
    return std::nullopt;
  }
  std::vector<Candidate> candidates;
  for (const Half& first : prompts) {
    for (const Half& second : answers) {
      auto made = pairs.paired(first, second, most_requests);
      if (made) candidates.push_back(std::move(*made));
    }
  }
  return candidates;
}

}  // namespace aisle::sim
