// SPDX-License-Identifier: Apache-2.0
#include "gui/models/sweep/sweep_model.hpp"

#include <QRegularExpression>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::gui {

SweepModel::SweepModel(QObject* parent) : QAbstractTableModel(parent) {}

void SweepModel::set(std::shared_ptr<const SweepData> data) {
  beginResetModel();
  data_ = std::move(data);
  conditions_.clear();
  chosen_.clear();
  only_chosen_ = false;
  sorted_by_ = -1;
  shown_.clear();
  for (int row = 0; data_ != nullptr && row < data_->rows; ++row) shown_ << row;
  endResetModel();
  emit shownChanged();
}

bool SweepModel::parse(const QString& filter, QVector<Condition>& conditions,
                       QString* error) const {
  static const QRegularExpression joint("\\s*;\\s*|\\s+and\\s+");
  static const QRegularExpression form(R"(^([\w.\[\]]+)\s*(<=|>=|!=|=|<|>)\s*(.+)$)");
  for (const auto& part : filter.split(joint, Qt::SkipEmptyParts)) {
    const auto found = form.match(part.trimmed());
    if (!found.hasMatch()) {
      conditions << Condition{nullptr, "holds", part.trimmed(), 0, false};
      continue;
    }
    const QString name = found.captured(1);
    Condition condition{nullptr, found.captured(2), found.captured(3).trimmed(), 0, false};
    for (const auto& column : data_->columns)
      if (column.name == name || (condition.column == nullptr && column.name.endsWith("." + name)))
        condition.column = &column;
    if (condition.column == nullptr) {
      *error = QString("no column '%1'").arg(name);
      return false;
    }
    condition.number = condition.text.toDouble(&condition.numeric);
    const bool order = condition.op.startsWith('<') || condition.op.startsWith('>');
    if (order && (!condition.column->numeric || !condition.numeric)) {
      *error = QString("'%1' compares numbers").arg(part.trimmed());
      return false;
    }
    conditions << condition;
  }
  return true;
}

bool SweepModel::holds(const Condition& condition, int row) {
  const SweepColumn& column = *condition.column;
  if (column.numeric && condition.numeric) {
    const double value = column.numbers[static_cast<std::size_t>(row)];
    if (condition.op == "=") return value == condition.number;
    if (condition.op == "!=") return value != condition.number;
    if (condition.op == "<") return value < condition.number;
    if (condition.op == "<=") return value <= condition.number;
    if (condition.op == ">") return value > condition.number;
    return value >= condition.number;
  }
  const bool same = column.text(row).compare(condition.text, Qt::CaseInsensitive) == 0;
  return condition.op == "=" ? same : !same;
}

bool SweepModel::holds(const QVector<Condition>& conditions, int row) const {
  for (const auto& condition : conditions) {
    if (condition.column != nullptr) {
      if (!holds(condition, row)) return false;
      continue;
    }
    const bool any =
        std::any_of(data_->columns.begin(), data_->columns.end(), [&](const SweepColumn& column) {
          return !column.numeric && column.text(row).contains(condition.text, Qt::CaseInsensitive);
        });
    if (!any) return false;
  }
  return true;
}

QString SweepModel::setFilter(const QString& filter) {
  if (data_ == nullptr) return {};
  QVector<Condition> conditions;
  QString error;
  if (!parse(filter, conditions, &error)) return error;
  conditions_ = conditions;
  apply();
  return {};
}

void SweepModel::setOnlyChosen(bool only) {
  only_chosen_ = only;
  apply();
}

void SweepModel::setChosen(const QSet<int>& rows) {
  if (rows == chosen_) return;
  chosen_ = rows;
  if (only_chosen_)
    apply();
  else if (rowCount() > 0)
    emit dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
  emit chosenChanged();
}

void SweepModel::apply() {
  if (data_ == nullptr) return;
  beginResetModel();
  shown_.clear();
  for (int row = 0; row < data_->rows; ++row)
    if ((!only_chosen_ || chosen_.contains(row)) && holds(conditions_, row)) shown_ << row;
  endResetModel();
  if (sorted_by_ >= 0) sort(sorted_by_, sort_order_);
  emit shownChanged();
}

void SweepModel::sort(int column, Qt::SortOrder order) {
  sorted_by_ = column;
  sort_order_ = order;
  if (data_ == nullptr || column < 0 || column >= columnCount()) return;
  emit layoutAboutToBeChanged();
  const SweepColumn& by = data_->columns[static_cast<std::size_t>(column)];
  // Points without a value come last, whichever way.
  const auto before = [&](int a, int b) {
    const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
    if (by.numeric) {
      const double left = by.numbers[i], right = by.numbers[j];
      if (std::isnan(left) || std::isnan(right)) return !std::isnan(left) && std::isnan(right);
      return order == Qt::AscendingOrder ? left < right : left > right;
    }
    if (by.texts[i] < 0 || by.texts[j] < 0) return by.texts[i] >= 0 && by.texts[j] < 0;
    const int compared = QString::compare(by.words[by.texts[i]], by.words[by.texts[j]]);
    return order == Qt::AscendingOrder ? compared < 0 : compared > 0;
  };
  const QModelIndexList from = persistentIndexList();
  QVector<int> rows;
  for (const auto& index : from) rows << shown_[index.row()];
  std::stable_sort(shown_.begin(), shown_.end(), before);
  if (!from.isEmpty()) {
    QHash<int, int> at;
    for (int i = 0; i < static_cast<int>(shown_.size()); ++i) at[shown_[i]] = i;
    QModelIndexList to;
    for (qsizetype i = 0; i < from.size(); ++i) to << index(at[rows[i]], from[i].column());
    changePersistentIndexList(from, to);
  }
  emit layoutChanged();
}

int SweepModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(shown_.size());
}

int SweepModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() || data_ == nullptr ? 0 : static_cast<int>(data_->columns.size());
}

QVariant SweepModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const SweepColumn& column = data_->columns[static_cast<std::size_t>(index.column())];
  const int row = shown_[index.row()];
  switch (role) {
    case Qt::DisplayRole:
      return column.read(row);
    case Qt::ToolTipRole:
      return column.name + " = " + column.text(row);
    case Qt::TextAlignmentRole:
      return static_cast<int>(Qt::AlignVCenter | (column.numeric ? Qt::AlignRight : Qt::AlignLeft));
    case kRow:
      return row;
    case kChosen:
      return chosen_.contains(row);
    default:
      return {};
  }
}

QVariant SweepModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
  const SweepColumn& column = data_->columns[static_cast<std::size_t>(section)];
  // The name by which the filter knows it is in the tool-tip.
  if (role == Qt::ToolTipRole) return column.name;
  if (role == Qt::DisplayRole) return column.title();
  return {};
}

}  // namespace aisle::gui
