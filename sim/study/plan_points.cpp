// SPDX-License-Identifier: Apache-2.0
// What each system does with each alternative of a plan.
#include "sim/study/plan_points.hpp"

#include "power/power.hpp"
#include "sim/base/hash.hpp"
#include "sim/base/quantity.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/model_of.hpp"
#include "sim/study/plan_found.hpp"
#include "sim/study/run_apart.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/search.hpp"
#include "sim/study/serving_search.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/hardware.pb.h"
#include "topology/cluster.hpp"
#include "workloads/models/model.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <thread>

namespace aisle::sim {

namespace {

/// Of the best estimates of a search, those that are run: enough for a plan, whose points are many.
constexpr int kRunAgain = 8;

/// One simulation that a plan asks for.
struct Question {
  int system = 0, demand = 0, alternative = 0;
  Study study;
  std::vector<std::string> axes;  ///< to search
  std::string key;
  std::string field;  ///< of the alternative
};

std::string layout_text(const pb::Parallel& p) {
  std::string text = fmt::format("tensor {}", p.tensor());
  if (p.context() > 1) text += fmt::format(", context {}", p.context());
  text += fmt::format(", pipeline {}, data {}", p.pipeline(), p.data());
  if (p.expert() > 1) text += fmt::format(", expert {}", p.expert());
  if (p.virtual_stages() > 1) text += fmt::format(", {} chunks", p.virtual_stages());
  return text;
}

std::string layout_text(const pb::ServingParallel& p) {
  std::string text = fmt::format("tensor {}", p.tensor());
  if (p.pipeline() > 1) text += fmt::format(", pipeline {}", p.pipeline());
  if (p.data() > 1) text += fmt::format(", data {}", p.data());
  if (p.expert() > 1) text += fmt::format(", expert {}", p.expert());
  return text;
}

class Points {
 public:
  Points(const Study& study, const PlanTerms& terms, const topology::Catalogue& catalogue,
         const PlanOptions& options, Diagnostics& diagnostics)
      : study_(study),
        plan_(study.scenario->plan()),
        terms_(terms),
        catalogue_(catalogue),
        options_(options),
        diagnostics_(diagnostics) {}

  std::optional<PlanPointsFound> find() {
    pb::PlanPoints given;
    if (!read_file(given)) return std::nullopt;
    if (!options_.database.empty()) {
      store_ = PlanStore::open(options_.database, diagnostics_);
      if (!store_) return std::nullopt;
    }
    if (!ask()) return std::nullopt;
    auto results = found_points(plan_, terms_, folder(), catalogue_, study_.places, diagnostics_);
    if (!results) return std::nullopt;
    results_ = std::move(*results);
    found_.points.resize(questions_.size());
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      if (!known(questions_[i], given, found_.points[i])) missing.push_back(i);
    }
    found_.found = static_cast<std::int64_t>(questions_.size() - missing.size());
    simulate(missing);
    if (diagnostics_.has_errors()) return std::nullopt;
    return std::move(found_);
  }

 private:
  std::string folder() const { return std::filesystem::path(study_.path).parent_path().string(); }

  bool read_file(pb::PlanPoints& given) {
    if (!plan_.has_points()) return true;
    const std::string path = (std::filesystem::path(folder()) / plan_.points()).string();
    std::error_code failure;
    if (!std::filesystem::exists(path, failure)) {
      diagnostics_.error(study_.places.find("plan.points"), "plan.points",
                         fmt::format("no such file: {}", path),
                         "`aisle plan STUDY -o points.textproto` writes one");
      return false;
    }
    SourceMap places;
    return read_text_file(path, given, places, diagnostics_);
  }

  /// The simulation of every alternative on every system.
  bool ask() {
    const int before = diagnostics_.error_count();
    for (int d = 0; d < plan_.demand_size(); ++d) {
      for (int a = 0; a < plan_.demand(d).alternative_size(); ++a) {
        // What is wrong with a study is wrong on each system: said once.
        const int so_far = diagnostics_.error_count();
        for (int s = 0; s < plan_.system_size(); ++s) {
          if (diagnostics_.error_count() == so_far) ask(s, d, a);
        }
      }
    }
    return diagnostics_.error_count() == before;
  }

  void ask(int s, int d, int a) {
    const pb::PlanDemand& demand = plan_.demand(d);
    const pb::PlanAlternative& asked = demand.alternative(a);
    const std::string field = fmt::format("plan.demand[{}].alternative[{}]", d, a);
    const std::filesystem::path beside = std::filesystem::path(folder()) / asked.study();
    std::error_code failure;
    Diagnostics said;
    auto study =
        load(std::filesystem::exists(beside, failure) ? beside.string() : asked.study(), {}, said);
    diagnostics_.append(said);
    if (!study) {
      diagnostics_.error(study_.places.find(field + ".study"), field + ".study",
                         fmt::format("'{}' cannot be read", asked.study()),
                         "a scenario file relative to the plan's, or a shipped study");
      return;
    }
    const pb::Workload& workload = study->scenario->workload();
    if (demand.has_training() ? !workload.has_training() : !workload.has_serving()) {
      diagnostics_.error(study_.places.find(field + ".study"), field + ".study",
                         fmt::format("'{}' has no {} workload", asked.study(),
                                     demand.has_training() ? "training" : "serving"),
                         "the study runs what the demand asks for");
      return;
    }
    const pb::PlanSystem& system = plan_.system(s);
    const PlanSystemTerms& terms = terms_.systems[static_cast<std::size_t>(s)];
    pb::Cluster& cluster = *study->scenario->mutable_cluster();
    cluster.set_accelerator(terms.accelerator);
    if (terms.system.empty()) {
      cluster.clear_system();
    } else {
      cluster.set_system(terms.system);
    }
    if (demand.has_training() && system.has_training_chips()) {
      cluster.set_count(system.training_chips());
    }
    if (demand.has_serving() && system.has_serving_chips()) {
      cluster.set_count(system.serving_chips());
    }
    bool good = true;
    for (const auto* fields : {&asked.set(), &system.set()}) {
      for (const std::string& assignment : *fields) {
        good = set_field(assignment, *study->scenario, study->places, diagnostics_) && good;
      }
    }
    if (!good) return;
    pb::Scenario& scenario = *study->scenario;
    scenario.clear_reference();
    scenario.clear_sweep();
    scenario.clear_title();
    scenario.clear_question();
    scenario.clear_description();
    Question question{
        s, d, a, std::move(*study), {asked.search().begin(), asked.search().end()}, {}, field};
    std::string text = version() + '\n' + write_text(*question.study.scenario);
    for (const std::string& axis : question.axes) text += axis + '\n';
    text += system.power();
    question.key = fmt::format("{:016x}", text_hash(text));
    questions_.push_back(std::move(question));
  }

  bool known(const Question& question, const pb::PlanPoints& given, pb::PlanPoint& point) {
    const auto result = std::find_if(results_.begin(), results_.end(), [&](const FoundPoint& one) {
      return one.system == question.system && one.demand == question.demand &&
             one.alternative == question.alternative;
    });
    if (result != results_.end()) {
      const pb::Scenario& ran = result->result.scenario();
      point.set_chips(ran.cluster().count());
      point.set_layout(ran.workload().has_training()
                           ? layout_text(ran.workload().training().parallel())
                           : layout_text(ran.workload().serving().parallel()));
      measure(question, result->result, point);
      name(question, point);
      return true;
    }
    const auto& all = given.point();
    const PlanSystemTerms& system = terms_.systems[static_cast<std::size_t>(question.system)];
    const pb::PlanDemand& demand = plan_.demand(question.demand);
    const std::string& way = demand.alternative(question.alternative).name();
    const auto same = std::find_if(all.begin(), all.end(), [&](const pb::PlanPoint& p) {
      if (p.has_key()) return p.key() == question.key;
      return p.system() == system.name && p.demand() == demand.name() && p.alternative() == way;
    });
    if (same != all.end()) {
      point = *same;
    } else if (const auto kept = store_ ? store_->find(question.key) : std::nullopt) {
      point = *kept;
    } else {
      return false;
    }
    name(question, point);
    return true;
  }

  /// Points are kept by what was simulated; names are the plan's of today.
  void name(const Question& question, pb::PlanPoint& point) const {
    const pb::PlanDemand& demand = plan_.demand(question.demand);
    point.set_system(terms_.systems[static_cast<std::size_t>(question.system)].name);
    point.set_demand(demand.name());
    point.set_alternative(demand.alternative(question.alternative).name());
    point.set_key(question.key);
  }

  void simulate(const std::vector<std::size_t>& missing) {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::int64_t done = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < missing.size(); i = next++) {
        if (options_.stop != nullptr && *options_.stop) return;
        const Question& question = questions_[missing[i]];
        pb::PlanPoint point;
        Diagnostics said;
        const bool whole = simulate(question, point, said);
        const std::lock_guard lock(mutex);
        if (!whole) continue;
        name(question, point);
        if (store_) store_->add(point);
        found_.points[missing[i]] = std::move(point);
        ++found_.simulated;
        ++done;
        if (options_.progress) {
          options_.progress({"operating points", done, static_cast<std::int64_t>(missing.size())});
        }
      }
    };
    const int jobs = options_.jobs > 0
                         ? options_.jobs
                         : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    const int most = std::min(jobs, static_cast<int>(missing.size()));
    std::vector<std::thread> others;
    for (int i = 1; i < most; ++i) others.emplace_back(work);
    work();
    for (std::thread& other : others) other.join();
    found_.stopped = found_.simulated < static_cast<std::int64_t>(missing.size());
  }

  /// False where it was told to stop before the point was known.
  bool simulate(const Question& question, pb::PlanPoint& point, Diagnostics& said) {
    const pb::Scenario& scenario = *question.study.scenario;
    point.set_chips(scenario.cluster().count());
    std::optional<pb::Result> result;
    if (!question.axes.empty()) {
      result = scenario.workload().has_training() ? search_training(question, point, said)
                                                  : search_service(question, point, said);
    } else {
      const ApartRun apart = run_apart(question.study, catalogue_);
      result = apart.result;
      if (scenario.workload().has_training()) {
        point.set_layout(layout_text(scenario.workload().training().parallel()));
      }
      // What was said stayed in the child: it is asked again what is wrong.
      if (!result && apart.bad_input) check(question.study, catalogue_, said);
    }
    if (options_.stop != nullptr && *options_.stop && !result) return false;
    if (result && result->feasible()) {
      measure(question, *result, point);
    } else if (!point.has_reason()) {
      point.set_reason(result ? result->reason() : reason_of(said));
    }
    return true;
  }

  static std::string reason_of(const Diagnostics& said) {
    std::string reason;
    for (const Diagnostic& each : said.all()) {
      if (each.severity != Severity::error) continue;
      if (!reason.empty()) reason += "; ";
      reason +=
          each.field.empty() ? each.sentence : fmt::format("{}: {}", each.field, each.sentence);
    }
    return reason.empty() ? "the run failed" : reason;
  }

  SearchOptions search_options(const Question& question) const {
    SearchOptions options;
    options.limit = 1;
    options.over = question.axes;
    options.threads = 1;
    options.rerank = kRunAgain;
    options.stop = options_.stop;
    return options;
  }

  std::optional<pb::Result> search_training(const Question& question, pb::PlanPoint& point,
                                            Diagnostics& said) const {
    const auto outcome = search(question.study, catalogue_, search_options(question), said);
    if (!outcome) return std::nullopt;
    if (outcome->best.empty()) {
      if (!outcome->stopped) point.set_reason(outcome->reason);
      return std::nullopt;
    }
    const FoundLayout& best = outcome->best.front();
    point.set_layout(layout_text(
        with_layout(*question.study.scenario, best.mapping).workload().training().parallel()));
    return best.result;
  }

  std::optional<pb::Result> search_service(const Question& question, pb::PlanPoint& point,
                                           Diagnostics& said) const {
    SearchOptions options = search_options(question);
    options.objective = "output_tokens_per_s_per_chip";
    const auto outcome = search_serving(question.study, catalogue_, options, said);
    if (!outcome) return std::nullopt;
    if (outcome->best.empty()) {
      if (!outcome->stopped) point.set_reason(outcome->reason);
      return std::nullopt;
    }
    const FoundServing& best = outcome->best.front();
    point.set_layout(describe(best.parts));
    pb::Result result = best.result;
    result.set_feasible(true);
    return result;
  }

  void measure(const Question& question, const pb::Result& result, pb::PlanPoint& point) {
    const bool training = plan_.demand(question.demand).has_training();
    const auto rate = point_rate(result, training);
    if (!rate || !(*rate > 0)) {
      point.set_reason("nothing is done under the promise at any rate");
      return;
    }
    point.set_tokens_per_s_per_chip(*rate);
    for (const pb::Metric& metric : result.metric()) {
      if (metric.name().ends_with("tokens_per_s_per_chip")) point.set_basis(metric.basis());
    }
    const pb::Part* most = nullptr;
    for (const pb::Part& part : result.resource()) {
      if (most == nullptr || part.seconds() > most->seconds()) most = &part;
    }
    if (most != nullptr) point.set_bound_by(most->name());
    set_power(question, metric_of(result, "accelerator_power_w"), point);
  }

  /// At the inlet of the node: of the accelerator with its part of hosts, fans and losses.
  void set_power(const Question& question, std::optional<double> accelerator,
                 pb::PlanPoint& point) {
    const pb::PlanSystem& asked = plan_.system(question.system);
    Diagnostics said;
    const auto given = asked.has_power()
                           ? parse_quantity<Watts>(asked.power(), {}, {}, diagnostics_)
                           : std::nullopt;
    const auto cluster = topology::build_cluster(question.study.scenario->cluster(),
                                                 question.study.places, catalogue_, said);
    if (!cluster) return;
    const power::PowerCurve curve = power::power_curve(
        cluster->accelerator(), catalogue_.power(cluster->accelerator().name), said);
    const auto site =
        power::build_site(pb::Site(), {*cluster, curve, catalogue_, folder()}, SourceMap(), said);
    if (!site) return;
    const double idle = power::node_power(*site, curve.idle).si();
    if (given) {
      point.set_power_w(given->si());
    } else if (accelerator && *accelerator > 0) {
      point.set_power_w(power::node_power(*site, *accelerator * units::W).si());
    } else {
      point.set_reason("the catalogue has no power of this accelerator: give the system a power");
    }
    point.set_idle_power_w(std::min(idle, point.power_w()));
  }

  const Study& study_;
  const pb::Plan& plan_;
  const PlanTerms& terms_;
  const topology::Catalogue& catalogue_;
  const PlanOptions& options_;
  Diagnostics& diagnostics_;
  std::optional<PlanStore> store_;
  std::vector<Question> questions_;
  std::vector<FoundPoint> results_;  ///< that are there
  PlanPointsFound found_;
};

}  // namespace

std::optional<PlanPointsFound> plan_points(const Study& study, const PlanTerms& terms,
                                           const topology::Catalogue& catalogue,
                                           const PlanOptions& options, Diagnostics& diagnostics) {
  return Points(study, terms, catalogue, options, diagnostics).find();
}

void take_points(const std::vector<pb::PlanPoint>& points, PlanTerms& terms) {
  const auto index = [](const auto& all, const std::string& name) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
    return static_cast<int>(found - all.begin());
  };
  terms.idle_w.assign(terms.systems.size(), 0);
  for (const pb::PlanPoint& point : points) {
    if (point.has_reason() || !point.has_system()) continue;
    PlanPointTerms taken;
    taken.system = index(terms.systems, point.system());
    taken.demand = index(terms.demands, point.demand());
    const PlanDemandTerms& demand = terms.demands[static_cast<std::size_t>(taken.demand)];
    taken.alternative = index(demand.alternatives, point.alternative());
    taken.rate = point.tokens_per_s_per_chip();
    taken.power_w = point.power_w();
    taken.idle_w = point.idle_power_w();
    taken.chips = point.chips();
    double& idle = terms.idle_w[static_cast<std::size_t>(taken.system)];
    idle = std::max(idle, taken.idle_w);
    terms.points.push_back(taken);
  }
}

}  // namespace aisle::sim
