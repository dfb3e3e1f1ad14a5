// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_model.hpp"

#include <QAbstractListModel>

#include <vector>

namespace aisle::gui {

/// Results kept for comparison, in the order in which they were pinned: A, B, ...
class Pins : public QAbstractListModel {
  Q_OBJECT

 public:
  static constexpr std::size_t kMost = 26;

  explicit Pins(QObject* parent = nullptr);

  /// Adds a result, or puts a newer one of the same file in its place.
  void pin(const OpenedResult& opened);
  void unpin(int row);
  void clear();

  std::vector<std::shared_ptr<const pb::Result>> results() const;
  QStringList paths() const;

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

 private:
  std::vector<OpenedResult> pinned_;
};

}  // namespace aisle::gui
