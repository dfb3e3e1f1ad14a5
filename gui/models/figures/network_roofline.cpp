// SPDX-License-Identifier: Apache-2.0
#include "gui/models/figures/figures.hpp"
#include "gui/models/timeline_model.hpp"
#include "sim/study/result.pb.h"
#include "topology/cluster.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace aisle::gui {

namespace {

QString words(const std::string& name) {
  return QString::fromStdString(name).replace('_', ' ');
}

QString bytes_text(double bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.size(); ++unit) bytes /= 1000;
  return QString("%1 %2").arg(bytes, 0, 'g', 3).arg(units[unit]);
}

/// Time of communication by operation: behind computation, and not.
Figure hidden_and_exposed(const pb::Result& result) {
  Figure figure;
  figure.title = "Communication of one step";
  figure.note = "Mean over accelerators: behind computation, beside it, and waiting for others";
  figure.y_label = "time [s]";
  FigureSeries hidden{"hidden", "#63b3cf", {}, {}}, exposed{"exposed", "#e08a2e", {}, {}};
  std::vector<const pb::PhaseTime*> phases;
  for (const auto& phase : result.phase())
    if (phase.stream() != "compute" && phase.stream() != "host") phases.push_back(&phase);
  std::stable_sort(phases.begin(), phases.end(),
                   [](auto* a, auto* b) { return a->seconds() > b->seconds(); });
  for (const auto* phase : phases) {
    const double all = phase->seconds() + phase->waiting_seconds();
    const bool twice = std::count_if(phases.begin(), phases.end(), [&](const auto* other) {
                         return other->name() == phase->name();
                       }) > 1;
    figure.categories << words(phase->name()) + (twice ? ", " + words(phase->stream()) : QString());
    hidden.y << std::min(all, phase->hidden_seconds());
    exposed.y << std::max(0.0, all - phase->hidden_seconds());
    figure.end_labels << duration_text(all * 1e9);
  }
  if (!figure.categories.isEmpty()) figure.series = {hidden, exposed};
  return figure;
}

Table phases(const pb::Result& result) {
  Table table{{"Operation", "Stream", "Count", "Time", "Waiting", "Hidden"}, {}};
  const auto time = [](double seconds) {
    return Cell{seconds < 1e-9 ? QString("0") : duration_text(seconds * 1e9), seconds, {}};
  };
  for (const auto& phase : result.phase()) {
    if (phase.stream() == "compute" || phase.stream() == "host") continue;
    table.rows << QVector<Cell>{{words(phase.name()), {}, {}},
                                {words(phase.stream()), {}, {}},
                                {QString::number(phase.count(), 'g', 6), phase.count(), {}},
                                time(phase.seconds()),
                                time(phase.waiting_seconds()),
                                time(phase.hidden_seconds())};
  }
  return table;
}

Figure link_load(const pb::Result& result) {
  Figure figure;
  if (result.link_load().empty()) return figure;
  figure.title = "Load of links";
  figure.note =
      "Share of usable capacity over the whole time: mean of all links, and what the "
      "busiest has beyond it";
  figure.y_label = "share of capacity [%]";
  FigureSeries mean{"mean link", "#3b7dc4", {}, {}}, most{"busiest link", "#e08a2e", {}, {}};
  for (const auto& load : result.link_load()) {
    figure.categories << words(load.kind()) + (load.outward() ? ", outward" : ", inward");
    mean.y << load.mean_share() * 100;
    most.y << std::max(0.0, load.max_share() - load.mean_share()) * 100;
    figure.end_labels << QString("%1 %").arg(load.max_share() * 100, 0, 'f', 1);
  }
  figure.series = {mean, most};
  return figure;
}

Table outcomes(const pb::Result& result) {
  Table table{{"Job", "Operation", "Size", "Ranks", "Algorithm", "Protocol", "Time", "Alone",
               "Bus bandwidth", "Bound by"},
              {}};
  for (const auto& job : result.collective())
    table.rows << QVector<Cell>{
        {QString::fromStdString(job.job()), {}, {}},
        {words(job.operation()), {}, {}},
        {bytes_text(job.bytes()), job.bytes(), {}},
        {QString("%L1").arg(job.ranks()), job.ranks(), {}},
        {words(job.algorithm()), {}, {}},
        {words(job.protocol()), {}, {}},
        {duration_text(job.time_s() * 1e9), job.time_s(), {}},
        {duration_text(job.alone_s() * 1e9), job.alone_s(), {}},
        {QString("%1 GB/s").arg(job.busbw_gbps(), 0, 'g', 4), job.busbw_gbps() * 1e9, {}},
        {QString::fromStdString(job.bound_by()), {}, {}}};
  return table;
}

}  // namespace

ViewContent network_content(const pb::Result& result) {
  ViewContent content;
  if (const Figure figure = hidden_and_exposed(result); figure.isBars()) content.figures << figure;
  if (const Figure figure = link_load(result); figure.isBars()) content.figures << figure;
  if (const Table table = phases(result); !table.rows.isEmpty())
    content.tables << NamedTable{"communication", table};
  if (!result.collective().empty()) content.tables << NamedTable{"jobs", outcomes(result)};
  return content;
}

ViewContent roofline_content(const pb::Result& result, const topology::Cluster* cluster) {
  ViewContent content;
  if (cluster == nullptr) return content;
  FigureSeries points{"kernel families", "#d1495b", {}, {}, FigureSeries::Style::points, {}};
  Table table{{"Kernel family", "FLOP per byte", "TFLOP/s", "Memory traffic", "Time"}, {}};
  for (const auto& family : result.family()) {
    if (family.flops() <= 0 || family.hbm_bytes() <= 0 || family.seconds() <= 0) continue;
    points.x << family.flops() / family.hbm_bytes();
    points.y << family.flops() / family.seconds() / 1e12;
    points.labels << words(family.family());
    const double rate = family.hbm_bytes() / family.seconds();
    table.rows << QVector<Cell>{
        {words(family.family()), {}, {}},
        {QString::number(points.x.last(), 'g', 4), points.x.last(), {}},
        {QString::number(points.y.last(), 'g', 4), points.y.last() * 1e12, {}},
        {bytes_text(rate) + "/s", rate, {}},
        {duration_text(family.seconds() * 1e9), family.seconds(), {}}};
  }
  if (points.x.isEmpty()) return content;
  const auto& chip = cluster->accelerator();
  const double bandwidth = chip.hbm_bandwidth.value.in(units::B / units::s);
  const auto [low, high] = std::minmax_element(points.x.begin(), points.x.end());
  const double from = std::min(0.1, *low / 2), to = std::max(1e4, *high * 2);
  Figure figure;
  figure.title = "Roofline of " + QString::fromStdString(chip.name);
  figure.note =
      "Work of the representative rank: below the slope memory binds, below a level the "
      "tensor cores";
  figure.x_label = "operations per byte of memory traffic [FLOP/B]";
  figure.y_label = "operations per second [TFLOP/s]";
  figure.log_x = figure.log_y = true;
  figure.series << points;
  for (const auto precision : {topology::Precision::fp4, topology::Precision::fp8,
                               topology::Precision::bf16, topology::Precision::fp32}) {
    const double peak = chip.peak_of(precision).value.in(units::FLOP / units::s);
    if (peak <= 0 || bandwidth <= 0) continue;
    const auto name = QString::fromUtf8(topology::to_string(precision).data()).toUpper();
    figure.series << FigureSeries{
        QString("%1 peak %2 TFLOP/s").arg(name).arg(peak / 1e12, 0, 'g', 4),
        {},
        {from, peak / bandwidth, to},
        {from * bandwidth / 1e12, peak / 1e12, peak / 1e12},
        FigureSeries::Style::line,
        {}};
  }
  content.figures << figure;
  content.tables << NamedTable{"kernel-families", table};
  return content;
}

}  // namespace aisle::gui
