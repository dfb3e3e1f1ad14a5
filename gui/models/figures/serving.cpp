// SPDX-License-Identifier: Apache-2.0
#include "gui/models/figures/figures.hpp"
#include "gui/models/result_text.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"

#include <algorithm>

namespace aisle::gui {

namespace {

constexpr qsizetype kCurvePoints = 400;
constexpr double kShortest = 1e-3;  ///< seconds; the axis is logarithmic

/// Share of requests that took no longer, over time.
FigureSeries distribution(const QString& name, QVector<double> seconds) {
  FigureSeries curve{name, {}, {}, {}, FigureSeries::Style::line, {}};
  std::sort(seconds.begin(), seconds.end());
  const qsizetype count = seconds.size();
  const qsizetype points = std::min(count, kCurvePoints);
  for (qsizetype i = 0; i < points; ++i) {
    const qsizetype at = points == 1 ? 0 : i * (count - 1) / (points - 1);
    curve.x << std::max(kShortest, seconds[at]);
    curve.y << 100.0 * static_cast<double>(at + 1) / static_cast<double>(count);
  }
  return curve;
}

Figure latencies(const pb::RequestTable& requests) {
  QVector<double> first, later, whole, queue;
  for (int i = 0; i < requests.arrival_s_size(); ++i) {
    const double arrival = requests.arrival_s(i), token = requests.first_token_s(i);
    const double end = requests.end_s(i);
    if (requests.start_s(i) >= 0) queue << requests.start_s(i) - arrival;
    if (token >= 0) first << token - arrival;
    if (end >= 0) whole << end - arrival;
    if (end >= 0 && token >= 0 && requests.output_tokens(i) > 1)
      later << (end - token) / (requests.output_tokens(i) - 1);
  }
  Figure figure;
  figure.title = "How long requests take";
  figure.note = "Share of requests that took no longer";
  figure.x_label = "time [s]";
  figure.y_label = "share of requests [%]";
  figure.log_x = true;
  const QVector<QPair<QString, QVector<double>>> kinds{{"first token", first},
                                                       {"each later token", later},
                                                       {"whole request", whole},
                                                       {"waiting to be let in", queue}};
  for (const auto& [name, seconds] : kinds)
    if (!seconds.isEmpty()) figure.series << distribution(name, seconds);
  return figure;
}

/// Series of one unit share a figure.
QVector<Figure> over_time(const pb::Result& result) {
  QVector<Figure> figures;
  for (const auto& series : result.series()) {
    if (series.name().ends_with("_w")) continue;
    const auto described = sim::describe_metric(series.name(), 1);
    const auto value = QString::fromStdString(described.value);
    const QString unit = value.contains('%') ? "%" : value.section(' ', 1);
    const QString label = unit.isEmpty() ? "count" : QString("[%1]").arg(unit);
    auto found = std::find_if(figures.begin(), figures.end(),
                              [&](const Figure& figure) { return figure.y_label == label; });
    if (found == figures.end()) {
      Figure figure;
      figure.x_label = "time [s]";
      figure.y_label = label;
      figures << figure;
      found = figures.end() - 1;
    }
    const double factor = unit == "%" ? 100 : 1;
    FigureSeries line{
        QString::fromStdString(described.label), {}, {}, {}, FigureSeries::Style::steps, {}};
    for (int i = 0; i < std::min(series.time_s_size(), series.value_size()); ++i) {
      line.x << series.time_s(i);
      line.y << series.value(i) * factor;
    }
    found->series << line;
  }
  for (auto& figure : figures) {
    QStringList names;
    for (const auto& series : figure.series) names << series.name;
    figure.title = names.join(", ") + " over time";
    figure.title[0] = figure.title[0].toUpper();
    if (figure.series.size() > 1) figure.y_label.remove('[').remove(']');
    if (figure.series.size() == 1)
      figure.y_label = figure.series.first().name + " " + figure.y_label;
  }
  return figures;
}

}  // namespace

ViewContent serving_content(const pb::Result& result) {
  ViewContent content;
  if (!result.scenario().workload().has_serving()) return content;
  if (result.requests().arrival_s_size() > 0) content.figures << latencies(result.requests());
  content.figures << over_time(result);
  const Table metrics = metric_rows(
      result, {"requests_per_s", "output_tokens_per_s", "output_tokens_per_s_per_chip", "goodput",
               "ttft_p50_s", "ttft_p90_s", "ttft_p99_s", "tpot_p50_s", "tpot_p90_s", "tpot_p99_s",
               "e2e_p50_s", "e2e_p99_s", "requests_served", "requests_refused", "kv_occupancy_peak",
               "preemptions", "prefix_hit_share", "engine_busy_share"});
  if (!metrics.rows.isEmpty()) content.tables << NamedTable{"serving-metrics", metrics};
  return content;
}

}  // namespace aisle::gui
