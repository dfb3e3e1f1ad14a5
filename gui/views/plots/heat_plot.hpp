// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"
#include "gui/views/plots/vector_painted.hpp"

#include <QWidget>

class QCPColorScale;
class QCustomPlot;

namespace aisle::gui {

/// Values in coloured cells over two lists of names, with their scale.
class HeatPlot : public QWidget, public VectorPainted {
  Q_OBJECT

 public:
  explicit HeatPlot(QWidget* parent = nullptr);

  void setFigure(const HeatFigure& figure);
  void paintVector(QPainter& painter, const QRect& where) override;

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  QCustomPlot* plot_;
  QCPColorScale* scale_;
  HeatFigure figure_;
};

}  // namespace aisle::gui
