// SPDX-License-Identifier: Apache-2.0
#include "gui/models/runs/pins.hpp"

#include "gui/models/comparison.hpp"
#include "gui/models/result_text.hpp"

#include <algorithm>

namespace aisle::gui {

Pins::Pins(QObject* parent) : QAbstractListModel(parent) {}

void Pins::pin(const OpenedResult& opened) {
  const auto same = std::find_if(pinned_.begin(), pinned_.end(),
                                 [&](const auto& each) { return each.path == opened.path; });
  if (same != pinned_.end()) {
    *same = opened;
    const auto row = static_cast<int>(same - pinned_.begin());
    emit dataChanged(index(row), index(row));
    return;
  }
  if (pinned_.size() == kMost) return;
  const int row = rowCount();
  beginInsertRows({}, row, row);
  pinned_.push_back(opened);
  endInsertRows();
}

void Pins::unpin(int row) {
  if (row < 0 || row >= rowCount()) return;
  beginRemoveRows({}, row, row);
  pinned_.erase(pinned_.begin() + row);
  endRemoveRows();
}

void Pins::clear() {
  beginResetModel();
  pinned_.clear();
  endResetModel();
}

std::vector<std::shared_ptr<const pb::Result>> Pins::results() const {
  std::vector<std::shared_ptr<const pb::Result>> results;
  for (const auto& each : pinned_) results.push_back(each.result);
  return results;
}

QStringList Pins::paths() const {
  QStringList paths;
  for (const auto& each : pinned_) paths << each.path;
  return paths;
}

int Pins::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(pinned_.size());
}

QVariant Pins::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const auto& opened = pinned_[static_cast<std::size_t>(index.row())];
  // Of the result alone: a row says the same whatever is pinned beside it.
  if (role == Qt::DisplayRole)
    return run_facts(*opened.result).title + "\n" + subject_of(*opened.result);
  if (role == Qt::ToolTipRole) return opened.path;
  return {};
}

}  // namespace aisle::gui
