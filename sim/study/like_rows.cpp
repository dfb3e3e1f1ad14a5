// SPDX-License-Identifier: Apache-2.0
#include "sim/study/like_rows.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/base/statistics.hpp"
#include "sim/kernels/calibration.pb.h"
#include "sim/study/measure.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "workloads/models/model.pb.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <tuple>

namespace aisle::sim {

namespace {

constexpr std::size_t kFewestRows = 12;

/// What a group of rows is of; empty: any.
struct Key {
  std::string workload, quantity, model, chip;

  bool operator<(const Key& other) const {
    return std::tie(workload, quantity, model, chip) <
           std::tie(other.workload, other.quantity, other.model, other.chip);
  }
};

std::string chip_class(const std::string& accelerator, const topology::Catalogue& catalogue) {
  const pb::Calibration* curves = catalogue.calibration(accelerator);
  return curves != nullptr && curves->curve_size() > 0 ? "calibrated" : "borrowed";
}

std::string model_class(const pb::Model& model) {
  return model.has_experts() ? "sparse" : "dense";
}

/// A quantity, and how it goes with time: 1 for times, -1 for rates.
struct Quantity {
  std::string name;
  int sense = 1;
};

std::optional<Quantity> quantity_of(const ValidationRow& row) {
  switch (row.ledger) {
    case LedgerKind::training:
      if (row.metric.find("mem") != std::string::npos) return std::nullopt;
      return Quantity{"time", row.sense()};
    case LedgerKind::inference:
      for (const char* kind : {"throughput", "first token", "gap", "end to end", "energy"}) {
        if (row.kind == kind) return Quantity{kind, row.sense()};
      }
      return std::nullopt;
    case LedgerKind::collectives:
      return Quantity{row.reach, row.sense()};
    case LedgerKind::kernels:
      break;
  }
  return std::nullopt;
}

std::string workload_of(LedgerKind kind) {
  return kind == LedgerKind::training    ? "training"
         : kind == LedgerKind::inference ? "serving"
                                         : "collective";
}

std::string model_class(const ValidationRow& row, const topology::Catalogue& catalogue) {
  if (row.ledger == LedgerKind::training) return row.kind == "moe" ? "sparse" : "dense";
  const pb::Model* model = catalogue.model(row.model);
  return model == nullptr ? std::string() : model_class(*model);
}

/// Groups to look in, the closest first.
std::vector<Key> keys_of(const Key& whole) {
  if (whole.workload == "collective") return {{whole.workload, whole.quantity, "", ""}};
  return {whole,
          {whole.workload, whole.quantity, whole.model, ""},
          {whole.workload, whole.quantity, "", ""}};
}

/// What a metric of a result is of, of rows of another workload where it has none of its own.
struct Standing {
  std::string_view metric;
  std::string_view workload, quantity;
  int sense;
};

constexpr Standing kStandings[] = {
    {"step_time_s", "training", "time", 1},
    {"layer_time_s", "training", "time", 1},
    {"tokens_per_s", "training", "time", -1},
    {"tokens_per_s_per_chip", "training", "time", -1},
    {"tflops_per_chip", "training", "time", -1},
    {"tflops_per_chip_full_attention", "training", "time", -1},
    {"mfu", "training", "time", -1},
    {"mfu_full_attention", "training", "time", -1},
    {"mfu_precision", "training", "time", -1},
    {"hfu", "training", "time", -1},
    {"gpu_hours_per_trillion_tokens", "training", "time", 1},
    {"cost_usd", "training", "time", 1},
    {"usd_per_million_tokens", "training", "time", 1},
    {"run_time_days", "training", "time", 1},
    {"run_gpu_hours", "training", "time", 1},
    {"run_cost_usd", "training", "time", 1},
    {"energy_mwh", "training", "energy", 1},
    {"kwh_per_million_tokens", "training", "energy", 1},
    {"run_energy_mwh", "training", "energy", 1},
    {"energy_cost_usd", "training", "energy", 1},
    {"co2_t", "training", "energy", 1},
    {"run_co2_t", "training", "energy", 1},
    {"ttft_mean_s", "serving", "first token", 1},
    {"ttft_p50_s", "serving", "first token", 1},
    {"ttft_p90_s", "serving", "first token", 1},
    {"ttft_p99_s", "serving", "first token", 1},
    {"tpot_mean_s", "serving", "gap", 1},
    {"tpot_p50_s", "serving", "gap", 1},
    {"tpot_p90_s", "serving", "gap", 1},
    {"tpot_p99_s", "serving", "gap", 1},
    {"e2e_mean_s", "serving", "end to end", 1},
    {"e2e_p50_s", "serving", "end to end", 1},
    {"e2e_p90_s", "serving", "end to end", 1},
    {"e2e_p99_s", "serving", "end to end", 1},
    {"output_tokens_per_s", "serving", "throughput", -1},
    {"output_tokens_per_s_per_chip", "serving", "throughput", -1},
    {"requests_per_s", "serving", "throughput", -1},
    {"usd_per_million_output_tokens", "serving", "throughput", 1},
    {"output_tokens_per_s_per_mw", "serving", "throughput", -1},
    {"joules_per_output_token", "serving", "energy", 1},
    {"time_s", "collective", "", 1},
    {"algbw_GBps", "collective", "", -1},
    {"busbw_GBps", "collective", "", -1},
};

/// What the metrics of a result are of; the quantity is left open. Nothing for workloads that no
/// ledger has rows of.
std::optional<Key> key_of(const pb::Result& result, const topology::Catalogue& catalogue) {
  const pb::Scenario& scenario = result.scenario();
  const pb::Workload& workload = scenario.workload();
  Key key;
  key.chip = chip_class(scenario.cluster().accelerator(), catalogue);
  const auto model_named = [&](const std::string& name, const pb::Model* changes) {
    const pb::Model* model = catalogue.model(name);
    if (changes != nullptr && changes->has_experts()) return std::string("sparse");
    return model == nullptr ? std::string() : model_class(*model);
  };
  if (workload.has_training()) {
    key.workload = "training";
    const pb::Training& training = workload.training();
    key.model =
        model_named(training.model(), training.has_what_if() ? &training.what_if() : nullptr);
  } else if (workload.has_serving()) {
    key.workload = "serving";
    key.model = model_named(workload.serving().model(), nullptr);
  } else if (result.collective_size() == 1) {
    key.workload = "collective";
    key.quantity = result.collective(0).domains() > 1 ? "across" : "inside";
  } else {
    return std::nullopt;
  }
  return key;
}

/// Below this share of busy engines, rates are those of the arrivals.
constexpr double kSaturated = 0.95;

bool is_saturated(const pb::Result& result) {
  return metric_of(result, "engine_busy_share").value_or(0) >= kSaturated;
}

const pb::LikeRowsTable& shipped_table() {
  static const pb::LikeRowsTable table = [] {
    const std::string path = scenarios_root() + "/validation/like_rows.textproto";
    pb::LikeRowsTable read;
    SourceMap places;
    Diagnostics diagnostics;
    std::error_code failure;
    if (std::filesystem::exists(path, failure)) {
      const bool good = read_text_file(path, read, places, diagnostics);
      AISLE_ASSERT(good, "the shipped table of like rows can be read");
    }
    return read;
  }();
  return table;
}

/// The group in the result, put there where it is not yet.
pb::LikeRows& used_rows(const pb::LikeRows& rows, pb::Result& result) {
  for (pb::LikeRows& one : *result.mutable_like_rows()) {
    if (one.workload() == rows.workload() && one.quantity() == rows.quantity() &&
        one.model() == rows.model() && one.chip() == rows.chip()) {
      return one;
    }
  }
  pb::LikeRows& added = *result.add_like_rows();
  added = rows;
  return added;
}

}  // namespace

pb::LikeRowsTable like_rows_of(const Validation& validation, const topology::Catalogue& catalogue) {
  std::map<Key, std::vector<double>> groups, of_all;  // of rows with a layout, and of all
  for (const ValidationRow& row : validation.rows) {
    const auto quantity = quantity_of(row);
    if (!row.predicted || !quantity || row.half != "held-out") continue;
    const double factor = std::log(row.measured / *row.predicted) * quantity->sense;
    const Key key{workload_of(row.ledger), quantity->name, model_class(row, catalogue),
                  chip_class(row.accelerator, catalogue)};
    const bool guessed = row.completeness == "guessed";
    for (const Key& group : keys_of(key)) {
      if (!guessed) groups[group].push_back(factor);
      of_all[group].push_back(factor);
    }
  }
  // What a guessed layout adds is no error of a study that states its own; where little else is
  // known of a quantity, it is better than nothing.
  const std::map<Key, std::vector<double>> given = groups;
  for (const auto& [key, factors] : of_all) {
    const auto whole = given.find({key.workload, key.quantity, "", ""});
    if (whole == given.end() || whole->second.size() < kFewestRows) groups[key] = factors;
  }
  pb::LikeRowsTable table;
  for (auto& [key, factors] : groups) {
    if (factors.size() < kFewestRows) continue;
    std::sort(factors.begin(), factors.end());
    std::vector<double> errors;
    for (const double factor : factors) errors.push_back(std::abs(factor));
    std::sort(errors.begin(), errors.end());
    pb::LikeRows& rows = *table.add_like_rows();
    rows.set_workload(key.workload);
    rows.set_quantity(key.quantity);
    if (!key.model.empty()) rows.set_model(key.model);
    if (!key.chip.empty()) rows.set_chip(key.chip);
    rows.set_rows(static_cast<int>(factors.size()));
    // Four digits: more would say nothing.
    const auto rounded = [](double value) { return std::round(value * 1e4) / 1e4; };
    rows.set_low(rounded(std::exp(quantile(factors, 0.1))));
    rows.set_median(rounded(std::exp(quantile(factors, 0.5))));
    rows.set_high(rounded(std::exp(quantile(factors, 0.9))));
    rows.set_median_error(rounded(quantile(errors, 0.5)));
  }
  return table;
}

std::string like_rows_text(const pb::LikeRowsTable& table) {
  return "# proto-file: sim/study/result.proto\n"
         "# proto-message: aisle.pb.LikeRowsTable\n"
         "# Written by `aisle validate --like-rows`: measured over simulated, as times, of "
         "held-out "
         "rows.\n" +
         write_text(table);
}

void add_intervals(pb::Result& result, const topology::Catalogue& catalogue,
                   const pb::LikeRowsTable& table) {
  const auto of = key_of(result, catalogue);
  if (!of) return;
  const bool saturated = is_saturated(result);
  for (const Standing& standing : kStandings) {
    if (standing.workload != of->workload) continue;
    if (standing.quantity == "throughput" && !saturated) continue;
    const auto metric =
        std::find_if(result.mutable_metric()->begin(), result.mutable_metric()->end(),
                     [&](const pb::Metric& one) { return one.name() == standing.metric; });
    if (metric == result.mutable_metric()->end() || !(metric->value() > 0)) continue;
    Key key = *of;
    if (!standing.quantity.empty()) key.quantity = standing.quantity;
    if (key.workload == "training" && key.quantity == "energy") key.workload = "serving";
    const pb::LikeRows* rows = nullptr;
    for (const Key& group : keys_of(key)) {
      for (const pb::LikeRows& one : table.like_rows()) {
        const bool same = one.workload() == group.workload && one.quantity() == group.quantity &&
                          one.model() == group.model && one.chip() == group.chip;
        if (same && rows == nullptr) rows = &one;
      }
    }
    if (rows == nullptr) continue;
    // What is simulated lies in its own interval, even where all like rows were off to one side.
    const double low = std::min(1.0, rows->low()), high = std::max(1.0, rows->high());
    metric->set_low(metric->value() * (standing.sense > 0 ? low : 1 / high));
    metric->set_high(metric->value() * (standing.sense > 0 ? high : 1 / low));
    used_rows(*rows, result).add_metric(metric->name());
  }
}

void add_intervals(pb::Result& result, const topology::Catalogue& catalogue) {
  add_intervals(result, catalogue, shipped_table());
}

}  // namespace aisle::sim
