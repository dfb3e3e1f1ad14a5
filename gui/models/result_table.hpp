// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <QStringList>
#include <QVariant>
#include <QVector>

namespace aisle::pb {
class Result;
}

namespace aisle::gui {

/// One cell: what is read, and the number behind it (invalid where there is none).
struct Cell {
  QString text;
  QVariant number;
  QString tip;
  QString colour = {};  ///< "#2f66a6" in which figures show the row; empty: as they like
};

struct Table {
  QStringList header;
  QVector<QVector<Cell>> rows;  ///< [rows, header]
};

/// Metric, value, unit, basis.
Table metrics_table(const pb::Result& result);
/// Simulated beside published: metric, simulated, published, difference, bound, source.
Table comparison_table(const pb::Result& result);
/// Parts that sum to the step: part, seconds, share; the last row is the sum.
Table breakdown_table(const pb::Result& result);
/// Kernel families of the representative rank: family, seconds, share of busy time, calls, basis.
Table family_table(const pb::Result& result);
/// One row per pipeline rank, one column per use, then sum and capacity, in bytes.
Table memory_table(const pb::Result& result);

/// Comma-separated values with full numbers, header first.
QString to_csv(const Table& table);

/// A table of a result for item views. Numbers are right-aligned and sort as numbers
/// (Qt::UserRole).
class ResultTable : public QAbstractTableModel {
  Q_OBJECT

 public:
  explicit ResultTable(QObject* parent = nullptr);

  void set(Table table);

  const Table& table() const { return table_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation,
                      int role = Qt::DisplayRole) const override;

 private:
  Table table_;
};

}  // namespace aisle::gui
