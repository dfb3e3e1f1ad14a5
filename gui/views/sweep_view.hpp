// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/sweep/sweep_model.hpp"
#include "gui/views/exportable.hpp"

#include <QWidget>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QStackedLayout;
class QTabWidget;
class QTableView;

namespace aisle::gui {

class HeatPlot;
class XyPlot;

/// The points of a sweep: scatter with the front of the best, heat map, tornado, and the table, all
/// of the points that the filter leaves.
class SweepView : public QWidget, public Exportable {
  Q_OBJECT

 public:
  explicit SweepView(SweepModel* model, QWidget* parent = nullptr);

  QVector<NamedTable> tables() const override;

 signals:
  void openAsked();
  /// Runs the sweep of the scenario in work, or goes on with it.
  void runAsked();
  /// Reads the database again.
  void readAgainAsked();

 private:
  QWidget* makeBar();
  QWidget* makePlots();
  QWidget* makeTable();
  QWidget* makeChoices(const QList<QPair<QString, QComboBox*>>& choices, QWidget* plot);
  void sweepChanged();
  void fill(QComboBox* box, const QStringList& names, const QString& wanted);
  void refresh();
  void filter();

  SweepModel* model_;
  QStackedLayout* pages_ = nullptr;
  QLabel* title_ = nullptr;
  QLineEdit* filter_ = nullptr;
  QLabel* count_ = nullptr;
  QCheckBox* only_chosen_ = nullptr;
  QTabWidget* plots_ = nullptr;
  XyPlot* scatter_ = nullptr;
  HeatPlot* heat_ = nullptr;
  QWidget* tornado_page_ = nullptr;
  QTableView* table_ = nullptr;
  QComboBox *x_, *y_, *colour_, *heat_x_, *heat_y_, *heat_value_, *tornado_value_;
  bool filling_ = false;
};

}  // namespace aisle::gui
