// SPDX-License-Identifier: Apache-2.0
#include "gui/views/plots/xy_plot.hpp"

#include "gui/views/plots/plot_style.hpp"
#include "gui/views/style.hpp"

#include <QMouseEvent>
#include <QRubberBand>
#include <QToolTip>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::gui {

namespace {

constexpr double kReach = 12;  ///< pixels from the pointer to a point that it means
constexpr double kMargin = 0.04;

}  // namespace

XyPlot::XyPlot(QWidget* parent)
    : QWidget(parent),
      plot_(new QCustomPlot(this)),
      band_(new QRubberBand(QRubberBand::Rectangle, plot_)) {
  setMinimumSize(200, 150);
  plot_->setMouseTracking(true);
  plot_->installEventFilter(this);
  plot_->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  plot_->setNoAntialiasingOnDrag(true);
}

void XyPlot::setBrushing(bool brushing) {
  brushing_ = brushing;
  plot_->setInteraction(QCP::iRangeDrag, !brushing);
}

void XyPlot::setFigure(const Figure& figure) {
  figure_ = figure;
  plot_->clearPlottables();
  plot_->clearItems();
  cursor_ = nullptr;
  labels_.clear();
  plot_->setBackground(palette().color(QPalette::Base));
  for (auto* axis : {plot_->xAxis, plot_->yAxis}) {
    const bool log = axis == plot_->xAxis ? figure.log_x : figure.log_y;
    style_axis(*axis, *this);
    axis->setScaleType(log ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    axis->setTicker(log ? QSharedPointer<QCPAxisTicker>(new QCPAxisTickerLog)
                        : QSharedPointer<QCPAxisTicker>(new QCPAxisTicker));
    axis->setNumberFormat(log ? "eb" : "gb");
    axis->setNumberPrecision(log ? 0 : 5);
  }
  plot_->xAxis->setLabel(figure.x_label);
  plot_->yAxis->setLabel(figure.y_label);
  for (qsizetype i = 0; i < figure.series.size(); ++i) addSeries(figure.series[i], i);
  addLabels();
  plot_->legend->setVisible(figure.series.size() > 1);
  place_legend(*plot_, *this, width());
  showAll();
  addLimits();
  setChosen(std::exchange(chosen_, {}));
}

void XyPlot::addSeries(const FigureSeries& series, qsizetype index) {
  auto* graph = plot_->addGraph();
  graph->setName(series.name);
  graph->setData(series.x, series.y);
  const QColor colour(series.colour.isEmpty() ? palette_colour(index) : series.colour);
  graph->setPen(QPen(colour, series.x.size() > 500 ? 1.1 : 1.6));
  if (series.style == FigureSeries::Style::steps) graph->setLineStyle(QCPGraph::lsStepLeft);
  if (series.style != FigureSeries::Style::points) return;
  graph->setLineStyle(QCPGraph::lsNone);
  const double size = series.x.size() > 2000 ? 3 : 7;
  graph->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, colour, colour, size));
}

void XyPlot::addLabels() {
  for (const auto& series : figure_.series) {
    for (qsizetype i = 0; i < series.labels.size(); ++i) {
      auto* label = new QCPItemText(plot_);
      label->setText(series.labels[i]);
      label->setFont(font());
      label->setColor(palette().color(QPalette::Text));
      label->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
      label->position->setCoords(series.x[i], series.y[i]);
      label->setPadding(QMargins(8, 0, 0, 0));
      labels_ << label;
    }
  }
}

/// Each label stands right of its point, or else left, above or below, where no other one stands;
/// nowhere if there is no such place (its tool-tip has it).
void XyPlot::placeLabels() {
  QVector<QRectF> taken;
  const QRectF area = plot_->axisRect()->rect();
  const auto point_of = [&](const QCPItemText& label) {
    return QPointF(plot_->xAxis->coordToPixel(label.position->key()),
                   plot_->yAxis->coordToPixel(label.position->value()));
  };
  for (const auto* label : labels_) {
    const QPointF at = point_of(*label);
    taken << QRectF(at.x() - 4, at.y() - 4, 8, 8);
  }
  for (auto* label : labels_) {
    const QPointF at = point_of(*label);
    const double wide = fontMetrics().horizontalAdvance(label->text()),
                 high = fontMetrics().height();

    const struct {
      QRectF box;
      Qt::Alignment alignment;
      QMargins padding;
    } places[] = {{{at.x() + 8, at.y() - high / 2, wide, high},
                   Qt::AlignLeft | Qt::AlignVCenter,
                   {8, 0, 0, 0}},
                  {{at.x() - 8 - wide, at.y() - high / 2, wide, high},
                   Qt::AlignRight | Qt::AlignVCenter,
                   {0, 0, 8, 0}},
                  {{at.x() - wide / 2, at.y() - 6 - high, wide, high},
                   Qt::AlignHCenter | Qt::AlignBottom,
                   {0, 0, 0, 6}},
                  {{at.x() - wide / 2, at.y() + 6, wide, high},
                   Qt::AlignHCenter | Qt::AlignTop,
                   {0, 6, 0, 0}}};

    label->setVisible(false);
    for (const auto& place : places) {
      const bool free = area.contains(place.box) &&
                        std::none_of(taken.begin(), taken.end(), [&](const QRectF& other) {
                          return other.intersects(place.box);
                        });
      if (!free) continue;
      label->setPositionAlignment(place.alignment);
      label->setPadding(place.padding);
      label->setVisible(true);
      taken << place.box;
      break;
    }
  }
}

void XyPlot::addLimits() {
  for (const auto& limit : figure_.limits) {
    auto* line = new QCPItemStraightLine(plot_);
    line->setPen(QPen(QColor(theme().error), 1.4, Qt::DashLine));
    line->point1->setCoords(plot_->xAxis->range().lower, limit.value);
    line->point2->setCoords(plot_->xAxis->range().upper, limit.value);
    auto* label = new QCPItemText(plot_);
    label->setText(limit.label);
    label->setFont(font());
    label->setColor(QColor(theme().error));
    label->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
    label->position->setTypeX(QCPItemPosition::ptAxisRectRatio);
    label->position->setTypeY(QCPItemPosition::ptPlotCoords);
    label->position->setCoords(0.99, limit.value);
  }
}

void XyPlot::showAll() {
  plot_->rescaleAxes();
  for (auto* axis : {plot_->xAxis, plot_->yAxis}) {
    QCPRange range = axis->range();
    for (const auto& limit : figure_.limits)
      if (axis == plot_->yAxis) range.expand(limit.value * 1.06);
    if (axis->scaleType() == QCPAxis::stLogarithmic) {
      axis->setRange(range.lower * 0.8, range.upper * 1.25);
      continue;
    }
    // A scale from 0 where that leaves the lines legible.
    if (axis == plot_->yAxis && range.lower > 0 && range.lower < 0.7 * range.upper) range.lower = 0;
    const double room = std::max(range.size(), 1e-12) * kMargin;
    axis->setRange(range.lower == 0 ? 0 : range.lower - room, range.upper + room);
  }
  plot_->replot();
  placeLabels();
  plot_->replot();
}

void XyPlot::setChosen(const QSet<int>& ids) {
  chosen_ = ids;
  // A graph of its own above the others.
  constexpr auto kName = "chosen";
  for (int i = plot_->graphCount() - 1; i >= 0; --i)
    if (plot_->graph(i)->name() == kName) plot_->removeGraph(i);
  QVector<double> x, y;
  for (const auto& series : figure_.series) {
    for (qsizetype i = 0; i < series.ids.size(); ++i) {
      if (!chosen_.contains(series.ids[i])) continue;
      x << series.x[i];
      y << series.y[i];
    }
  }
  if (!x.isEmpty()) {
    auto* graph = plot_->addGraph();
    graph->setName(kName);
    graph->setData(x, y);
    graph->setLineStyle(QCPGraph::lsNone);
    graph->removeFromLegend();
    graph->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssCircle, QColor(theme().error), Qt::transparent, 9));
  }
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

void XyPlot::setTime(const ShownTime& time) {
  plot_->xAxis->setRange(time.from, time.to);
  if (cursor_ == nullptr) {
    cursor_ = new QCPItemStraightLine(plot_);
    cursor_->setPen(QPen(palette().color(QPalette::Text), 1, Qt::DashLine));
  }
  cursor_->setVisible(time.cursor.has_value());
  cursor_->point1->setCoords(time.cursor.value_or(0), 0);
  cursor_->point2->setCoords(time.cursor.value_or(0), 1);
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

void XyPlot::hover(const QPoint& at) {
  double nearest = kReach;
  QString text;
  for (const auto& series : figure_.series) {
    if (series.x.size() > 50000) continue;
    for (qsizetype i = 0; i < series.x.size(); ++i) {
      const double dx = plot_->xAxis->coordToPixel(series.x[i]) - at.x();
      if (std::abs(dx) >= nearest) continue;
      const double distance = std::hypot(dx, plot_->yAxis->coordToPixel(series.y[i]) - at.y());
      if (distance >= nearest) continue;
      nearest = distance;
      const QString name = i < series.labels.size() ? series.labels[i] : series.name;
      text = QString("%1\n%2: %3\n%4: %5")
                 .arg(name, figure_.x_label, QString::number(series.x[i], 'g', 5), figure_.y_label,
                      QString::number(series.y[i], 'g', 5));
    }
  }
  if (text.isEmpty()) return QToolTip::hideText();
  QToolTip::showText(plot_->mapToGlobal(at), text, plot_);
}

void XyPlot::endBrush(const QPoint& at) {
  band_->hide();
  const QRect box = QRect(pressed_at_, at).normalized();
  QSet<int> inside;
  const double left = plot_->xAxis->pixelToCoord(box.left());
  const double right = plot_->xAxis->pixelToCoord(box.right() + 1);
  const double top = plot_->yAxis->pixelToCoord(box.top());
  const double bottom = plot_->yAxis->pixelToCoord(box.bottom() + 1);
  for (const auto& series : figure_.series)
    for (qsizetype i = 0; i < series.ids.size(); ++i)
      if (series.x[i] >= left && series.x[i] <= right && series.y[i] >= bottom &&
          series.y[i] <= top)
        inside << series.ids[i];
  emit brushed(inside);
}

bool XyPlot::eventFilter(QObject* watched, QEvent* event) {
  const auto* mouse = static_cast<QMouseEvent*>(event);
  switch (event->type()) {
    case QEvent::MouseButtonPress:
      pressed_at_ = mouse->position().toPoint();
      if (brushing_) {
        band_->setGeometry(QRect(pressed_at_, QSize()));
        band_->show();
      }
      break;
    case QEvent::MouseMove:
      if (mouse->buttons() == Qt::NoButton) hover(mouse->position().toPoint());
      if (brushing_ && mouse->buttons() != Qt::NoButton)
        band_->setGeometry(QRect(pressed_at_, mouse->position().toPoint()).normalized());
      break;
    case QEvent::MouseButtonRelease:
      if (brushing_) endBrush(mouse->position().toPoint());
      break;
    case QEvent::MouseButtonDblClick:
      showAll();
      break;
    case QEvent::Wheel:
      QMetaObject::invokeMethod(
          this, [this] { placeLabels(); }, Qt::QueuedConnection);
      break;
    default:
      break;
  }
  return QWidget::eventFilter(watched, event);
}

void XyPlot::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  plot_->setGeometry(rect());
  plot_->setViewport(rect());
  place_legend(*plot_, *this, width());
  plot_->replot();
  placeLabels();
  plot_->replot();
}

void XyPlot::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) setFigure(Figure(figure_));
}

void XyPlot::paintVector(QPainter& painter, const QRect& where) {
  paint_plot(*plot_, painter, where);
}

}  // namespace aisle::gui
