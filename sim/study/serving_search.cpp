// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/serving_load.hpp"
#include "sim/study/serving_search_load.hpp"
#include "sim/study/serving_search_space.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
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
constexpr double kTolerance = 1.02, kStep = 1.3, kFarthest = 100;
/// Loads that the front has beside the sought one.
constexpr double kPartLoads[] = {0.1, 0.4, 0.7};
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

double value_of(const pb::Result& result, const std::string& name) {
  return metric_of(result, name).value_or(std::numeric_limits<double>::quiet_NaN());
}

/// A layout that divides and fits.
struct Candidate {
  ServingMapping mapping;
  PreparedServing prepared;
  FleetTimes times;
  double estimate = 0;   ///< requests/s of the whole cluster under the promise, closed form
  double lasting_s = 0;  ///< of one request, closed form
};

/// One layout, played at one load after the other.
class Player {
 public:
  Player(const Candidate& candidate, const ScaledLoad& load, double share)
      : candidate_(candidate), load_(load), share_(share) {}

  /// Result of `replicas` of the layout at `factor` times the study's load on all that there are.
  pb::Result at(double factor, int replicas) {
    PreparedServing prepared = candidate_.prepared;
    ServingPool& pool = prepared.pools.front();
    const double part = static_cast<double>(replicas) / pool.replicas;
    constexpr double kLeast = 60, kPromises = 20, kAnswers = 8;
    const double lasting =
        std::max({kLeast, kPromises * prepared.first_token.si(), kAnswers * candidate_.lasting_s});
    pool.replicas = replicas;
    prepared.stream = load_.times(factor * part, lasting);
    const PlayedServing played = play(prepared, candidate_.times);
    pb::Result result;
    measure(prepared, played, result);
    for (const std::string& note : played.caveats) result.add_caveat(note);
    ++runs;
    add_point(result, factor, part);
    return result;
  }

  bool kept(const pb::Result& result) const { return value_of(result, "goodput") >= share_; }

  /// The most that the promise allows, as a factor of the study's load; 0: not even a hundredth of
  /// the estimate.
  double most(pb::Result& at_most) {
    const int replicas = std::min(candidate_.prepared.pools.front().replicas, kProbedReplicas);
    const auto holds = [&](double factor) {
      pb::Result result = at(factor, replicas);
      if (!kept(result)) return false;
      at_most = std::move(result);
      return true;
    };
    const double estimate = std::max(candidate_.estimate / load_.own(), 1e-9);
    double good = 0, bad = 0;
    if (holds(estimate)) {
      good = estimate;
      while (bad == 0) {
        const double next = good * kStep;
        (holds(next) ? good : bad) = next;
        if (good > estimate * kFarthest) return good;
      }
    } else {
      // What is promised may be too short for this layout, however few come.
      bad = estimate;
      good = estimate / kFarthest;
      if (!holds(good)) return 0;
    }
    while (bad / good > kTolerance) {
      const double middle = std::sqrt(good * bad);
      (holds(middle) ? good : bad) = middle;
    }
    for (const double part : kPartLoads) at(part * good, replicas);
    return good;
  }

  std::int64_t runs = 0;
  std::vector<ServingPoint> points;

 private:
  void add_point(const pb::Result& result, double factor, double part) {
    const double token = value_of(result, "tpot_p50_s");
    if (!(token > 0)) return;
    points.push_back(
        {candidate_.mapping,
         load_.closed() ? value_of(result, "requests_per_s") / part : load_.own() * factor,
         1 / token, value_of(result, "output_tokens_per_s_per_chip"),
         value_of(result, "ttft_p50_s"), value_of(result, "goodput")});
  }

  const Candidate& candidate_;
  const ScaledLoad& load_;
  double share_;
};

class Search {
 public:
  Search(const Study& study, const topology::Catalogue& catalogue, const SearchOptions& options,
         const Objective& objective, const ServingSpace& space,
         std::shared_ptr<const workloads::RequestStream> stream)
      : study_(study),
        catalogue_(catalogue),
        options_(options),
        objective_(objective),
        space_(space),
        stream_(std::move(stream)),
        load_(stream_),
        share_(study.scenario->workload().serving().slo().share()) {}

  ServingSearchOutcome run() {
    for (const ServingMapping& mapping : space_.mappings()) consider(mapping);
    std::stable_sort(
        candidates_.begin(), candidates_.end(),
        [](const Candidate& a, const Candidate& b) { return a.estimate > b.estimate; });
    const auto most = static_cast<std::size_t>(std::max(options_.rerank, options_.limit));
    if (candidates_.size() > most) {
      outcome_.not_played = static_cast<std::int64_t>(candidates_.size() - most);
      candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(most), candidates_.end());
    }
    found_.resize(candidates_.size());
    play_all();
    collect();
    return std::move(outcome_);
  }

  const ScaledLoad& load() const { return load_; }

 private:
  bool stopped() const { return options_.stop != nullptr && *options_.stop; }

  void consider(const ServingMapping& mapping) {
    ++outcome_.enumerated;
    Study other;
    other.name = study_.name;
    other.path = study_.path;
    other.scenario = std::make_unique<pb::Scenario>(with_layout(*study_.scenario, mapping, 0));
    Diagnostics diagnostics;
    auto prepared = prepare_serving(other, catalogue_, diagnostics, stream_);
    if (!prepared) {
      ++outcome_.not_dividing;
      return;
    }
    FleetTimes all = fleet_times(*prepared, catalogue_);
    Candidate candidate{mapping, std::move(*prepared), std::move(all), 0, 0};
    const ServingPool& pool = candidate.prepared.pools.front();
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
    candidate.estimate = point.requests_per_s * pool.replicas;
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
    const int all = candidate.prepared.pools.front().replicas;
    FoundServing found{candidate.mapping, all, 0, {}};
    if (objective_.at == At::own_load) {
      found.result = player.at(1, all);
      return found;
    }
    pb::Result at_most;
    const double factor = player.most(at_most);
    if (factor <= 0) {
      found.replicas = 0;
      return found;
    }
    found.slo_requests_per_s =
        load_.closed() ? value_of(at_most, "requests_per_s") * all / std::min(all, kProbedReplicas)
                       : factor * load_.own();
    found.result = std::move(at_most);
    if (objective_.at == At::fewest) keep_fewest(factor, all, player, found);
    return found;
  }

  /// The fewest replicas that keep the promise at the study's own load.
  void keep_fewest(double factor, int all, Player& player, FoundServing& found) {
    int replicas = std::max(1, static_cast<int>(std::ceil(all / factor * (1 - 1e-9))));
    found.replicas = 0;
    bool grown = false;
    while (replicas <= all) {
      pb::Result result = player.at(static_cast<double>(all) / replicas, replicas);
      if (player.kept(result)) {
        found.replicas = replicas;
        found.result = std::move(result);
        if (grown || replicas == 1) return;
        --replicas;
        continue;
      }
      if (found.replicas > 0) return;
      grown = true;
      ++replicas;
    }
  }

  void collect() {
    outcome_.played = static_cast<std::int64_t>(found_.size());
    for (FoundServing& one : found_) {
      if (one.replicas > 0 && one.result.metric_size() > 0) outcome_.best.push_back(std::move(one));
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
      return std::tuple(-a.output_tokens_per_s_per_chip, -a.tokens_per_s_per_user, a.mapping) <
             std::tuple(-b.output_tokens_per_s_per_chip, -b.tokens_per_s_per_user, b.mapping);
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
  const ServingSpace& space_;
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
  if (objective == "accelerators") {
    return static_cast<double>(found.replicas) * found.mapping.accelerators();
  }
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
  if (study.scenario->workload().serving().has_pools()) {
    diagnostics.error(study.places.find("workload.serving.pools"), "workload.serving.pools",
                      "a search cuts replicas of one kind, not of two pools",
                      "sweep workload.serving.pools.prefill.replicas and "
                      "workload.serving.pools.decode.replicas with aisle sweep");
    return std::nullopt;
  }
  const auto own = prepare_serving(study, catalogue, diagnostics);
  if (!own) return std::nullopt;
  const auto space = ServingSpace::build(study, *own, options, diagnostics);
  if (!space) return std::nullopt;
  Search search(study, catalogue, options, *objective, *space, own->stream);
  if (objective->at != At::own_load && search.load().own() <= 0) {
    diagnostics.error(study.places.find("workload.serving.requests"), "workload.serving.requests",
                      "all requests come at once, so that there is no rate to raise",
                      "give a rate, a concurrency, or a trace with arrivals");
    return std::nullopt;
  }
  ServingSearchOutcome outcome = search.run();
  outcome.wall_time_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return outcome;
}

}  // namespace aisle::sim
