// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"
#include "gui/views/plots/vector_painted.hpp"

#include <QSet>
#include <QWidget>

class QCPItemStraightLine;
class QCPItemText;
class QCustomPlot;
class QRubberBand;

namespace aisle::gui {

/// Lines, steps and points over two axes. The wheel zooms, dragging moves, a double click shows
/// all; where brushing is on, dragging chooses points instead.
class XyPlot : public QWidget, public VectorPainted {
  Q_OBJECT

 public:
  explicit XyPlot(QWidget* parent = nullptr);

  void setFigure(const Figure& figure);
  /// Dragging chooses points that have ids.
  void setBrushing(bool brushing);
  /// These stand out.
  void setChosen(const QSet<int>& ids);
  /// What is shown of a figure over time.
  void setTime(const ShownTime& time);

  bool isOverTime() const { return figure_.over_time; }

  void paintVector(QPainter& painter, const QRect& where) override;

 signals:
  /// Ids of the points inside the rectangle that was drawn.
  void brushed(const QSet<int>& ids);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  void addSeries(const FigureSeries& series, qsizetype index);
  void addLimits();
  void addLabels();
  void placeLabels();
  void showAll();
  void hover(const QPoint& at);
  void endBrush(const QPoint& at);

  QCustomPlot* plot_;
  QRubberBand* band_;
  Figure figure_;
  QSet<int> chosen_;
  QVector<QCPItemText*> labels_;
  QCPItemStraightLine* cursor_ = nullptr;
  bool brushing_ = false;
  QPoint pressed_at_;
};

}  // namespace aisle::gui
