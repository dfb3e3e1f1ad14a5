// SPDX-License-Identifier: Apache-2.0
#include "gui/views/plots/heat_plot.hpp"

#include "gui/views/plots/plot_style.hpp"
#include "gui/views/style.hpp"

#include <QMouseEvent>
#include <QToolTip>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace aisle::gui {

namespace {

constexpr qsizetype kMostWritten = 200;  ///< cells up to which each carries its number
constexpr int kRoomForNumber = 44;       ///< pixels of a cell's width

/// From dark blue to yellow, evenly in lightness (after viridis): legible to everybody and in grey.
QCPColorGradient gradient() {
  QCPColorGradient colours;
  colours.clearColorStops();
  colours.setColorStops({{0.0, QColor(0xff440154)},
                         {0.25, QColor(0xff3b528b)},
                         {0.5, QColor(0xff21918c)},
                         {0.75, QColor(0xff5ec962)},
                         {1.0, QColor(0xfffde725)}});
  colours.setNanHandling(QCPColorGradient::nhTransparent);
  return colours;
}

QSharedPointer<QCPAxisTicker> ticker_of(const QStringList& names, int room, int each) {
  const auto ticker = QSharedPointer<QCPAxisTickerText>::create();
  const auto count = static_cast<int>(names.size());
  const int stride = std::max(1, count * each / std::max(1, room));
  for (int i = 0; i < count; i += stride) ticker->addTick(i, names[i]);
  return ticker;
}

}  // namespace

HeatPlot::HeatPlot(QWidget* parent)
    : QWidget(parent), plot_(new QCustomPlot(this)), scale_(new QCPColorScale(plot_)) {
  setMinimumSize(240, 180);
  plot_->setMouseTracking(true);
  plot_->installEventFilter(this);
  plot_->plotLayout()->addElement(0, 1, scale_);
  scale_->setType(QCPAxis::atRight);
}

void HeatPlot::setFigure(const HeatFigure& figure) {
  figure_ = figure;
  plot_->clearPlottables();
  plot_->clearItems();
  plot_->setBackground(palette().color(QPalette::Base));
  for (auto* axis : {plot_->xAxis, plot_->yAxis, scale_->axis()}) {
    style_axis(*axis, *this);
    axis->grid()->setVisible(false);
  }
  plot_->xAxis->setLabel(figure.x_label);
  plot_->yAxis->setLabel(figure.y_label);
  scale_->axis()->setLabel(figure.value_label);
  const auto columns = static_cast<int>(figure.x.size()), lines = static_cast<int>(figure.y.size());
  const bool any = std::any_of(figure.values.begin(), figure.values.end(),
                               [](double value) { return !std::isnan(value); });
  scale_->setVisible(any);
  if (!any) return plot_->replot();
  auto* map = new QCPColorMap(plot_->xAxis, plot_->yAxis);
  map->data()->setSize(columns, lines);
  map->data()->setRange(QCPRange(0, std::max(1, columns - 1)), QCPRange(0, std::max(1, lines - 1)));
  for (int y = 0; y < lines; ++y)
    for (int x = 0; x < columns; ++x) map->data()->setCell(x, y, figure.values[y * columns + x]);
  map->setInterpolate(false);
  map->setTightBoundary(false);
  map->setGradient(gradient());
  map->setColorScale(scale_);
  map->rescaleDataRange(true);
  plot_->xAxis->setRange(-0.5, columns - 0.5);
  plot_->yAxis->setRange(-0.5, lines - 0.5);
  const QCPRange range = map->dataRange();
  const bool written =
      figure.values.size() <= kMostWritten && width() / std::max(1, columns) > kRoomForNumber;
  for (int i = 0; written && i < columns * lines; ++i) {
    if (std::isnan(figure.values[i])) continue;
    auto* number = new QCPItemText(plot_);
    number->setText(QString::number(figure.values[i], 'g', 4));
    number->setFont(font());
    const double share = range.size() > 0 ? (figure.values[i] - range.lower) / range.size() : 0;
    number->setColor(QColor(share > 0.6 ? 0xff1f2933 : 0xffffffff));
    number->position->setCoords(i % columns, i / columns);
  }
  plot_->xAxis->setTicker(ticker_of(figure.x, width(), 70));
  plot_->yAxis->setTicker(ticker_of(figure.y, height(), 20));
  plot_->replot();
}

bool HeatPlot::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::MouseMove) {
    const QPointF at = static_cast<QMouseEvent*>(event)->position();
    const auto x = std::lround(plot_->xAxis->pixelToCoord(at.x()));
    const auto y = std::lround(plot_->yAxis->pixelToCoord(at.y()));
    const bool inside = plot_->axisRect()->rect().contains(at.toPoint()) && x >= 0 && y >= 0 &&
                        x < figure_.x.size() && y < figure_.y.size();
    const double value = inside ? figure_.values[y * figure_.x.size() + x] : std::nan("");
    if (std::isnan(value))
      QToolTip::hideText();
    else
      QToolTip::showText(plot_->mapToGlobal(at.toPoint()),
                         QString("%1 = %2\n%3 = %4\n%5: %6")
                             .arg(figure_.x_label, figure_.x[x], figure_.y_label, figure_.y[y],
                                  figure_.value_label, QString::number(value, 'g', 5)),
                         plot_);
  }
  return QWidget::eventFilter(watched, event);
}

void HeatPlot::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  plot_->setGeometry(rect());
  plot_->setViewport(rect());
  setFigure(HeatFigure(figure_));
}

void HeatPlot::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) setFigure(HeatFigure(figure_));
}

void HeatPlot::paintVector(QPainter& painter, const QRect& where) {
  paint_plot(*plot_, painter, where);
}

}  // namespace aisle::gui
