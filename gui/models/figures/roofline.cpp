// SPDX-License-Identifier: Apache-2.0
#include "gui/models/figures/figures.hpp"
#include "gui/models/timeline_model.hpp"
#include "sim/study/result.pb.h"
#include "topology/cluster.hpp"

#include <algorithm>

namespace aisle::gui {

ViewContent roofline_content(const pb::Result& result, const topology::Cluster* cluster) {
  ViewContent content;
  if (cluster == nullptr) return content;
  FigureSeries points{"kernel families", "#d1495b", {}, {}, FigureSeries::Style::points, {}};
  Table table{{"Kernel family", "FLOP per byte", "TFLOP/s", "Memory traffic", "Time"}, {}};
  for (const auto& family : result.family()) {
    if (family.flops() <= 0 || family.hbm_bytes() <= 0 || family.seconds() <= 0) continue;
    points.x << family.flops() / family.hbm_bytes();
    points.y << family.flops() / family.seconds() / 1e12;
    points.labels << QString::fromStdString(family.family()).replace('_', ' ');
    const double rate = family.hbm_bytes() / family.seconds();
    table.rows << QVector<Cell>{
        {QString::fromStdString(family.family()).replace('_', ' '), {}, {}},
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
