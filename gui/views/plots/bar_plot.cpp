// SPDX-License-Identifier: Apache-2.0
#include "gui/views/plots/bar_plot.hpp"

#include "gui/views/plots/plot_style.hpp"
#include "gui/views/style.hpp"

#include <QMouseEvent>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::gui {

namespace {

constexpr double kBarWidth = 0.68;   ///< of a category's room
constexpr double kThickestBar = 46;  ///< pixels

}  // namespace

BarPlot::BarPlot(QWidget* parent) : QWidget(parent), plot_(new QCustomPlot(this)) {
  plot_->setMouseTracking(true);
  plot_->installEventFilter(this);
  setMinimumSize(160, 120);
}

void BarPlot::setChart(const BarChart& chart) {
  chart_ = chart;
  sums_.fill(0, chart.categories.size());
  starts_ = sums_;
  for (const auto& series : chart.series) {
    for (qsizetype i = 0; i < sums_.size(); ++i) {
      sums_[i] += series.values[i];
      if (!series.colour.isValid()) starts_[i] += series.values[i];
    }
  }
  plot_->clearPlottables();
  plot_->clearItems();
  frames_.clear();
  labels_.clear();
  setAxes();
  addBars();
  addLimit();
  fit();
}

void BarPlot::fit() {
  plot_->legend->setVisible(chart_.legend);
  place_legend(*plot_, *this, width());
  plot_->setViewport(QRect(QPoint(), size()));
  plot_->replot();
  // Sizes in pixels are known only now: room for the text at the end of the bars, and no bar thick
  // as a plank.
  const QCPAxisRect* area = plot_->axisRect();
  const int along = chart_.horizontal ? area->width() : area->height();
  const int across = chart_.horizontal ? area->height() : area->width();
  const double highest = placeEndLabels(along);
  (chart_.horizontal ? plot_->xAxis : plot_->yAxis)->setRange(0, highest > 0 ? highest : 1);
  const auto count = static_cast<double>(std::max<qsizetype>(1, chart_.categories.size()));
  labelCategories(across);
  bar_width_ = std::min(kBarWidth, kThickestBar * count / std::max(1, across));
  for (int i = 0; i < plot_->plottableCount(); ++i)
    if (auto* bars = qobject_cast<QCPBars*>(plot_->plottable(i))) bars->setWidth(bar_width_);
  placeFrames();
  plot_->replot();
}

void BarPlot::labelCategories(int across) {
  int longest = 0;
  for (const auto& name : chart_.categories)
    longest = std::max(longest, chart_.horizontal ? fontMetrics().height()
                                                  : fontMetrics().horizontalAdvance(name) + 8);
  const auto count = static_cast<int>(chart_.categories.size());
  const int stride = std::max(1, (longest * count + across - 1) / std::max(1, across));
  const auto ticker = QSharedPointer<QCPAxisTickerText>::create();
  for (int i = 0; i < count; i += stride) ticker->addTick(i, chart_.categories[i]);
  (chart_.horizontal ? plot_->yAxis : plot_->xAxis)->setTicker(ticker);
}

void BarPlot::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  plot_->setGeometry(rect());
  fit();
}

void BarPlot::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) setChart(BarChart(chart_));
}

void BarPlot::paintVector(QPainter& painter, const QRect& where) {
  paint_plot(*plot_, painter, where);
}

void BarPlot::setHighlight(const QVector<int>& categories) {
  highlight_ = categories;
  placeFrames();
  plot_->replot();
}

void BarPlot::placeFrames() {
  for (auto* frame : std::exchange(frames_, {})) plot_->removeItem(frame);
  for (const int category : highlight_) {
    if (category < 0 || category >= sums_.size()) continue;
    auto* frame = new QCPItemRect(plot_);
    frames_ << frame;
    frame->setPen(QPen(palette().color(QPalette::Text), 2));
    const double half = bar_width_ / 2 + 0.04;
    const QPointF top(category - half, sums_[category]);
    const QPointF bottom(category + half, 0);
    const auto turned = [&](QPointF p) { return chart_.horizontal ? p.transposed() : p; };
    frame->topLeft->setCoords(turned(top));
    frame->bottomRight->setCoords(turned(bottom));
  }
}

void BarPlot::setAxes() {
  QCPAxis* keys = chart_.horizontal ? plot_->yAxis : plot_->xAxis;
  QCPAxis* values = chart_.horizontal ? plot_->xAxis : plot_->yAxis;
  plot_->setBackground(palette().color(QPalette::Base));
  for (QCPAxis* axis : {keys, values}) style_axis(*axis, *this);
  keys->grid()->setVisible(false);
  keys->setLabel(chart_.category_label);
  keys->setRange(-0.6, static_cast<double>(chart_.categories.size()) - 0.4);
  keys->setRangeReversed(chart_.horizontal);
  values->setLabel(chart_.value_label);
  values->setTicker(QSharedPointer<QCPAxisTicker>::create());
}

void BarPlot::addBars() {
  QCPAxis* keys = chart_.horizontal ? plot_->yAxis : plot_->xAxis;
  QCPAxis* values = chart_.horizontal ? plot_->xAxis : plot_->yAxis;
  QCPBars* below = nullptr;
  for (const auto& series : chart_.series) {
    auto* bars = new QCPBars(keys, values);
    bars->setName(series.name);
    bars->setStackingGap(0);
    bars->setAntialiased(false);
    bars->setBrush(series.colour.isValid() ? QBrush(series.colour) : QBrush(Qt::NoBrush));
    bars->setPen(Qt::NoPen);
    QVector<double> at(series.values.size());
    for (qsizetype i = 0; i < at.size(); ++i) at[i] = static_cast<double>(i);
    bars->setData(at, series.values, true);
    if (below != nullptr) bars->moveAbove(below);
    if (!series.colour.isValid()) bars->removeFromLegend();
    below = bars;
  }
}

void BarPlot::addLimit() {
  if (std::isnan(chart_.limit)) return;
  const QColor colour(theme().error);
  const auto turned = [&](double key, double value) {
    return chart_.horizontal ? QPointF(value, key) : QPointF(key, value);
  };
  const auto count = static_cast<double>(chart_.categories.size());
  auto* line = new QCPItemLine(plot_);
  line->setPen(QPen(colour, 1.6, Qt::DashLine));
  line->start->setCoords(turned(-0.6, chart_.limit));
  line->end->setCoords(turned(count - 0.4, chart_.limit));
  auto* label = new QCPItemText(plot_);
  label->setText(chart_.limit_label);
  label->setFont(font());
  label->setColor(colour);
  label->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
  label->position->setCoords(turned(count - 0.45, chart_.limit));
}

double BarPlot::placeEndLabels(int along) {
  double highest = std::isnan(chart_.limit) ? 0 : chart_.limit * 1.08;
  for (const double sum : sums_) highest = std::max(highest, sum * 1.02);
  for (auto* label : std::exchange(labels_, {})) plot_->removeItem(label);
  const auto room = [&](qsizetype i) {
    return chart_.horizontal ? fontMetrics().horizontalAdvance(chart_.end_labels[i]) + 16
                             : fontMetrics().height();
  };
  // A bar that floats high enough has its text before it, and needs no room behind.
  const auto fits_before = [&](qsizetype i) {
    return chart_.horizontal && highest > 0 && starts_[i] / highest * along >= room(i);
  };
  // Room behind one bar moves the others: three rounds settle it.
  for (int round = 0; round < 3; ++round) {
    for (qsizetype i = 0; i < chart_.end_labels.size(); ++i) {
      if (fits_before(i)) continue;
      const double share = std::min(0.6, static_cast<double>(room(i)) / std::max(1, along));
      highest = std::max(highest, sums_[i] / (1 - share));
    }
  }
  for (qsizetype i = 0; i < chart_.end_labels.size(); ++i) {
    auto* label = new QCPItemText(plot_);
    labels_ << label;
    label->setText(" " + chart_.end_labels[i] + " ");
    label->setFont(font());
    label->setColor(palette().color(QPalette::Text));
    const bool before = fits_before(i);
    const double value = before ? starts_[i] : sums_[i];
    const auto key = static_cast<double>(i);
    const auto beside = Qt::AlignVCenter | (before ? Qt::AlignRight : Qt::AlignLeft);
    label->setPositionAlignment(chart_.horizontal ? beside : Qt::AlignHCenter | Qt::AlignBottom);
    label->position->setCoords(chart_.horizontal ? QPointF(value, key) : QPointF(key, value));
  }
  return highest;
}

int BarPlot::categoryAt(const QPointF& at) const {
  const double key =
      chart_.horizontal ? plot_->yAxis->pixelToCoord(at.y()) : plot_->xAxis->pixelToCoord(at.x());
  const auto nearest = static_cast<int>(std::lround(key));
  const bool inside = nearest >= 0 && nearest < static_cast<int>(chart_.categories.size()) &&
                      std::abs(key - nearest) <= bar_width_ / 2;
  return inside && plot_->axisRect()->rect().contains(at.toPoint()) ? nearest : -1;
}

void BarPlot::hover(const QPoint& at) {
  const int category = categoryAt(at);
  const double value =
      chart_.horizontal ? plot_->xAxis->pixelToCoord(at.x()) : plot_->yAxis->pixelToCoord(at.y());
  double top = 0;
  for (int s = 0; category >= 0 && value >= 0 && s < static_cast<int>(chart_.series.size()); ++s) {
    top += chart_.series[s].values[category];
    if (value < top) {
      const bool drawn = chart_.series[s].colour.isValid();
      emit hovered(drawn ? s : -1, drawn ? category : -1, plot_->mapToGlobal(at));
      return;
    }
  }
  emit hovered(-1, -1, plot_->mapToGlobal(at));
}

bool BarPlot::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::MouseMove)
    hover(static_cast<QMouseEvent*>(event)->position().toPoint());
  if (event->type() == QEvent::MouseButtonRelease)
    emit categoryClicked(categoryAt(static_cast<QMouseEvent*>(event)->position()));
  return QWidget::eventFilter(watched, event);
}

}  // namespace aisle::gui
