// SPDX-License-Identifier: Apache-2.0
#include "gui/views/plots/plot_style.hpp"

#include "gui/views/style.hpp"

#include <qcustomplot.h>

#include <algorithm>

namespace aisle::gui {

namespace {

constexpr int kLegendItemExtra = 40;  ///< pixels of icon and gaps beside a legend text

}  // namespace

void style_axis(QCPAxis& axis, const QWidget& widget) {
  const QColor text = widget.palette().color(QPalette::Text);
  axis.setTickLabelFont(widget.font());
  axis.setLabelFont(widget.font());
  axis.setTickLabelColor(text);
  axis.setLabelColor(text);
  axis.setBasePen(QPen(QColor(theme().axis)));
  axis.setTickPen(Qt::NoPen);
  axis.setSubTickPen(Qt::NoPen);
  axis.grid()->setPen(QPen(QColor(theme().line), 1));
  axis.grid()->setZeroLinePen(Qt::NoPen);
}

void place_legend(QCustomPlot& plot, const QWidget& widget, int width) {
  QCPLegend* legend = plot.legend;
  legend->setFont(widget.font());
  legend->setTextColor(widget.palette().color(QPalette::Text));
  if (!legend->visible()) return;
  if (plot.plotLayout()->rowCount() == 1) {
    // A layout of its own, where an empty neighbour takes the room that the legend does not need.
    auto* row = new QCPLayoutGrid;
    plot.plotLayout()->insertRow(0);
    plot.plotLayout()->addElement(0, 0, row);
    row->addElement(0, 0, legend);
    row->addElement(0, 1, new QCPLayoutElement);
    plot.plotLayout()->setRowStretchFactor(0, 0.001);
    legend->setBorderPen(Qt::NoPen);
    legend->setBrush(Qt::NoBrush);
    legend->setIconSize(12, 12);
    legend->setColumnSpacing(10);
    legend->setRowSpacing(0);
    legend->setMargins(QMargins(10, 6, 4, 0));
  }
  int widest = 1;
  for (int i = 0; i < legend->itemCount(); ++i) {
    auto* item = qobject_cast<QCPPlottableLegendItem*>(legend->item(i));
    if (item == nullptr) continue;
    const int text = widget.fontMetrics().horizontalAdvance(item->plottable()->name());
    widest = std::max(widest, text + kLegendItemExtra);
  }
  const int columns = std::clamp(width / widest, 1, std::max(1, legend->itemCount()));
  legend->setWrap(columns);
  legend->setFillOrder(QCPLegend::foColumnsFirst);
  legend->setMaximumSize(columns * widest, QWIDGETSIZE_MAX);
}

void paint_plot(QCustomPlot& plot, QPainter& painter, const QRect& where) {
  // The painter that is given cannot be shared with QCustomPlot's own kind of painter: its picture
  // is recorded and replayed.
  QPicture picture;
  QCPPainter recorder(&picture);
  recorder.setMode(QCPPainter::pmVectorized);
  recorder.setMode(QCPPainter::pmNoCaching);
  plot.toPainter(&recorder, where.width(), where.height());
  recorder.end();
  painter.drawPicture(where.topLeft(), picture);
}

}  // namespace aisle::gui
