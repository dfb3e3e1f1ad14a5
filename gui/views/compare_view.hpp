// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/comparison.hpp"
#include "gui/models/runs/pins.hpp"
#include "gui/views/exportable.hpp"

#include <QWidget>

class QListView;
class QPushButton;

namespace aisle::gui {

class FigureView;

/// Pinned results side by side: time by resource, why it differs, every metric.
class CompareView : public QWidget, public Exportable {
  Q_OBJECT

 public:
  explicit CompareView(Pins* pins, QWidget* parent = nullptr);

  QVector<NamedTable> tables() const override;

  const Comparison& comparison() const { return comparison_; }

 signals:
  /// The ready comparison: a dense and a sparse model on advanced and on export-limited chips.
  void denseAgainstSparseAsked();
  void reportAsked();

 private:
  void refresh();
  QWidget* makePinColumn();

  Pins* pins_;
  Comparison comparison_;
  QListView* list_ = nullptr;
  QPushButton* report_ = nullptr;
  FigureView* content_ = nullptr;
};

}  // namespace aisle::gui
