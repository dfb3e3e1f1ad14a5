// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/serving_load.hpp"
#include "sim/study/serving_search_load.hpp"
#include "sim/study/serving_search_play.hpp"
#include "sim/study/serving_search_pools.hpp"
#include "sim/study/serving_search_space.hpp"
#include "sim/study/variant.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>

namespace aisle::sim {

namespace {

/// What an objective is measured at.
enum class At : std::uint8_t { promise, own_load, fewest };

struct Objective {
  const char* metric;
  bool larger;
  At at;
};

constexpr Objective kObjectives[] = {
    {"slo_requests_per_s", true, At::promise},
    {"accelerators", false, At::fewest},
    {"output_tokens_per_s_per_chip", true, At::promise},
    {"usd_per_million_tokens", false, At::promise},
    {"usd_per_million_output_tokens", false, At::promise},
    {"output_tokens_per_s_per_mw", true, At::promise},
    {"joules_per_output_token", false, At::promise},
    {"kwh_per_million_tokens", false, At::promise},
    {"ttft_p50_s", false, At::own_load},
    {"ttft_p99_s", false, At::own_load},
    {"tpot_p50_s", false, At::own_load},
    {"tpot_p99_s", false, At::own_load},
    {"e2e_p50_s", false, At::own_load},
    {"e2e_p99_s", false, At::own_load},
    {"goodput", true, At::own_load},
};

/// Replicas that stand for all while the rate is sought.
constexpr int kProbedReplicas = 4;
/// Replicas of pools are moved so often at most, and only where it gives so much more.
constexpr int kMostMoves = 8;
constexpr double kWorthwhile = 1.02;
/// A point of the front is that much faster for a user than the one before.
constexpr double kFrontStep = 1.05;

const Objective* objective_named(const std::string& name) {
  const auto* const found = std::find_if(std::begin(kObjectives), std::end(kObjectives),
                                         [&](const Objective& one) { return name == one.metric; });
  return found == std::end(kObjectives) ? nullptr : found;
}

bool has_promise(const Study& study) {
  const pb::ServingSlo& slo = study.scenario->workload().serving().slo();
  return slo.has_first_token() || slo.has_token();
}

class Search {
 public:
  Search(const Study& study, const topology::Catalogue& catalogue, const SearchOptions& options,
         const Objective& objective, std::shared_ptr<const workloads::RequestStream> stream)
      : study_(study),
        catalogue_(catalogue),
        options_(options),
        objective_(objective),
        stream_(std::move(stream)),
        load_(stream_),
        share_(study.scenario->workload().serving().slo().share()) {}

  /// Nothing where the axes are wrong, which is reported.
  std::optional<ServingSearchOutcome> run(const PreparedServing& own, Diagnostics& diagnostics) {
    if (!(own.pools.size() > 1 ? enumerate_pools(diagnostics) : enumerate(own, diagnostics))) {
      return std::nullopt;
    }
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.rank > b.rank; });
    const auto most = static_cast<std::size_t>(std::max(options_.rerank, options_.limit));
    if (candidates_.size() > most) {
      outcome_.not_played = static_cast<std::int64_t>(candidates_.size() - most);
      candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(most), candidates_.end());
    }
    for (Candidate& candidate : candidates_) {
      if (candidate.times.empty()) candidate.times = fleet_times(candidate.prepared, catalogue_);
    }
    found_.resize(candidates_.size());
    play_all();
    collect();
    return std::move(outcome_);
  }

  const ScaledLoad& load() const { return load_; }

 private:
  bool stopped() const { return options_.stop != nullptr && *options_.stop; }

  bool money() const { return std::string_view(objective_.metric).starts_with("usd_"); }

  bool enumerate(const PreparedServing& own, Diagnostics& diagnostics) {
    const auto space = ServingSpace::build(study_, own, options_, "", diagnostics);
    if (!space) return false;
    for (const ServingMapping& mapping : space->mappings()) consider(mapping);
    return true;
  }

  bool enumerate_pools(Diagnostics& diagnostics) {
    PoolCounts counts;
    const bool most = objective_.at != At::promise || objective_.metric == kObjectives[0].metric;
    auto made = pool_candidates(study_, catalogue_, options_, load_, stream_, most, money(), counts,
                                diagnostics);
    if (!made) return false;
    candidates_ = std::move(*made);
    outcome_.enumerated = counts.enumerated;
    outcome_.not_dividing = counts.not_dividing;
    outcome_.not_fitting = counts.not_fitting;
    outcome_.reason = counts.reason;
    return true;
  }

  void consider(const ServingMapping& mapping) {
    ++outcome_.enumerated;
    const Study other = variant_of(study_, with_layout(*study_.scenario, {{mapping, 0, {}}}));
    Diagnostics diagnostics;
    auto prepared = prepare_serving(other, catalogue_, diagnostics, stream_);
    if (!prepared) {
      ++outcome_.not_dividing;
      return;
    }
    const int all = prepared->pools.front().replicas;
    FleetTimes fleet = fleet_times(*prepared, catalogue_);
    Candidate candidate{{{mapping, all, {}}}, std::move(*prepared), std::move(fleet), 0, 0, 0};
    const StepTimes& times = candidate.times.front()->steps();
    const workloads::ServingMemory& memory = candidate.times.front()->memory();
    if (!memory.fits()) {
      ++outcome_.not_fitting;
      if (outcome_.reason.empty() || memory.cache > nearest_) {
        nearest_ = memory.cache;
        outcome_.reason =
            fmt::format("Nothing fits. Closest: {}: {}", describe(mapping), memory.misfit());
      }
      return;
    }
    const RequestLengths lengths{load_.mean_prompt(), load_.mean_output(), true, 0};
    const double promised = candidate.prepared.token.si();
    const OperatingPoint point = promised > 0
                                     ? at_speed(times, lengths, 1 / promised)
                                     : closed_loop(times, lengths, most_sequences(times, lengths));
    candidate.rank = candidate.estimate = point.requests_per_s * all;
    candidate.lasting_s = point.end_to_end.si();
    candidates_.push_back(std::move(candidate));
  }

  void play_all() {
    std::mutex mutex;
    std::size_t next = 0, done = 0;
    const auto work = [&] {
      for (;;) {
        std::size_t mine = 0;
        {
          const std::lock_guard lock(mutex);
          if (next == candidates_.size() || stopped()) return;
          mine = next++;
        }
        Player player(candidates_[mine], load_, share_);
        FoundServing found = play_one(candidates_[mine], player);
        const std::lock_guard lock(mutex);
        found_[mine] = std::move(found);
        outcome_.runs += player.runs;
        outcome_.pareto.insert(outcome_.pareto.end(), player.points.begin(), player.points.end());
        if (options_.progress) {
          options_.progress({"layouts", static_cast<std::int64_t>(++done),
                             static_cast<std::int64_t>(candidates_.size())});
        }
      }
    };
    const int threads = options_.threads > 0
                            ? options_.threads
                            : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    std::vector<std::thread> pool;
    for (int i = 1; i < threads; ++i) pool.emplace_back(work);
    work();
    for (std::thread& thread : pool) thread.join();
    outcome_.stopped = stopped();
  }

  FoundServing play_one(const Candidate& candidate, Player& player) {
    FoundServing found{candidate.parts, 0, {}};
    if (objective_.at == At::own_load) {
      found.result = player.at(1, found.parts);
    } else if (candidate.parts.size() > 1) {
      objective_.at == At::fewest ? keep_fewest_in_pools(candidate, player, found)
                                  : move_replicas(candidate, player, found);
    } else {
      play_single(candidate, player, found);
    }
    return found;
  }

  /// A few replicas stand for all that there are.
  void play_single(const Candidate& candidate, Player& player, FoundServing& found) {
    const int all = candidate.parts.front().replicas;
    ServingParts probed = candidate.parts;
    probed.front().replicas = std::min(all, kProbedReplicas);
    const double whole = static_cast<double>(all) / probed.front().replicas;
    const double most =
        whole * player.most(probed, candidate.estimate / load_.own() / whole, found.result);
    if (most <= 0) {
      found.result.clear_metric();
      return;
    }
    found.slo_requests_per_s = offered(most, found.result, whole);
    if (objective_.at == At::fewest) keep_fewest(most, player, found);
  }

  /// Requests/s at a factor of the study's load; of a number that is always there, those served.
  double offered(double factor, const pb::Result& result, double whole) const {
    return load_.closed() ? value_of(result, "requests_per_s") * whole : factor * load_.own();
  }

  /// The fewest replicas that keep the promise at the study's own load.
  void keep_fewest(double factor, Player& player, FoundServing& found) {
    const int all = found.parts.front().replicas;
    ServingParts parts = found.parts;
    int& replicas = parts.front().replicas;
    replicas = std::max(1, static_cast<int>(std::ceil(all / factor * (1 - 1e-9))));
    found.result.clear_metric();
    bool grown = false;
    while (replicas <= all) {
      pb::Result result = player.at(1, parts);
      if (player.kept(result)) {
        found.parts = parts;
        found.result = std::move(result);
        if (grown || replicas == 1) return;
        --replicas;
        continue;
      }
      if (found.result.metric_size() > 0) return;
      grown = true;
      ++replicas;
    }
  }

  bool within_cluster(const ServingParts& parts) const {
    return std::all_of(parts.begin(), parts.end(),
                       [](const ServingPart& part) { return part.replicas > 0; }) &&
           accelerators_of(parts) <= study_.scenario->cluster().count();
  }

  /// From the ratio in closed form, replicas come, go and change pools while that is better. One
  /// load tells: the one at which it would be.
  void move_replicas(const Candidate& candidate, Player& player, FoundServing& found) {
    constexpr std::pair<int, int> kMoves[] = {{1, -1}, {-1, 1}, {1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    const bool most_requests = objective_.metric == kObjectives[0].metric;
    double most = player.most(found.parts, candidate.estimate / load_.own(), found.result);
    bool moved = most > 0;
    for (int round = 0; round < kMostMoves && moved && !stopped(); ++round) {
      moved = false;
      for (const auto& [prompts, answers] : kMoves) {
        ServingParts parts = found.parts;
        parts[0].replicas += prompts;
        parts[1].replicas += answers;
        if (!within_cluster(parts)) continue;
        const double weight = most_requests
                                  ? 1
                                  : weight_of(parts, candidate.prepared, money()) /
                                        weight_of(found.parts, candidate.prepared, money());
        const double better = most * weight * kWorthwhile;
        if (!player.kept(player.at(better, parts))) continue;
        most = player.most(parts, better, found.result);
        found.parts = parts;
        moved = true;
        break;
      }
    }
    if (most > 0) {
      found.slo_requests_per_s = offered(most, found.result, 1);
    } else {
      found.result.clear_metric();
    }
  }

  /// The fewest accelerators that keep the promise at the study's own load: as many replicas as the
  /// closed form says, more where first tokens or later ones come late, then fewer.
  void keep_fewest_in_pools(const Candidate& candidate, Player& player, FoundServing& found) {
    const double share = load_.own() / candidate.estimate;
    ServingParts parts = candidate.parts;
    for (ServingPart& part : parts) {
      part.replicas = std::max(1, static_cast<int>(std::ceil(part.replicas * share * (1 - 1e-9))));
    }
    found.result.clear_metric();
    const double first = candidate.prepared.first_token.si();
    while (within_cluster(parts) && found.result.metric_size() == 0 && !stopped()) {
      pb::Result result = player.at(1, parts);
      if (player.kept(result)) {
        found.parts = parts;
        found.result = std::move(result);
        break;
      }
      const bool late = first > 0 && value_of(result, "ttft_p90_s") > first;
      const bool busy =
          value_of(result, "prefill_busy_share") > value_of(result, "decode_busy_share");
      ++parts[late || busy ? 0 : 1].replicas;
    }
    bool fewer = found.result.metric_size() > 0;
    while (fewer && !stopped()) {
      fewer = false;
      for (const std::size_t pool : {std::size_t{1}, std::size_t{0}}) {
        parts = found.parts;
        --parts[pool].replicas;
        if (!within_cluster(parts)) continue;
        pb::Result result = player.at(1, parts);
        if (!player.kept(result)) continue;
        found.parts = parts;
        found.result = std::move(result);
        fewer = true;
      }
    }
  }

  void collect() {
    outcome_.played = static_cast<std::int64_t>(found_.size());
    for (FoundServing& one : found_) {
      if (one.result.metric_size() > 0) outcome_.best.push_back(std::move(one));
    }
    const std::string metric = objective_.metric;
    std::stable_sort(outcome_.best.begin(), outcome_.best.end(),
                     [&](const FoundServing& a, const FoundServing& b) {
                       const double x = objective_of(a, metric), y = objective_of(b, metric);
                       return objective_.larger ? x > y : x < y;
                     });
    if (outcome_.best.size() > static_cast<std::size_t>(options_.limit)) {
      outcome_.best.resize(static_cast<std::size_t>(options_.limit));
    }
    if (!outcome_.best.empty()) {
      outcome_.reason.clear();
    } else if (outcome_.played > 0) {
      outcome_.reason = fmt::format(
          "No layout gives {:g} % of the requests what is promised{}.", share_ * 100,
          objective_.at == At::fewest ? " on the accelerators of the cluster" : " at any rate");
    } else if (outcome_.reason.empty()) {
      outcome_.reason = "No layout divides the model and the cluster's accelerators as asked.";
    }
    thin_front();
  }

  /// Points that no other beats both for a user and per chip.
  void thin_front() {
    auto& front = outcome_.pareto;
    std::sort(front.begin(), front.end(), [](const ServingPoint& a, const ServingPoint& b) {
      return std::tuple(-a.output_tokens_per_s_per_chip, -a.tokens_per_s_per_user,
                        describe(a.parts)) < std::tuple(-b.output_tokens_per_s_per_chip,
                                                        -b.tokens_per_s_per_user,
                                                        describe(b.parts));
    });
    std::vector<ServingPoint> kept;
    for (const ServingPoint& point : front) {
      if (kept.empty() ||
          point.tokens_per_s_per_user > kFrontStep * kept.back().tokens_per_s_per_user) {
        kept.push_back(point);
      }
    }
    front = std::move(kept);
  }

  const Study& study_;
  const topology::Catalogue& catalogue_;
  const SearchOptions& options_;
  const Objective& objective_;
  std::shared_ptr<const workloads::RequestStream> stream_;
  ScaledLoad load_;
  double share_;
  Bytes nearest_;
  std::vector<Candidate> candidates_;
  std::vector<FoundServing> found_;
  ServingSearchOutcome outcome_;
};

}  // namespace

std::vector<std::string> serving_search_objectives() {
  std::vector<std::string> names;
  for (const Objective& objective : kObjectives) names.emplace_back(objective.metric);
  return names;
}

std::string usual_serving_objective(const Study& study) {
  return has_promise(study) ? "slo_requests_per_s" : "e2e_p50_s";
}

double objective_of(const FoundServing& found, const std::string& objective) {
  if (objective == "slo_requests_per_s") return found.slo_requests_per_s;
  if (objective == "accelerators") return accelerators_of(found.parts);
  return value_of(found.result, objective);
}

std::optional<ServingSearchOutcome> search_serving(const Study& study,
                                                   const topology::Catalogue& catalogue,
                                                   const SearchOptions& options,
                                                   Diagnostics& diagnostics) {
  const auto started = std::chrono::steady_clock::now();
  const std::string name =
      options.objective.empty() ? usual_serving_objective(study) : options.objective;
  const Objective* objective = objective_named(name);
  if (objective == nullptr) {
    const std::vector<std::string> names = serving_search_objectives();
    const std::string suggestion = did_you_mean(name, names);
    diagnostics.error(
        {"--objective", 0, 0}, {},
        fmt::format("'{}' is no objective of a search over serving layouts", name),
        suggestion.empty() ? fmt::format("one of {}", fmt::join(names, ", ")) : suggestion);
    return std::nullopt;
  }
  if (!has_promise(study) && (objective->at != At::own_load || name == "goodput")) {
    diagnostics.error(study.places.find("workload.serving.slo"), "workload.serving.slo",
                      fmt::format("{} is measured under a promise, and nothing is promised", name),
                      "slo { first_token: \"2 s\" token: \"50 ms\" }");
    return std::nullopt;
  }
  if (!options.accelerators.empty() && !study.scenario->workload().serving().has_pools()) {
    diagnostics.error({"--accelerators", 0, 0}, {},
                      "kinds are chosen for pools, and there are none",
                      "workload.serving.pools, or --set cluster.accelerator=...");
    return std::nullopt;
  }
  const auto own = prepare_serving(study, catalogue, diagnostics);
  if (!own) return std::nullopt;
  Search search(study, catalogue, options, *objective, own->stream);
  if (objective->at != At::own_load && search.load().own() <= 0) {
    diagnostics.error(study.places.find("workload.serving.requests"), "workload.serving.requests",
                      "all requests come at once, so that there is no rate to raise",
                      "give a rate, a concurrency, or a trace with arrivals");
    return std::nullopt;
  }
  auto outcome = search.run(*own, diagnostics);
  if (!outcome) return std::nullopt;
  outcome->wall_time_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return outcome;
}

}  // namespace aisle::sim
