// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_table.hpp"

#include <QWidget>

class QStackedLayout;

namespace aisle::gui {

class BarPlot;
class Selection;

/// Memory of one accelerator of each pipeline rank, by use, below its capacity. A click chooses the
/// rank in every view.
class MemoryView : public QWidget {
  Q_OBJECT

 public:
  explicit MemoryView(Selection* selection, QWidget* parent = nullptr);

  /// Table of memory_table(), and the rank of the timeline that stands for each of its rows.
  void set(const Table& memory, const QVector<int>& ranks);

 private:
  void highlight();

  Selection* selection_;
  Table memory_;
  QVector<int> ranks_;
  QStackedLayout* pages_;
  BarPlot* plot_;
};

}  // namespace aisle::gui
