// SPDX-License-Identifier: Apache-2.0
#include "gui/models/figure.hpp"

#include <array>
#include <cmath>

namespace aisle::gui {

namespace {

Cell number(double value) {
  return {QString::number(value, 'g', 6), value, {}};
}

}  // namespace

Table figure_table(const Figure& figure) {
  Table table;
  if (figure.isBars()) {
    table.header << "category";
    for (const auto& series : figure.series)
      if (series.colour != "none") table.header << series.name;
    for (qsizetype i = 0; i < figure.categories.size(); ++i) {
      QVector<Cell> row{{figure.categories[i], {}, {}}};
      for (const auto& series : figure.series)
        if (series.colour != "none") row << number(series.y[i]);
      table.rows << row;
    }
    return table;
  }
  table.header << "series" << figure.x_label << figure.y_label;
  for (const auto& series : figure.series)
    for (qsizetype i = 0; i < series.x.size(); ++i) {
      const QString name = i < series.labels.size() ? series.labels[i] : series.name;
      table.rows << QVector<Cell>{{name, {}, {}}, number(series.x[i]), number(series.y[i])};
    }
  return table;
}

Table heat_table(const HeatFigure& figure) {
  Table table{{figure.x_label, figure.y_label, figure.value_label}, {}};
  for (qsizetype y = 0; y < figure.y.size(); ++y)
    for (qsizetype x = 0; x < figure.x.size(); ++x)
      if (const double value = figure.values[y * figure.x.size() + x]; !std::isnan(value))
        table.rows << QVector<Cell>{{figure.x[x], {}, {}}, {figure.y[y], {}, {}}, number(value)};
  return table;
}

QString palette_colour(qsizetype index) {
  constexpr std::array colours{"#3b7dc4", "#e08a2e", "#2e9e77", "#c9579b",
                               "#63b3cf", "#b59a1c", "#8c6bb1", "#d1495b"};
  return colours[static_cast<std::size_t>(index) % colours.size()];
}

QString bytes_text(double bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 999.5 && unit + 1 < units.size(); ++unit) bytes /= 1000;
  return QString("%1 %2").arg(bytes, 0, 'g', 3).arg(units[unit]);
}

QString to_markdown(const Table& table) {
  const auto cell = [](QString text) { return text.replace('|', "\\|").replace('\n', ' '); };
  QStringList lines, header, rule;
  for (qsizetype i = 0; i < table.header.size(); ++i) {
    header << cell(table.header[i]);
    const bool number = !table.rows.isEmpty() && table.rows[0][i].number.isValid();
    rule << (number ? "---:" : "---");
  }
  lines << "| " + header.join(" | ") + " |"
        << "|" + rule.join("|") + "|";
  for (const auto& row : table.rows) {
    QStringList cells;
    for (const auto& each : row) cells << cell(each.text);
    lines << "| " + cells.join(" | ") + " |";
  }
  return lines.join('\n') + '\n';
}

}  // namespace aisle::gui
