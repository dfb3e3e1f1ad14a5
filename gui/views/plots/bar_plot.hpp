// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/views/plots/vector_painted.hpp"

#include <QColor>
#include <QPointF>
#include <QString>
#include <QStringList>
#include <QVector>
#include <QWidget>

#include <limits>

class QCPItemRect;
class QCPItemText;
class QCustomPlot;

namespace aisle::gui {

/// Values stacked on those of the series before it. `colour` invalid: nothing is drawn, the next
/// series floats.
struct BarSeries {
  QString name;
  QColor colour;
  QVector<double> values;  ///< [categories]
};

struct BarChart {
  QStringList categories;
  QVector<BarSeries> series;
  QString value_label, category_label;  ///< with unit
  QStringList end_labels;               ///< text at the end of each bar, or none
  bool horizontal = false;              ///< first category on top
  bool legend = false;
  double limit = std::numeric_limits<double>::quiet_NaN();  ///< line across; NaN: none
  QString limit_label;
};

/// Stacked bars.
class BarPlot : public QWidget, public VectorPainted {
  Q_OBJECT

 public:
  explicit BarPlot(QWidget* parent = nullptr);

  void setChart(const BarChart& chart);
  /// Emphasises these categories, and no other.
  void setHighlight(const QVector<int>& categories);
  void paintVector(QPainter& painter, const QRect& where) override;

 signals:
  void categoryClicked(int category);
  /// The pointer is over a bar; series and category -1 when it is not.
  void hovered(int series, int category, const QPoint& global);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  void addBars();
  void addLimit();
  /// Returns the end of the value axis that leaves room for the texts; `along`: its pixels.
  double placeEndLabels(int along);
  void setAxes();
  void fit();
  void placeFrames();
  void labelCategories(int across);
  void hover(const QPoint& at);
  int categoryAt(const QPointF& at) const;

  QCustomPlot* plot_;
  BarChart chart_;
  QVector<double> starts_, sums_;  ///< [categories] where the drawn bar begins and ends
  double bar_width_ = 1;           ///< in categories
  QVector<int> highlight_;
  QVector<QCPItemRect*> frames_;
  QVector<QCPItemText*> labels_;
};

}  // namespace aisle::gui
