// SPDX-License-Identifier: Apache-2.0
#include "sim/study/tornado.hpp"

#include "sim/base/statistics.hpp"
#include "sim/kernels/calibration.pb.h"
#include "sim/study/measure.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/variant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aisle::sim {

namespace {

/// "3.35 TB/s" times 1.05 as "3.5175 TB/s"; nothing for what is no quantity.
std::optional<std::string> times(const std::string& quantity, double factor) {
  std::size_t end = 0;
  try {
    const double number = std::stod(quantity, &end);
    return fmt::format("{:.5g}{}", number * factor, quantity.substr(end));
  } catch (const std::exception&) { return std::nullopt; }
}

/// An input that can be set to a multiple of itself; `set` says what it became, "" where the
/// scenario has no such input.
struct Input {
  std::string name, source;
  double low = 1, high = 1;  ///< factors
  std::function<std::string(pb::Scenario&, double factor)> set;
};

double width_of(pb::Basis basis) {
  switch (basis) {
    case pb::measured:
      return 0.02;
    case pb::calibrated:
    case pb::vendor:
      return 0.05;
    case pb::extrapolated:
      return 0.15;
    default:
      return 0.25;
  }
}

/// A figure of the accelerator, changed through what_if.
Input figure_input(std::string name, const pb::Accelerator& chip,
                   pb::Figure* (pb::Accelerator::*change)(),
                   const pb::Figure& (pb::Accelerator::*read)() const) {
  const pb::Figure& figure = (chip.*read)();
  const pb::Basis basis = figure.has_basis() ? figure.basis() : chip.basis();
  const double width = width_of(basis);
  return {std::move(name), fmt::format("basis {}", pb::Basis_Name(basis)), 1 - width, 1 + width,
          [=, value = figure.value()](pb::Scenario& scenario, double factor) -> std::string {
            pb::Accelerator& what_if = *scenario.mutable_cluster()->mutable_what_if();
            const pb::Figure& own = (what_if.*read)();
            const auto text = times(own.has_value() ? own.value() : value, factor);
            if (!text) return {};
            pb::Figure& changed = *(what_if.*change)();
            changed.set_value(*text);
            return *text;
          }};
}

/// A plain number of the scenario.
template <typename Get, typename Set>
Input number_input(std::string name, double low, double high, Get get, Set set) {
  return {std::move(name), "half to twice, by convention", low, high,
          [get, set](pb::Scenario& scenario, double factor) -> std::string {
            const double value = get(scenario);
            if (!(value > 0)) return {};
            set(scenario, value * factor);
            return fmt::format("{:.3g}", value * factor);
          }};
}

/// The median, over its curves of products with held-out samples, of their 90th percentile errors.
double product_error(const pb::Calibration* curves) {
  std::vector<double> errors;
  for (int i = 0; curves != nullptr && i < curves->curve_size(); ++i) {
    const pb::Curve& curve = curves->curve(i);
    constexpr std::array<std::string_view, 3> kProducts = {"gemm", "grouped_gemm", "attention"};
    const bool product =
        std::find(kProducts.begin(), kProducts.end(), curve.family()) != kProducts.end();
    if (product && curve.held_out_samples() > 0) errors.push_back(curve.held_out_p90_error());
  }
  std::sort(errors.begin(), errors.end());
  return quantile(errors, 0.5);
}

Input products_input(const pb::Accelerator& chip, const topology::Catalogue& catalogue) {
  const double error = product_error(catalogue.calibration(chip.name()));
  const double width = error > 0 ? error : width_of(pb::extrapolated);
  return {"rate of tensor-core products",
          error > 0 ? "90th percentile of held-out errors of its kernel curves"
                    : "basis extrapolated: no curves of its own",
          std::exp(-width), std::exp(width),
          [&chip](pb::Scenario& scenario, double factor) -> std::string {
            pb::Accelerator& what_if = *scenario.mutable_cluster()->mutable_what_if();
            if (what_if.peak_size() == 0) *what_if.mutable_peak() = chip.peak();
            for (pb::Peak& peak : *what_if.mutable_peak()) {
              if (const auto text = times(peak.rate().value(), factor)) {
                peak.mutable_rate()->set_value(*text);
              }
            }
            return fmt::format("x {:.2f}", factor);
          }};
}

Input nic_input(const std::string& nic, const pb::Accelerator& chip) {
  const double width = width_of(pb::vendor);
  const std::string usual = chip.nic_bandwidth().value();
  return {"NIC", "basis vendor", 1 - width, 1 + width,
          [=](pb::Scenario& scenario, double factor) -> std::string {
            const auto text = times(nic.empty() ? usual : nic, factor);
            if (!text) return {};
            scenario.mutable_cluster()->mutable_scale_out()->set_nic(*text);
            return *text;
          }};
}

Input tariff_input() {
  const double width = width_of(pb::assumed);
  return {"electricity tariff", "basis assumed", 1 - width, 1 + width,
          [](pb::Scenario& scenario, double factor) -> std::string {
            pb::Site& site = *scenario.mutable_cluster()->mutable_site();
            const auto text = times(site.tariff(), factor);
            if (!text) return {};
            site.set_tariff(*text);
            return *text;
          }};
}

Input rental_input(const pb::Scenario& scenario, const pb::Accelerator& chip) {
  if (!scenario.cluster().site().has_rental()) {
    return figure_input("rental of an accelerator", chip, &pb::Accelerator::mutable_rental,
                        &pb::Accelerator::rental);
  }
  const double width = width_of(pb::assumed);
  return {"rental of an accelerator", "basis assumed", 1 - width, 1 + width,
          [](pb::Scenario& changed, double factor) -> std::string {
            pb::Site& site = *changed.mutable_cluster()->mutable_site();
            const auto text = times(site.rental(), factor);
            if (!text) return {};
            site.set_rental(*text);
            return *text;
          }};
}

std::vector<Input> inputs_of(const pb::Scenario& scenario, const pb::Accelerator& chip,
                             const topology::Catalogue& catalogue) {
  std::vector<Input> inputs;
  inputs.push_back(products_input(chip, catalogue));
  inputs.push_back(figure_input("HBM bandwidth", chip, &pb::Accelerator::mutable_hbm_bandwidth,
                                &pb::Accelerator::hbm_bandwidth));
  inputs.push_back(figure_input("scale-up bandwidth", chip,
                                &pb::Accelerator::mutable_scale_up_bandwidth,
                                &pb::Accelerator::scale_up_bandwidth));
  inputs.push_back(nic_input(scenario.cluster().scale_out().nic(), chip));
  inputs.push_back(number_input(
      "spread between accelerators", 0.5, 2,
      [](const pb::Scenario& of) { return of.cluster().speed_spread(); },
      [](pb::Scenario& of, double value) { of.mutable_cluster()->set_speed_spread(value); }));
  if (scenario.workload().has_training()) {
    inputs.push_back(number_input(
        "spread of expert loads", 0.5, 2,
        [](const pb::Scenario& of) { return of.workload().training().expert_load_spread(); },
        [](pb::Scenario& of, double value) {
          of.mutable_workload()->mutable_training()->set_expert_load_spread(value);
        }));
  }
  inputs.push_back(rental_input(scenario, chip));
  inputs.push_back(tariff_input());
  return inputs;
}

/// Metrics that a planner decides by; those that the result has.
std::vector<std::string> metrics_of(const pb::Result& result) {
  std::vector<std::string> names;
  for (const char* name : {"step_time_s", "usd_per_million_tokens", "kwh_per_million_tokens",
                           "ttft_p50_s", "tpot_p50_s", "usd_per_million_output_tokens", "time_s"}) {
    if (const auto value = metric_of(result, name); value && *value > 0) names.emplace_back(name);
  }
  return names;
}

/// A run on the analytic engine with an input changed; nothing where that does not run.
std::optional<pb::Result> changed_run(const Study& study, const topology::Catalogue& catalogue,
                                      const Input* input, double factor, std::string& text) {
  Diagnostics ignored;
  const Study changed = variant_of(study, *study.scenario);
  changed.scenario->set_engine(pb::analytic);
  if (input != nullptr) {
    text = input->set(*changed.scenario, factor);
    if (text.empty()) return std::nullopt;
  }
  auto result = run(changed, catalogue, {}, ignored);
  return result && result->feasible() ? std::move(result) : std::nullopt;
}

}  // namespace

void add_sensitivity(const Study& study, const topology::Catalogue& catalogue, pb::Result& result) {
  const pb::Accelerator* chip = catalogue.accelerator(result.scenario().cluster().accelerator());
  std::string ignored;
  const auto base = changed_run(study, catalogue, nullptr, 1, ignored);
  if (chip == nullptr || !base) return;
  std::vector<pb::Sensitivity> found;
  for (const Input& input : inputs_of(result.scenario(), *chip, catalogue)) {
    std::string at_low, at_high;
    const auto low = changed_run(study, catalogue, &input, input.low, at_low);
    const auto high = changed_run(study, catalogue, &input, input.high, at_high);
    if (!low || !high) continue;
    for (const std::string& name : metrics_of(result)) {
      const auto before = metric_of(*base, name), value = metric_of(result, name);
      const auto less = metric_of(*low, name), more = metric_of(*high, name);
      if (!before || !less || !more || !(*before > 0)) continue;
      constexpr double kNothing = 1e-6;
      if (std::abs(*less / *before - 1) + std::abs(*more / *before - 1) < kNothing) continue;
      pb::Sensitivity& entry = found.emplace_back();
      entry.set_input(input.name);
      entry.set_metric(name);
      entry.set_at_low(at_low);
      entry.set_at_high(at_high);
      entry.set_source(input.source);
      entry.set_low(*value * *less / *before);
      entry.set_high(*value * *more / *before);
    }
  }
  const std::vector<std::string> order = metrics_of(result);
  const auto rank = [&](const pb::Sensitivity& entry) {
    const auto place = std::find(order.begin(), order.end(), entry.metric()) - order.begin();
    return std::pair(place, -std::abs(entry.high() - entry.low()));
  };
  std::stable_sort(found.begin(), found.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  for (pb::Sensitivity& entry : found) *result.add_sensitivity() = std::move(entry);
}

}  // namespace aisle::sim
