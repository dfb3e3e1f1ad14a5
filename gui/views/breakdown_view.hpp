// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_table.hpp"

#include <QWidget>

class QLabel;
class QStackedLayout;

namespace aisle::gui {

class BarPlot;
class ElidedLabel;

/// Where the time goes: the parts of a step one after the other down to their sum, and, where there
/// is room, the kernel families by time.
class BreakdownView : public QWidget {
  Q_OBJECT

 public:
  explicit BreakdownView(QWidget* parent = nullptr);

  /// Tables of breakdown_table() and family_table(); `rank`: the one that they are about.
  /// What is said of the range of time that is looked at; empty: the whole.
  void setRange(const QString& text);
  void set(const Table& parts, const Table& families, const QString& rank);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void showParts();
  void showFamilies();
  void arrange();
  void showTip(const Table& table, int row, const QPoint& global) const;

  Table parts_, families_;
  bool wide_ = false;
  QStackedLayout* pages_;
  QLabel* heading_;
  ElidedLabel* range_;
  BarPlot* parts_plot_;
  BarPlot* families_plot_;
};

}  // namespace aisle::gui
