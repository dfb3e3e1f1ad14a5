// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"
#include "gui/views/exportable.hpp"

#include <QWidget>

class QGridLayout;
class QLabel;
class QScrollArea;
class QStackedLayout;

namespace aisle::gui {

/// The widget that shows a figure.
QWidget* make_plot(const Figure& figure, QWidget* parent = nullptr);

/// Figures beside one another as room allows, tables below; or, where there are none, why and what
/// to do.
class FigureView : public QWidget, public Exportable {
  Q_OBJECT

 public:
  /// `headline` and `advice` stand in place of figures that are not there.
  FigureView(const QString& name, const QString& headline, const QString& advice,
             QWidget* parent = nullptr);

  void set(const ViewContent& content);
  /// Figures over time show this part of it.
  void setTime(const ShownTime& time);
  QVector<NamedTable> tables() const override;

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void arrange();
  void followTime();
  QWidget* makeTable(const NamedTable& table);

  ViewContent content_;
  QStackedLayout* pages_;
  QScrollArea* scroll_;
  QLabel* note_;
  QGridLayout* grid_;
  std::optional<ShownTime> time_;
  QVector<QWidget*> cells_;  ///< figures, then tables
  qsizetype figures_ = 0;
};

}  // namespace aisle::gui
