// SPDX-License-Identifier: Apache-2.0
#include "gui/models/figures/figures.hpp"
#include "gui/models/result_text.hpp"
#include "sim/base/quantity.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"
#include "topology/cluster.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace aisle::gui {

namespace {

constexpr auto kRankPrefix = "accelerator_power_";

/// Unit in which a power is easily read.
std::pair<double, QString> power_unit(double watts) {
  if (watts >= 1e6) return {1e6, "MW"};
  if (watts >= 1e3) return {1e3, "kW"};
  return {1, "W"};
}

FigureSeries line_of(const pb::Series& series, double unit, const QString& name) {
  FigureSeries line{name, {}, {}, {}, FigureSeries::Style::steps, {}};
  for (int i = 0; i < std::min(series.time_s_size(), series.value_size()); ++i) {
    line.x << series.time_s(i);
    line.y << series.value(i) / unit;
  }
  return line;
}

double highest(const pb::Series& series) {
  double most = 0;
  for (const double value : series.value()) most = std::max(most, value);
  return most;
}

Figure site_power(const pb::Result& result) {
  Figure figure;
  figure.title = "Power of all accelerators and hosts over the step";
  figure.over_time = true;
  figure.x_label = "time [s]";
  for (const auto& series : result.series()) {
    if (series.name() != "it_power_w") continue;
    const auto [unit, name] = power_unit(highest(series));
    figure.y_label = QString("IT power [%1]").arg(name);
    figure.series << line_of(series, unit, "IT power");
    figure.series.last().style = FigureSeries::Style::line;
    const double mean = metric_value(result, "it_power_w");
    if (!std::isnan(mean)) figure.limits << FigureLimit{"mean", mean / unit};
  }
  return figure;
}

Figure rank_power(const pb::Result& result, const topology::Cluster* cluster) {
  Figure figure;
  figure.title = "Power of one accelerator by rank";
  figure.over_time = true;
  figure.x_label = "time [s]";
  figure.y_label = "power [W]";
  for (const auto& series : result.series()) {
    auto name = QString::fromStdString(series.name());
    if (!name.startsWith(kRankPrefix)) continue;
    name = name.mid(QString(kRankPrefix).size()).chopped(2).replace('_', ' ');
    figure.series << line_of(series, 1, name);
    figure.series.last().style = FigureSeries::Style::line;
  }
  if (figure.series.isEmpty() || cluster == nullptr) return figure;
  const double limit = cluster->accelerator().tdp.value.in(units::W);
  if (limit > 0)
    figure.limits << FigureLimit{QString("power limit %1 W").arg(limit, 0, 'f', 0), limit};
  return figure;
}

/// Mean power as it adds up from chips to the feed.
Figure power_tree(const pb::Result& result) {
  Figure figure;
  const double chip = metric_value(result, "accelerator_power_w");
  const double it = metric_value(result, "it_power_w");
  const double facility = metric_value(result, "facility_power_w");
  const double chips = result.scenario().cluster().count();
  if (std::isnan(it) || std::isnan(facility) || std::isnan(chip) || chips == 0) return figure;
  const auto [unit, name] = power_unit(facility);
  figure.title = "From the chips to the feed, mean";
  figure.y_label = QString("power [%1]").arg(name);
  figure.categories = {"accelerators", "with hosts (IT)", "with losses and cooling"};
  const double chips_power = std::min(it, chip * chips);
  const double zero = 0;
  figure.series = {
      {"accelerators", "#3b7dc4", {}, {chips_power / unit, chips_power / unit, chips_power / unit}},
      {"hosts, fans, supplies",
       "#e08a2e",
       {},
       {zero, (it - chips_power) / unit, (it - chips_power) / unit}},
      {"site: losses, cooling", "#2e9e77", {}, {zero, zero, (facility - it) / unit}}};
  for (const double sum : {chips_power, it, facility})
    figure.end_labels << QString("%1 %2").arg(sum / unit, 0, 'g', 4).arg(name);
  return figure;
}

Figure money(const pb::Result& result, const char* all, const char* part, const QString& title) {
  Figure figure;
  const double cost = metric_value(result, all), energy = metric_value(result, part);
  if (std::isnan(cost) || std::isnan(energy)) return figure;
  figure.title = title;
  figure.y_label = "cost [USD]";
  figure.categories = {"accelerators rented", "of that electricity"};
  figure.series = {{"rent beside electricity", "#3b7dc4", {}, {std::max(0.0, cost - energy), 0}},
                   {"electricity", "#e08a2e", {}, {std::min(cost, energy), energy}}};
  figure.end_labels = {QString("%L1 USD").arg(cost, 0, 'g', 4),
                       QString("%L1 USD").arg(energy, 0, 'g', 4)};
  return figure;
}

Figure campaign(const pb::Result& result) {
  Figure figure;
  if (result.campaign().empty()) return figure;
  constexpr double kDay = 86400;
  figure.title = "Time of the whole run";
  figure.y_label = "time [days]";
  figure.categories = {"run"};
  double sum = 0;
  for (const auto& part : result.campaign()) {
    figure.series << FigureSeries{
        QString::fromStdString(part.name()), {}, {}, {part.seconds() / kDay}};
    sum += part.seconds() / kDay;
  }
  figure.end_labels = {QString("%1 days").arg(sum, 0, 'f', 1)};
  return figure;
}

}  // namespace

double metric_value(const pb::Result& result, const char* name) {
  for (const auto& metric : result.metric())
    if (metric.name() == name) return metric.value();
  return std::numeric_limits<double>::quiet_NaN();
}

Table metric_rows(const pb::Result& result, const QStringList& names) {
  Table table{{"Metric", "Value", "Basis"}, {}};
  for (const auto& name : names) {
    for (const auto& metric : result.metric()) {
      if (QString::fromStdString(metric.name()) != name) continue;
      const auto described = sim::describe_metric(metric.name(), metric.value());
      table.rows << QVector<Cell>{{QString::fromStdString(described.label), {}, name},
                                  {QString::fromStdString(described.value), metric.value(), {}},
                                  {basis_text(metric.basis()), {}, {}}};
    }
  }
  return table;
}

ViewContent power_content(const pb::Result& result, const topology::Cluster* cluster) {
  ViewContent content;
  for (const auto& figure : {site_power(result), rank_power(result, cluster), power_tree(result)})
    if (!figure.series.isEmpty()) content.figures << figure;
  const Table metrics = metric_rows(
      result, {"accelerator_power_w", "it_power_w", "it_power_peak_w", "it_power_lowest_w",
               "facility_power_w", "facility_power_peak_w", "site_peak_w", "energy_kwh_per_step",
               "energy_mwh", "storage_swing_j", "pue", "wue_l_per_kwh", "free_cooling_hours",
               "curtailed_hours", "contracted_share"});
  if (!metrics.rows.isEmpty()) content.tables << NamedTable{"power-and-energy", metrics};
  return content;
}

ViewContent cost_content(const pb::Result& result) {
  ViewContent content;
  for (const auto& figure :
       {money(result, "cost_usd", "energy_cost_usd",
              std::isnan(metric_value(result, "step_time_s")) ? "Cost of the run"
                                                              : "Cost of one step"),
        campaign(result)})
    if (!figure.categories.isEmpty()) content.figures << figure;
  const Table cost =
      metric_rows(result, {"cost_usd", "energy_cost_usd", "usd_per_million_tokens",
                           "usd_per_million_output_tokens", "owned_usd_per_gpu_hour",
                           "owned_usd_per_million_tokens", "gpu_hours_per_trillion_tokens",
                           "run_cost_usd", "run_gpu_hours", "run_time_days", "goodput"});
  const Table nature = metric_rows(
      result, {"energy_mwh", "kwh_per_million_tokens", "joules_per_output_token", "co2_t",
               "water_m3", "run_energy_mwh", "run_co2_t", "run_water_m3", "contracted_share"});
  if (!cost.rows.isEmpty()) content.tables << NamedTable{"cost", cost};
  if (!nature.rows.isEmpty()) content.tables << NamedTable{"energy-carbon-water", nature};
  return content;
}

}  // namespace aisle::gui
