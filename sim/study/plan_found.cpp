// SPDX-License-Identifier: Apache-2.0
#include "sim/study/plan_found.hpp"

#include "sim/study/measure.hpp"
#include "sim/study/study.hpp"
#include "sim/study/sweep_store.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace aisle::sim {

namespace {

class Finder {
 public:
  Finder(const pb::Plan& plan, const PlanTerms& terms, std::string folder,
         const topology::Catalogue& catalogue, const SourceMap& places, Diagnostics& diagnostics)
      : plan_(plan),
        terms_(terms),
        folder_(std::move(folder)),
        catalogue_(catalogue),
        places_(places),
        diagnostics_(diagnostics) {}

  std::optional<std::vector<FoundPoint>> find() {
    const int before = diagnostics_.error_count();
    for (int i = 0; i < plan_.found_size(); ++i) read(i);
    if (diagnostics_.error_count() > before) return std::nullopt;
    return std::move(found_);
  }

 private:
  void error(int i, const char* field, std::string sentence, std::string hint) {
    const std::string path = fmt::format("plan.found[{}].{}", i, field);
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  /// Index of the one of that name; -1 with an error where there is none.
  template <typename All>
  int named(int i, const char* field, const All& all, const std::string& name) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
    if (found != all.end()) return static_cast<int>(found - all.begin());
    std::vector<std::string> names;
    for (const auto& one : all) names.push_back(one.name);
    error(i, field, fmt::format("the plan has no {} '{}'", field, name),
          fmt::format("{}", fmt::join(names, ", ")));
    return -1;
  }

  void read(int i) {
    const pb::PlanFound& asked = plan_.found(i);
    FoundPoint at;
    at.demand = named(i, "demand", terms_.demands, asked.demand());
    if (at.demand < 0) return;
    const auto& ways = terms_.demands[static_cast<std::size_t>(at.demand)].alternatives;
    at.alternative = named(i, "alternative", ways, asked.alternative());
    int system = -1;
    if (asked.has_system()) system = named(i, "system", terms_.systems, asked.system());
    if (at.alternative < 0 || (asked.has_system() && system < 0)) return;
    bool any = false;
    for (pb::Result& result : results(i)) {
      at.system = system >= 0 ? system : system_of(result);
      const bool training = plan_.demand(at.demand).has_training();
      if (result.scenario().workload().has_training() != training) continue;
      const auto rate = point_rate(result, training);
      if (at.system < 0 || !rate || !(*rate > 0)) continue;
      at.rate = *rate;
      at.result = std::move(result);
      keep(at);
      any = true;
    }
    if (any || told_) return;
    error(i, "from",
          fmt::format("no result there says how '{}' runs on a system of the plan", asked.demand()),
          "results of its kind of workload, on accelerators that the plan has systems of");
  }

  void keep(const FoundPoint& point) {
    const auto same = std::find_if(found_.begin(), found_.end(), [&](const FoundPoint& one) {
      return one.system == point.system && one.demand == point.demand &&
             one.alternative == point.alternative;
    });
    if (same == found_.end()) {
      found_.push_back(point);
    } else if (point.rate > same->rate) {
      *same = point;
    }
  }

  /// A folder of a run, or else the points of a sweep that ran.
  std::vector<pb::Result> results(int i) {
    told_ = false;
    const std::string path = (std::filesystem::path(folder_) / plan_.found(i).from()).string();
    std::error_code failure;
    Diagnostics said;
    std::vector<pb::Result> results;
    if (!std::filesystem::exists(path, failure)) {
      error(i, "from", fmt::format("no such file: {}", path),
            "the folder that `aisle run -o` wrote, or the database of `aisle sweep`");
      told_ = true;
    } else if (std::filesystem::is_directory(path, failure)) {
      if (auto result = read_result(path, said)) results.push_back(std::move(*result));
    } else if (const auto store = SweepStore::read(path, said)) {
      for (const SweepTable::Row& row : store->table().rows) {
        if (row.status != "done") continue;
        if (auto result = store->result(row.id, row.engine)) results.push_back(std::move(*result));
      }
      if (results.empty()) {
        error(i, "from", "the sweep kept no whole results", "sweep it without --no-blobs");
        told_ = true;
      }
    }
    told_ = told_ || said.has_errors();
    diagnostics_.append(said);
    return results;
  }

  /// By the node or rack that it names, else by the accelerator; -1: the plan has none of it.
  int system_of(const pb::Result& result) const {
    const pb::Cluster& cluster = result.scenario().cluster();
    const pb::Accelerator* chip = catalogue_.accelerator(cluster.accelerator());
    const pb::System* system = catalogue_.system(cluster.system());
    int by_chip = -1;
    for (std::size_t s = terms_.systems.size(); s-- > 0;) {
      const PlanSystemTerms& one = terms_.systems[s];
      if (system != nullptr && one.system == system->name()) return static_cast<int>(s);
      if (chip != nullptr && one.accelerator == chip->name()) by_chip = static_cast<int>(s);
    }
    return by_chip;
  }

  const pb::Plan& plan_;
  const PlanTerms& terms_;
  std::string folder_;
  const topology::Catalogue& catalogue_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
  bool told_ = false;  ///< what is wrong with the results at hand was said
  std::vector<FoundPoint> found_;
};

}  // namespace

std::optional<double> point_rate(const pb::Result& result, bool training) {
  const auto rate =
      metric_of(result, training ? "tokens_per_s_per_chip" : "output_tokens_per_s_per_chip");
  // A campaign's goodput: what is left after failures, checkpoints and evaluation.
  if (!rate || !training) return rate;
  return *rate * metric_of(result, "goodput").value_or(1);
}

std::optional<std::vector<FoundPoint>> found_points(const pb::Plan& plan, const PlanTerms& terms,
                                                    const std::string& folder,
                                                    const topology::Catalogue& catalogue,
                                                    const SourceMap& places,
                                                    Diagnostics& diagnostics) {
  return Finder(plan, terms, folder, catalogue, places, diagnostics).find();
}

}  // namespace aisle::sim
