// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search.hpp"

#include "sim/study/measure.hpp"
#include "sim/study/run_apart.hpp"
#include "sim/study/search_worker.hpp"
#include "sim/study/training.hpp"
#include "sim/study/variant.hpp"
#include "workloads/parallel/place.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

namespace aisle::sim {

namespace {

namespace parallel = workloads::parallel;

struct Objective {
  const char* metric;
  bool larger;
  Better::By by;  ///< what candidates are picked by
};

/// Of one study the batch and the cluster stay, so that most follow from the step time.
constexpr Objective kObjectives[] = {
    {"step_time_s", false, Better::By::time},
    {"mfu", true, Better::By::time},
    {"tokens_per_s_per_chip", true, Better::By::time},
    {"tflops_per_chip", true, Better::By::time},
    {"cost_usd", false, Better::By::time},
    {"usd_per_million_tokens", false, Better::By::time},
    {"energy_mwh", false, Better::By::energy},
    {"kwh_per_million_tokens", false, Better::By::energy},
    {"co2_t", false, Better::By::energy},
    {"hbm_headroom_bytes", true, Better::By::memory},
};

Better::By by(const std::string& metric) {
  for (const Objective& one : kObjectives) {
    if (metric == one.metric) return one.by;
  }
  return Better::By::time;
}

/// Runs `work(i)` for 0 <= i < count on threads, telling how far it is.
void in_parallel(int threads, std::size_t count, const SearchOptions& options,
                 const std::string& stage, const std::function<void(int, std::size_t)>& work) {
  std::atomic<std::size_t> next{0}, done{0};
  std::mutex told;
  const auto run = [&](int thread) {
    for (std::size_t i = next++; i < count; i = next++) {
      if (options.stop != nullptr && *options.stop) return;
      work(thread, i);
      const auto ready = static_cast<std::int64_t>(++done);
      if (!options.progress) continue;
      const std::lock_guard lock(told);
      options.progress({stage, ready, static_cast<std::int64_t>(count)});
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
  run(0);
  for (std::thread& other : others) other.join();
}

Study study_of(const Study& study, const Mapping& mapping, pb::Engine engine) {
  Study other = variant_of(study, with_layout(*study.scenario, mapping));
  other.scenario->set_engine(engine);
  other.scenario->mutable_workload()->mutable_training()->set_ranks(pb::alike);
  return other;
}

class Search {
 public:
  Search(const Study& study, const topology::Catalogue& catalogue, const SearchOptions& options,
         const Prepared& prepared, const LayoutSpace& space)
      : study_(study),
        catalogue_(catalogue),
        options_(options),
        prepared_(prepared),
        space_(space),
        threads_(options.threads > 0
                     ? options.threads
                     : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {
    better_.by = by(options.objective);
  }

  SearchOutcome run() {
    estimate();
    if (found_.best.empty()) {
      if (!is_stopped()) outcome_.reason = why_nothing();
    } else {
      run_analytic();
      run_event();
      sort_best();
    }
    outcome_.stopped = is_stopped();
    return std::move(outcome_);
  }

 private:
  bool is_stopped() const { return options_.stop != nullptr && *options_.stop; }

  void estimate();
  void run_analytic();
  void run_event();
  void sort_best();
  std::string why_nothing() const;
  bool is_better(const FoundLayout& a, const FoundLayout& b) const;

  const Study& study_;
  const topology::Catalogue& catalogue_;
  const SearchOptions& options_;
  const Prepared& prepared_;
  const LayoutSpace& space_;
  int threads_;
  Better better_;
  Findings found_;
  SearchOutcome outcome_;
};

void Search::estimate() {
  const auto started = std::chrono::steady_clock::now();
  const KernelModel kernels =
      training_kernels(prepared_.cluster, study_.scenario->workload().training(), catalogue_);
  const auto keep = static_cast<std::size_t>(std::max({options_.rerank, options_.limit, 1}));
  std::vector<std::unique_ptr<Worker>> workers;
  for (int thread = 0; thread < threads_; ++thread) {
    workers.push_back(
        std::make_unique<Worker>(space_, prepared_, kernels, options_, keep, better_));
  }
  const auto& cuts = space_.cuts();
  FindingsInOrder findings(keep, better_);
  in_parallel(threads_, cuts.size(), options_, "estimating", [&](int thread, std::size_t i) {
    Worker& worker = *workers[static_cast<std::size_t>(thread)];
    findings.add(i, worker.search(cuts[i], *findings.before(i)));
  });
  found_ = findings.all();
  std::sort(found_.best.begin(), found_.best.end(), better_);
  std::sort(found_.front.begin(), found_.front.end(), Better{});
  thin(found_.front);
  outcome_.counts = found_.counts;
  outcome_.counts.estimating_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

/// The best estimates and the front, each once.
void Search::run_analytic() {
  std::vector<Candidate> all = found_.best;
  for (const Candidate& candidate : found_.front) {
    const bool known = std::any_of(all.begin(), all.end(), [&](const Candidate& other) {
      return other.mapping == candidate.mapping;
    });
    if (!known) all.push_back(candidate);
  }
  std::vector<FoundLayout> layouts(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    layouts[i] = {all[i].mapping, all[i].seconds, all[i].bytes, "", {}};
  }
  const std::size_t ranked = options_.rerank > 0 ? layouts.size() : 0;
  in_parallel(threads_, ranked, options_, "analytic engine", [&](int, std::size_t i) {
    Diagnostics diagnostics;
    auto result =
        sim::run(study_of(study_, layouts[i].mapping, pb::analytic), catalogue_, {}, diagnostics);
    if (!result) return;
    result->clear_timeline();
    layouts[i].result = std::move(*result);
    layouts[i].engine = "analytic";
  });
  for (FoundLayout& layout : layouts) {
    if (layout.engine.empty()) {
      if (ranked == 0) outcome_.best.push_back(std::move(layout));
      continue;
    }
    ++outcome_.counts.analytic;
    if (!layout.result.feasible()) continue;  // the planner's own memory has the last word
    const double seconds = objective_of(layout, "step_time_s");
    outcome_.largest_correction = std::max(outcome_.largest_correction,
                                           std::abs(std::log(seconds / layout.estimated_step_s)));
    outcome_.best.push_back(std::move(layout));
  }
  sort_best();
  Findings ran;
  for (const FoundLayout& layout : outcome_.best) {
    ran.add_front({layout.mapping, objective_of(layout, "step_time_s"), layout.memory_bytes});
  }
  std::vector<Candidate>& front = ran.front;
  std::sort(front.begin(), front.end(), Better{});
  thin(front);
  for (const FoundLayout& layout : outcome_.best) {
    const bool on_front = std::any_of(front.begin(), front.end(), [&](const Candidate& other) {
      return other.mapping == layout.mapping;
    });
    if (on_front) outcome_.pareto.push_back(layout);
  }
  const auto limit = static_cast<std::size_t>(std::max(1, options_.limit));
  if (outcome_.best.size() > limit) outcome_.best.resize(limit);
}

void Search::run_event() {
  std::int64_t done = 0;
  const auto all = static_cast<std::int64_t>(outcome_.best.size());
  for (FoundLayout& layout : outcome_.best) {
    if (is_stopped() || options_.limit <= 0) return;
    auto result = run_apart(study_of(study_, layout.mapping, pb::event), catalogue_).result;
    if (options_.progress) options_.progress({"event engine", ++done, all});
    if (!result || !result->feasible()) continue;
    ++outcome_.counts.event;
    result->clear_timeline();
    layout.result = std::move(*result);
    layout.engine = "event";
    for (FoundLayout& other : outcome_.pareto) {
      if (other.mapping == layout.mapping) other = layout;
    }
  }
}

bool Search::is_better(const FoundLayout& a, const FoundLayout& b) const {
  const double left = objective_of(a, options_.objective);
  const double right = objective_of(b, options_.objective);
  if (left != right) return is_larger_better(options_.objective) ? left > right : left < right;
  if (a.memory_bytes != b.memory_bytes) return a.memory_bytes < b.memory_bytes;
  return a.mapping < b.mapping;
}

/// By what engines say; where none ran, estimates are in order.
void Search::sort_best() {
  if (outcome_.counts.analytic == 0) return;
  const auto better = [this](const FoundLayout& a, const FoundLayout& b) {
    return is_better(a, b);
  };
  std::sort(outcome_.best.begin(), outcome_.best.end(), better);
  std::sort(outcome_.pareto.begin(), outcome_.pareto.end(), better);
}

std::string Search::why_nothing() const {
  if (!found_.misfit) {
    return found_.counts.enumerated == 0
               ? "No layout divides the cluster's accelerators as asked."
               : fmt::format("None of {} layouts divides accelerators, batch and model as it must.",
                             found_.counts.enumerated);
  }
  Diagnostics diagnostics;
  const Study closest = study_of(study_, found_.misfit->mapping, pb::analytic);
  const auto placed =
      workloads::place(prepared_.model, closest.scenario->workload().training(), prepared_.cluster,
                       workloads::Folding::folded, closest.places, diagnostics);
  const Mapping& m = found_.misfit->mapping;
  std::string reason = fmt::format(
      "Nothing fits. Closest: tensor {} context {} pipeline {} data {} expert {} zero {}, "
      "micro-batch {}, recompute {}.",
      m.tensor, m.context, m.pipeline, m.data, m.expert, m.zero, m.micro_batch,
      pb::Recompute_Name(m.recompute));
  if (placed && std::holds_alternative<workloads::Infeasible>(*placed)) {
    reason += " " + std::get<workloads::Infeasible>(*placed).reason;
  }
  return reason;
}

bool check_options(const Study& study, const SearchOptions& options, Diagnostics& diagnostics) {
  if (!study.scenario->workload().has_training()) {
    diagnostics.error(study.places.find("workload"), "workload",
                      "a search needs a training workload",
                      "workload { training { model: \"llama-3.1-70b\" global_batch: 1024 } }");
  } else if (study.scenario->workload().training().has_chunk()) {
    diagnostics.error(study.places.find("workload.training.chunk"), "workload.training.chunk",
                      "a search needs a whole step, not a chunk of one", "leave chunk out");
  } else if (study.scenario->workload().training().passes() == pb::forward_only) {
    diagnostics.error(study.places.find("workload.training.passes"), "workload.training.passes",
                      "a search needs a whole step, not its forward pass", "leave passes out");
  } else if (study.scenario->workload().training().routing().has_loads()) {
    diagnostics.error(study.places.find("workload.training.routing.loads"),
                      "workload.training.routing.loads",
                      "a search compares layouts by the spread of loads, not by recorded ones",
                      "leave routing out");
  }
  const std::vector<std::string> names = search_objectives();
  if (std::find(names.begin(), names.end(), options.objective) == names.end()) {
    const std::string suggestion = did_you_mean(options.objective, names);
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "one of " : ", ") + name;
    diagnostics.error({"--objective", 0, 0}, {},
                      fmt::format("'{}' is no objective of a search", options.objective),
                      suggestion.empty() ? all : suggestion);
  }
  return !diagnostics.has_errors();
}

}  // namespace

std::vector<std::string> search_objectives() {
  std::vector<std::string> names;
  for (const Objective& objective : kObjectives) names.emplace_back(objective.metric);
  return names;
}

bool is_larger_better(const std::string& objective) {
  return std::any_of(std::begin(kObjectives), std::end(kObjectives),
                     [&](const Objective& one) { return objective == one.metric && one.larger; });
}

double objective_of(const FoundLayout& layout, const std::string& objective) {
  if (objective == "hbm_headroom_bytes") {
    if (layout.result.memory().empty()) return -layout.memory_bytes;
    return layout.result.memory(0).capacity_bytes() - layout.memory_bytes;
  }
  if (const auto value = metric_of(layout.result, objective)) return *value;
  return is_larger_better(objective) ? 1 / layout.estimated_step_s : layout.estimated_step_s;
}

std::optional<SearchOutcome> search(const Study& study, const topology::Catalogue& catalogue,
                                    const SearchOptions& options, Diagnostics& diagnostics) {
  const auto started = std::chrono::steady_clock::now();
  if (!check_options(study, options, diagnostics)) return std::nullopt;
  const std::optional<Prepared> prepared = prepare(study, catalogue, diagnostics);
  if (!prepared || diagnostics.has_errors()) return std::nullopt;
  const auto space = LayoutSpace::build(study.scenario->workload().training(), prepared->model,
                                        prepared->cluster, options, diagnostics);
  if (!space) return std::nullopt;
  SearchOutcome outcome = Search(study, catalogue, options, *prepared, *space).run();
  outcome.wall_time_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return outcome;
}

}  // namespace aisle::sim
