// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_table.hpp"

#include <QString>
#include <QStringList>
#include <QVector>

#include <optional>

namespace aisle::gui {

/// Points of one name. In a figure with categories `y` has one value for each of them and `x` is
/// empty.
struct FigureSeries {
  enum class Style { line, steps, points };

  QString name;
  /// "#2f66a6"; empty: the next of the palette. Of bars "none": lifts what follows.
  QString colour = {};
  QVector<double> x = {}, y = {};
  Style style = Style::line;
  QStringList labels = {};  ///< [x] shown beside points; empty: none
  QVector<int> ids = {};    ///< [x] what the points stand for, for choosing them; empty: nothing
};

/// A line across at a value, with its name.
struct FigureLimit {
  QString label;
  double value = 0;
};

/// Part of the time of a figure, in seconds, and an instant in it.
struct ShownTime {
  double from = 0, to = 0;
  std::optional<double> cursor;
};

/// A figure before anything is drawn: what is drawn, exported as CSV and tested is the same.
struct Figure {
  QString title, note;
  QString x_label, y_label;  ///< with unit; of bars `y_label` is that of their length
  QVector<FigureSeries> series;
  QStringList categories;  ///< stacked bars; empty: points over x
  QStringList end_labels;  ///< [categories] text at the end of each bar; empty: none
  QVector<FigureLimit> limits;
  bool log_x = false, log_y = false;
  bool over_time = false;  ///< x is seconds of the timeline, whose range it follows

  bool isBars() const { return !categories.isEmpty(); }
};

/// Values in cells over two lists of names.
struct HeatFigure {
  QString title, x_label, y_label, value_label;
  QStringList x, y;
  QVector<double> values;  ///< [y, x], NaN: no point
};

Table heat_table(const HeatFigure& figure);

/// The numbers of a figure: a row for each category, or for each point.
Table figure_table(const Figure& figure);

struct NamedTable {
  QString name;  ///< "power-over-time", as a file is called
  Table table;
};

/// What one view shows of a result.
struct ViewContent {
  QVector<Figure> figures;
  QVector<NamedTable> tables;
  QString note;  ///< what the view says above all; empty: nothing

  bool isEmpty() const { return figures.isEmpty() && tables.isEmpty(); }
};

/// Distinct colours that people with colour-vision deficiencies tell apart (after Okabe and Ito).
QString palette_colour(qsizetype index);

/// "58.7 MB": three digits in a decimal unit that suits the size.
QString bytes_text(double bytes);

/// A table as Markdown, as people paste it.
QString to_markdown(const Table& table);

}  // namespace aisle::gui
