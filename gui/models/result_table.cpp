// SPDX-License-Identifier: Apache-2.0
#include "gui/models/result_table.hpp"

#include "gui/models/result_text.hpp"
#include "gui/models/timeline_model.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace aisle::gui {

namespace {

Cell text_cell(const std::string& text, const QString& tip = {}) {
  return {QString::fromStdString(text), {}, tip};
}

/// "grouped_gemm fp8" as people write it.
Cell name_cell(const std::string& name) {
  return {QString::fromStdString(name).replace('_', ' '), {}, {}};
}

Cell number_cell(const QString& text, double number, const QString& tip = {}) {
  return {text, number, tip};
}

Cell percent_cell(double share) {
  if (share > 0 && share < 0.0005) return number_cell("< 0.1 %", share);
  return number_cell(QString::number(share * 100, 'f', 1) + " %", share);
}

Cell seconds_cell(double seconds) {
  return number_cell(duration_text(seconds * 1e9), seconds,
                     QString::number(seconds, 'g', 15) + " s");
}

Cell metric_cell(const std::string& name, double value) {
  return number_cell(QString::fromStdString(sim::describe_metric(name, value).value), value);
}

Cell bytes_cell(double bytes) {
  return number_cell(QString::number(bytes / 1e9, 'f', 1) + " GB", bytes,
                     QString::number(bytes, 'f', 0) + " B");
}

}  // namespace

Table metrics_table(const pb::Result& result) {
  Table table{{"Metric", "Value", "Unit", "Basis"}, {}};
  for (const auto& metric : result.metric()) {
    const auto described = sim::describe_metric(metric.name(), metric.value());
    const auto text = QString::fromStdString(described.value);
    const auto space = text.indexOf(' ');
    const auto tip = QString("%1 = %2").arg(QString::fromStdString(metric.name()),
                                            QString::number(metric.value(), 'g', 15));
    table.rows.push_back({text_cell(described.label, tip),
                          number_cell(space < 0 ? text : text.left(space), metric.value(), tip),
                          {space < 0 ? QString() : text.mid(space + 1), {}, tip},
                          {basis_text(metric.basis()), {}, {}}});
  }
  return table;
}

Table comparison_table(const pb::Result& result) {
  Table table{{"Metric", "Simulated", "Published", "Difference", "Bound", "Source"}, {}};
  for (const auto& row : result.comparison()) {
    const auto label = sim::describe_metric(row.metric(), row.simulated()).label;
    const double difference = row.published() == 0 ? 0 : row.simulated() / row.published() - 1;
    const bool has_bound = row.has_bound() && row.bound() > 0;
    const auto error = QString::asprintf("%+.1f %%", difference * 100);
    QString tip = QString::fromStdString(row.source());
    if (has_bound)
      tip += QString::asprintf("\njudged within ±%.0f %%", row.bound() * 100);
    else
      tip += "\nfor information; judged against no bound";
    if (!row.note().empty()) tip += "\n" + QString::fromStdString(row.note());
    table.rows.push_back(
        {text_cell(label, tip), metric_cell(row.metric(), row.simulated()),
         metric_cell(row.metric(), row.published()),
         // In brackets where nobody judges it: the column of bounds may be hidden.
         number_cell(has_bound ? error : "(" + error + ")", difference, tip),
         has_bound ? number_cell(QString::asprintf("±%.0f %%", row.bound() * 100), row.bound())
                   : Cell{"-", {}, "for information; judged against no bound"},
         text_cell(row.source(), QString::fromStdString(row.source()))});
  }
  return table;
}

Table breakdown_table(const pb::Result& result) {
  Table table{{"Part", "Time", "Share"}, {}};
  const auto parts = sim::describe_parts(result);
  const double step = std::accumulate(parts.begin(), parts.end(), 0.0,
                                      [](double sum, auto& part) { return sum + part.seconds; });
  for (const auto& part : parts) {
    Cell name = text_cell(part.label);
    name.colour = QString::fromStdString(part.colour);
    table.rows.push_back(
        {name, seconds_cell(part.seconds), percent_cell(step > 0 ? part.seconds / step : 0)});
  }
  if (!parts.empty())
    table.rows.push_back({text_cell("step"), seconds_cell(step), percent_cell(step > 0 ? 1 : 0)});
  return table;
}

Table family_table(const pb::Result& result) {
  Table table{{"Kernel family", "Time", "Share of busy time", "Calls", "Basis"}, {}};
  double busy = 0;
  for (const auto& family : result.family()) busy += family.seconds();
  std::vector<const pb::FamilyTime*> families;
  for (const auto& family : result.family()) families.push_back(&family);
  std::stable_sort(families.begin(), families.end(),
                   [](auto* a, auto* b) { return a->seconds() > b->seconds(); });
  for (const auto* family : families)
    table.rows.push_back(
        {name_cell(family->family()),
         seconds_cell(family->seconds()),
         percent_cell(busy > 0 ? family->seconds() / busy : 0),
         number_cell(QString::number(family->count()), static_cast<double>(family->count())),
         {basis_text(family->basis()), {}, {}}});
  return table;
}

Table memory_table(const pb::Result& result) {
  QStringList uses;
  for (const auto& rank : result.memory())
    for (const auto& item : rank.item())
      if (const auto use = QString::fromStdString(item.use()); !uses.contains(use)) uses << use;
  Table table{QStringList{"Pipeline rank"} + uses + QStringList{"sum", "capacity"}, {}};
  for (const auto& rank : result.memory()) {
    QVector<double> bytes(uses.size(), 0.0);
    for (const auto& item : rank.item())
      bytes[uses.indexOf(QString::fromStdString(item.use()))] += item.bytes();
    QVector<Cell> row{number_cell(QString::number(rank.pipeline_rank()), rank.pipeline_rank())};
    for (const double value : bytes) row.push_back(bytes_cell(value));
    row.push_back(bytes_cell(std::accumulate(bytes.begin(), bytes.end(), 0.0)));
    row.push_back(bytes_cell(rank.capacity_bytes()));
    table.rows.push_back(std::move(row));
  }
  return table;
}

QString to_csv(const Table& table) {
  const auto field = [](QString text) {
    if (!text.contains(',') && !text.contains('"') && !text.contains('\n')) return text;
    return '"' + text.replace('"', "\"\"") + '"';
  };
  QStringList lines;
  QStringList header;
  for (const auto& name : table.header) header << field(name);
  lines << header.join(',');
  for (const auto& row : table.rows) {
    QStringList fields;
    for (const auto& cell : row)
      fields << (cell.number.isValid() ? QString::number(cell.number.toDouble(), 'g', 15)
                                       : field(cell.text));
    lines << fields.join(',');
  }
  return lines.join('\n') + '\n';
}

ResultTable::ResultTable(QObject* parent) : QAbstractTableModel(parent) {}

void ResultTable::set(Table table) {
  beginResetModel();
  table_ = std::move(table);
  endResetModel();
}

int ResultTable::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(table_.rows.size());
}

int ResultTable::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(table_.header.size());
}

QVariant ResultTable::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Cell& cell = table_.rows[index.row()][index.column()];
  switch (role) {
    case Qt::DisplayRole:
      return cell.text;
    case Qt::ToolTipRole:
      return cell.tip.isEmpty() ? QVariant() : cell.tip;
    case Qt::UserRole:
      return cell.number.isValid() ? cell.number : QVariant(cell.text);
    case Qt::TextAlignmentRole:
      return static_cast<int>(Qt::AlignVCenter |
                              (cell.number.isValid() ? Qt::AlignRight : Qt::AlignLeft));
    default:
      return {};
  }
}

QVariant ResultTable::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= table_.header.size()) return {};
  if (role == Qt::DisplayRole) return table_.header[section];
  if (role == Qt::TextAlignmentRole) {
    const bool number = !table_.rows.isEmpty() && table_.rows[0][section].number.isValid();
    return static_cast<int>(Qt::AlignVCenter | (number ? Qt::AlignRight : Qt::AlignLeft));
  }
  return {};
}

}  // namespace aisle::gui
