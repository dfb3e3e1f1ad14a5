// SPDX-License-Identifier: Apache-2.0
#include "gui/models/sweep/sweep_data.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

namespace aisle::gui {

namespace {

constexpr qsizetype kMostColours = 8;
constexpr auto kPale = "#9aa5b1";

double value_of(const SweepColumn& column, int row) {
  return column.numbers[static_cast<std::size_t>(row)];
}

/// The unit in which the values of the rows are easily read: that of the one in the middle.
MetricScale scale_of(const SweepColumn& column, const QVector<int>& rows) {
  std::vector<double> values;
  for (const int row : rows)
    if (const double value = value_of(column, row); !std::isnan(value))
      values.push_back(std::abs(value));
  if (values.empty()) return {column.title(), 1};
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return metric_scale(column.name, *middle);
}

/// Points that no other point beats in both directions, in order of x.
FigureSeries front_of(const QVector<FigureSeries>& series, bool larger_x, bool larger_y) {
  FigureSeries front{"best of both", "#d1495b", {}, {}, FigureSeries::Style::steps, {}, {}};
  std::vector<std::pair<double, double>> points;
  for (const auto& each : series)
    for (qsizetype i = 0; i < each.x.size(); ++i) points.emplace_back(each.x[i], each.y[i]);
  std::sort(points.begin(), points.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return larger_x ? a.first > b.first : a.first < b.first;
    return larger_y ? a.second > b.second : a.second < b.second;
  });
  bool any = false;
  double best = 0;
  for (const auto& [x, y] : points) {
    if (any && (larger_y ? y <= best : y >= best)) continue;
    best = y;
    any = true;
    front.x << x;
    front.y << y;
  }
  front.style = FigureSeries::Style::line;
  return front;
}

/// Values of a column in order: numbers by size, texts as they came.
QStringList distinct(const SweepColumn& column, const QVector<int>& rows) {
  if (!column.numeric) {
    QVector<bool> seen(column.words.size(), false);
    for (const int row : rows)
      if (const int text = column.texts[static_cast<std::size_t>(row)]; text >= 0)
        seen[text] = true;
    QStringList found;
    for (qsizetype i = 0; i < seen.size(); ++i)
      if (seen[i]) found << column.words[i];
    return found;
  }
  std::vector<double> values;
  for (const int row : rows)
    if (const double value = value_of(column, row); !std::isnan(value)) values.push_back(value);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  QStringList found;
  for (const double value : values) found << QString::number(value, 'g', 6);
  return found;
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Figure scatter_figure(const SweepData& data, const QVector<int>& rows, const QString& x,
                      const QString& y, const QString& colour) {
  Figure figure;
  const auto* across = data.column(x);
  const auto* up = data.column(y);
  if (across == nullptr || up == nullptr || !across->numeric || !up->numeric) return figure;
  const auto* by = data.column(colour);
  const MetricScale scale_x = scale_of(*across, rows), scale_y = scale_of(*up, rows);
  figure.title = up->title() + " over " + across->title();
  figure.x_label = scale_x.label;
  figure.y_label = scale_y.label;
  const QStringList values = by == nullptr ? QStringList() : distinct(*by, rows);
  if (values.size() > 1 && values.size() <= kMostColours) {
    for (const auto& value : values)
      figure.series << FigureSeries{value, {}, {}, {}, FigureSeries::Style::points, {}, {}};
  } else {
    figure.series << FigureSeries{"points", {}, {}, {}, FigureSeries::Style::points, {}, {}};
  }
  QHash<QString, qsizetype> at;
  for (qsizetype i = 0; i < figure.series.size(); ++i) at[figure.series[i].name] = i;
  for (const int row : rows) {
    const double a = value_of(*across, row), b = value_of(*up, row);
    if (std::isnan(a) || std::isnan(b)) continue;
    const qsizetype index = figure.series.size() == 1 ? 0 : at.value(by->text(row), 0);
    auto& series = figure.series[index];
    series.x << a / scale_x.factor;
    series.y << b / scale_y.factor;
    series.ids << row;
  }
  const bool more_x = larger_is_better(x), more_y = larger_is_better(y);
  figure.note = QString("%1 and %2 is better; drag to choose points")
                    .arg(more_x ? "Right" : "Left", more_y ? "up" : "down");
  figure.series << front_of(figure.series, more_x, more_y);
  return figure;
}

Figure tornado_figure(const SweepData& data, const QVector<int>& rows, const QString& metric) {
  Figure figure;
  const auto* of = data.column(metric);
  if (of == nullptr || !of->numeric) return figure;

  struct Bar {
    double low, high;
    QString axis, low_at, high_at;
  };

  std::vector<Bar> bars;
  for (const auto& axis : data.axes()) {
    const auto* column = data.column(axis);
    std::map<QString, std::vector<double>> by_value;
    for (const int row : rows)
      if (const double value = value_of(*of, row); !std::isnan(value))
        by_value[column->text(row)].push_back(value);
    if (by_value.size() < 2) continue;
    Bar bar{std::numeric_limits<double>::infinity(),
            -std::numeric_limits<double>::infinity(),
            axis,
            {},
            {}};
    for (auto& [value, values] : by_value) {
      const double middle = median(values);
      if (middle < bar.low) std::tie(bar.low, bar.low_at) = std::pair(middle, value);
      if (middle > bar.high) std::tie(bar.high, bar.high_at) = std::pair(middle, value);
    }
    bars.push_back(bar);
  }
  std::stable_sort(bars.begin(), bars.end(),
                   [](const Bar& a, const Bar& b) { return a.high - a.low > b.high - b.low; });
  const MetricScale scale = scale_of(*of, rows);
  figure.title = "What moves " + of->title();
  figure.note = "From the lowest to the highest of the medians over each axis' values";
  figure.y_label = scale.label;
  FigureSeries lift{"below", "none"}, range{"between lowest and highest", "#3b7dc4"};
  for (const auto& bar : bars) {
    figure.categories << data.column(bar.axis)->title();
    lift.y << bar.low / scale.factor;
    range.y << (bar.high - bar.low) / scale.factor;
    figure.end_labels << QString("%1 to %2").arg(bar.low_at, bar.high_at);
  }
  if (!bars.empty()) figure.series = {lift, range};
  return figure;
}

HeatFigure heat_figure(const SweepData& data, const QVector<int>& rows, const QString& x,
                       const QString& y, const QString& metric) {
  HeatFigure figure;
  const auto* across = data.column(x);
  const auto* up = data.column(y);
  const auto* of = data.column(metric);
  if (across == nullptr || up == nullptr || of == nullptr || !of->numeric) return figure;
  figure.x = distinct(*across, rows);
  figure.y = distinct(*up, rows);
  figure.x_label = across->title();
  figure.y_label = up->title();
  const MetricScale scale = scale_of(*of, rows);
  figure.value_label = scale.label;
  const bool larger = larger_is_better(metric);
  figure.title = QString("%1 of %2").arg(larger ? "Highest" : "Lowest", of->title());
  figure.values.fill(std::numeric_limits<double>::quiet_NaN(), figure.x.size() * figure.y.size());
  QHash<QString, qsizetype> column, line;
  for (qsizetype i = 0; i < figure.x.size(); ++i) column[figure.x[i]] = i;
  for (qsizetype i = 0; i < figure.y.size(); ++i) line[figure.y[i]] = i;
  for (const int row : rows) {
    const double value = value_of(*of, row) / scale.factor;
    const qsizetype at_x = column.value(across->text(row), -1),
                    at_y = line.value(up->text(row), -1);
    if (std::isnan(value) || at_x < 0 || at_y < 0) continue;
    double& cell = figure.values[at_y * figure.x.size() + at_x];
    if (std::isnan(cell) || (larger ? value > cell : value < cell)) cell = value;
  }
  return figure;
}

}  // namespace aisle::gui
