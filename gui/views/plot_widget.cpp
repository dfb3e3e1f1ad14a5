// SPDX-License-Identifier: Apache-2.0
#include "gui/views/plot_widget.hpp"

#include <QMouseEvent>
#include <QVBoxLayout>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace aisle::gui {

namespace {

constexpr double kBarWidth = 0.68;

}  // namespace

PlotWidget::PlotWidget(QWidget* parent) : QWidget(parent), plot_(new QCustomPlot(this)) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(plot_);
  plot_->setMouseTracking(true);
  plot_->installEventFilter(this);
  plot_->setMinimumSize(160, 120);
}

void PlotWidget::setChart(const BarChart& chart) {
  chart_ = chart;
  sums_.fill(0, chart.categories.size());
  for (const auto& series : chart.series)
    for (qsizetype i = 0; i < sums_.size(); ++i) sums_[i] += series.values[i];
  plot_->clearPlottables();
  plot_->clearItems();
  setAxes();
  addBars();
  addLimit();
  addEndLabels();
  plot_->legend->setVisible(chart_.legend);
  if (chart_.legend && plot_->plotLayout()->rowCount() == 1) {
    plot_->plotLayout()->insertRow(0);
    plot_->plotLayout()->addElement(0, 0, plot_->legend);
    plot_->plotLayout()->setRowStretchFactor(0, 0.001);
    plot_->legend->setFillOrder(QCPLegend::foColumnsFirst);
    plot_->legend->setBorderPen(Qt::NoPen);
    plot_->legend->setBrush(Qt::NoBrush);
    plot_->legend->setIconSize(12, 12);
    plot_->legend->setColumnSpacing(12);
    plot_->legend->setMargins(QMargins(4, 4, 4, 0));
  }
  plot_->legend->setFont(font());
  plot_->legend->setTextColor(palette().color(QPalette::Text));
  plot_->replot();
}

void PlotWidget::setHighlight(int category) {
  highlight_ = category;
  setChart(BarChart(chart_));
}

void PlotWidget::setAxes() {
  const QColor text = palette().color(QPalette::Text);
  const QColor line = palette().color(QPalette::Mid);
  QCPAxis* keys = chart_.horizontal ? plot_->yAxis : plot_->xAxis;
  QCPAxis* values = chart_.horizontal ? plot_->xAxis : plot_->yAxis;
  plot_->setBackground(palette().color(QPalette::Base));
  for (QCPAxis* axis : {keys, values}) {
    axis->setTickLabelFont(font());
    axis->setLabelFont(font());
    axis->setTickLabelColor(text);
    axis->setLabelColor(text);
    axis->setBasePen(QPen(line));
    axis->setTickPen(Qt::NoPen);
    axis->setSubTickPen(Qt::NoPen);
    axis->grid()->setPen(QPen(line.lighter(118), 1));
    axis->grid()->setZeroLinePen(Qt::NoPen);
  }
  keys->grid()->setVisible(false);
  const auto ticker = QSharedPointer<QCPAxisTickerText>::create();
  for (qsizetype i = 0; i < chart_.categories.size(); ++i)
    ticker->addTick(static_cast<double>(i), chart_.categories[i]);
  keys->setTicker(ticker);
  keys->setLabel(chart_.category_label);
  keys->setRange(-0.6, static_cast<double>(chart_.categories.size()) - 0.4);
  keys->setRangeReversed(chart_.horizontal);
  values->setLabel(chart_.value_label);
  double highest = std::isnan(chart_.limit) ? 0 : chart_.limit;
  for (const double sum : sums_) highest = std::max(highest, sum);
  // Room for the text at the end of the bars.
  const double room = chart_.end_labels.isEmpty() ? 1.08 : 1.22;
  values->setRange(0, highest > 0 ? highest * room : 1);
}

void PlotWidget::addBars() {
  QCPAxis* keys = chart_.horizontal ? plot_->yAxis : plot_->xAxis;
  QCPAxis* values = chart_.horizontal ? plot_->xAxis : plot_->yAxis;
  QCPBars* below = nullptr;
  for (const auto& series : chart_.series) {
    auto* bars = new QCPBars(keys, values);
    bars->setName(series.name);
    bars->setWidth(kBarWidth);
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
  if (highlight_ < 0 || highlight_ >= sums_.size()) return;
  auto* frame = new QCPItemRect(plot_);
  frame->setPen(QPen(palette().color(QPalette::Text), 2));
  const QPointF low(highlight_ - kBarWidth / 2 - 0.04, sums_[highlight_]);
  const QPointF high(highlight_ + kBarWidth / 2 + 0.04, 0);
  const auto turned = [&](QPointF p) { return chart_.horizontal ? p.transposed() : p; };
  frame->topLeft->setCoords(turned(low));
  frame->bottomRight->setCoords(turned(high));
}

void PlotWidget::addLimit() {
  if (std::isnan(chart_.limit)) return;
  const QColor colour(0xffc0392b);
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

void PlotWidget::addEndLabels() {
  for (qsizetype i = 0; i < chart_.end_labels.size(); ++i) {
    auto* label = new QCPItemText(plot_);
    label->setText(" " + chart_.end_labels[i] + " ");
    label->setFont(font());
    label->setColor(palette().color(QPalette::Text));
    const auto at = static_cast<double>(i);
    label->setPositionAlignment(chart_.horizontal ? Qt::AlignLeft | Qt::AlignVCenter
                                                  : Qt::AlignHCenter | Qt::AlignBottom);
    label->position->setCoords(chart_.horizontal ? QPointF(sums_[i], at) : QPointF(at, sums_[i]));
  }
}

int PlotWidget::categoryAt(const QPointF& at) const {
  const double key =
      chart_.horizontal ? plot_->yAxis->pixelToCoord(at.y()) : plot_->xAxis->pixelToCoord(at.x());
  const auto nearest = static_cast<int>(std::lround(key));
  const bool inside = nearest >= 0 && nearest < static_cast<int>(chart_.categories.size()) &&
                      std::abs(key - nearest) <= kBarWidth / 2;
  return inside && plot_->axisRect()->rect().contains(at.toPoint()) ? nearest : -1;
}

void PlotWidget::hover(const QPoint& at) {
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

bool PlotWidget::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::MouseMove)
    hover(static_cast<QMouseEvent*>(event)->position().toPoint());
  if (event->type() == QEvent::MouseButtonRelease)
    emit categoryClicked(categoryAt(static_cast<QMouseEvent*>(event)->position()));
  return QWidget::eventFilter(watched, event);
}

}  // namespace aisle::gui
