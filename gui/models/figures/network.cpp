// SPDX-License-Identifier: Apache-2.0
#include "gui/models/figures/figures.hpp"
#include "gui/models/timeline_model.hpp"
#include "sim/study/result.pb.h"

#include <algorithm>
#include <map>

namespace aisle::gui {

namespace {

/// Messages of a few bytes are latency alone; their rate says nothing.
constexpr double kLeastBytes = 1000;

QString words(const std::string& name) {
  return QString::fromStdString(name).replace('_', ' ');
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

/// How fast communications of each group move their bytes, by size.
Figure sizes_and_rates(const pb::Result& result) {
  Figure figure;
  figure.title = "Size and rate";
  figure.note = "Each kind of communication as it ran: bytes over time, of 1 kB and more";
  figure.x_label = "size [MB]";
  figure.y_label = "rate [GB/s]";
  figure.log_x = figure.log_y = true;
  std::map<std::string, FigureSeries> groups;
  for (const auto& use : result.collective_use()) {
    if (use.bytes() < kLeastBytes || use.seconds() <= 0) continue;
    auto& series = groups[use.has_group() ? use.group() : "other"];
    series.style = FigureSeries::Style::points;
    series.x << use.bytes() / 1e6;
    series.y << use.bytes() * use.count() / use.seconds() / 1e9;
    series.labels << words(use.name());
  }
  for (auto& [group, series] : groups) {
    series.name = words(group);
    figure.series << series;
  }
  return figure;
}

Cell time_cell(double seconds) {
  return {seconds < 1e-9 ? QString("0") : duration_text(seconds * 1e9), seconds, {}};
}

Cell count_cell(double count) {
  return {QString::number(count, 'g', 6), count, {}};
}

Table collectives(const pb::Result& result) {
  Table table{{"Operation", "Group", "Size", "Ranks", "Domains", "Algorithm", "Protocol",
               "Channels", "Count", "Alone", "As it ran", "All", "Waiting", "Exposed", "Bound by"},
              {}};
  for (const auto& use : result.collective_use()) {
    const double exposed = use.seconds() + use.waiting_seconds() - use.hidden_seconds();
    table.rows << QVector<Cell>{{words(use.name()), {}, words(use.operation())},
                                {words(use.group()), {}, {}},
                                {bytes_text(use.bytes()), use.bytes(), {}},
                                count_cell(use.ranks()),
                                count_cell(use.domains()),
                                {words(use.algorithm()), {}, {}},
                                {words(use.protocol()), {}, {}},
                                use.has_channels() ? count_cell(use.channels()) : Cell{},
                                count_cell(use.count()),
                                time_cell(use.alone_s()),
                                time_cell(use.seconds() / use.count()),
                                time_cell(use.seconds()),
                                time_cell(use.waiting_seconds()),
                                time_cell(std::max(0.0, exposed)),
                                {words(use.bound_by()), {}, {}}};
  }
  return table;
}

/// Of results that do not tell sizes and groups.
Table phases(const pb::Result& result) {
  Table table{{"Operation", "Stream", "Count", "Time", "Waiting", "Hidden"}, {}};
  for (const auto& phase : result.phase()) {
    if (phase.stream() == "compute" || phase.stream() == "host") continue;
    table.rows << QVector<Cell>{
        {words(phase.name()), {}, {}},      {words(phase.stream()), {}, {}},
        count_cell(phase.count()),          time_cell(phase.seconds()),
        time_cell(phase.waiting_seconds()), time_cell(phase.hidden_seconds())};
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
  if (const Figure figure = sizes_and_rates(result); !figure.series.isEmpty())
    content.figures << figure;
  const Table table = result.collective_use().empty() ? phases(result) : collectives(result);
  if (!table.rows.isEmpty()) content.tables << NamedTable{"communication", table};
  if (!result.collective().empty()) content.tables << NamedTable{"jobs", outcomes(result)};
  return content;
}

}  // namespace aisle::gui
