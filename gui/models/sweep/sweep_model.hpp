// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/sweep/sweep_data.hpp"

#include <QAbstractTableModel>
#include <QSet>

namespace aisle::gui {

/// Points of a sweep as a table that sorts and filters by itself: an order over rows of columns
/// that never move, so that 100,000 points cost milliseconds.
class SweepModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Role { kRow = Qt::UserRole, kChosen };

  explicit SweepModel(QObject* parent = nullptr);

  void set(std::shared_ptr<const SweepData> data);

  const std::shared_ptr<const SweepData>& sweep() const { return data_; }

  /// Conditions joined by ";" or "and": "step_time_s < 5", "tensor = 8" (the end of a field's path
  /// is enough), or words that a point must hold. Empty: all. Returns what is wrong, or nothing;
  /// then the rows stay as they were.
  QString setFilter(const QString& filter);
  /// Only chosen points are shown.
  void setOnlyChosen(bool only);
  void setChosen(const QSet<int>& rows);

  const QSet<int>& chosen() const { return chosen_; }

  /// Rows of the data that are shown, in order.
  const QVector<int>& shown() const { return shown_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  void sort(int column, Qt::SortOrder order) override;

 signals:
  void shownChanged();
  void chosenChanged();

 private:
  struct Condition {
    const SweepColumn* column = nullptr;  ///< null: any column of texts
    QString op, text;
    double number = 0;
    bool numeric = false;
  };

  bool parse(const QString& filter, QVector<Condition>& conditions, QString* error) const;
  static bool holds(const Condition& condition, int row);
  bool holds(const QVector<Condition>& conditions, int row) const;
  void apply();

  std::shared_ptr<const SweepData> data_;
  QVector<Condition> conditions_;
  QVector<int> shown_;
  QSet<int> chosen_;
  bool only_chosen_ = false;
  int sorted_by_ = -1;
  Qt::SortOrder sort_order_ = Qt::AscendingOrder;
};

}  // namespace aisle::gui
