// SPDX-License-Identifier: Apache-2.0
#include "gui/views/breakdown_view.hpp"

#include "gui/views/plots/bar_plot.hpp"
#include "gui/views/style.hpp"

#include <QHBoxLayout>
#include <QLabel>
#include <QStackedLayout>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>

namespace aisle::gui {

namespace {

constexpr int kRoomForBoth = 900;   ///< pixels for both charts
constexpr int kRoomForTimes = 640;  ///< for times beside the shares; the axis tells them too
constexpr qsizetype kMostFamilies = 14;

}  // namespace

BreakdownView::BreakdownView(QWidget* parent) : QWidget(parent) {
  setAccessibleName("Where time goes");
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  pages_ = new QStackedLayout(this);
  pages_->addWidget(make_empty_state("Where the time goes",
                                     "Open a result, or open a study and run it: the parts of one "
                                     "step appear here and sum to its time.",
                                     this));
  auto* page = new QWidget(this);
  heading_ = new QLabel(page);
  heading_->setWordWrap(true);
  parts_plot_ = new BarPlot(page);
  families_plot_ = new BarPlot(page);
  auto* plots = new QHBoxLayout;
  plots->addWidget(parts_plot_, 1);
  plots->addWidget(families_plot_, 1);
  auto* column = new QVBoxLayout(page);
  column->setContentsMargins(0, 0, 0, 0);
  range_ = new ElidedLabel(page);
  range_->setProperty("tone", "muted");
  range_->setContentsMargins(4, 0, 4, 0);
  setRange({});
  auto* words = new QVBoxLayout;
  words->setContentsMargins(12, 8, 12, 0);
  words->addWidget(heading_);
  column->addLayout(words);
  column->addWidget(range_);
  column->addLayout(plots, 1);
  pages_->addWidget(page);
  connect(parts_plot_, &BarPlot::hovered, this,
          [this](int, int row, const QPoint& at) { showTip(parts_, row, at); });
  connect(families_plot_, &BarPlot::hovered, this,
          [this](int, int row, const QPoint& at) { showTip(families_, row, at); });
}

void BreakdownView::set(const Table& parts, const Table& families, const QString& rank) {
  parts_ = parts;
  families_ = families;
  pages_->setCurrentIndex(parts_.rows.isEmpty() ? 0 : 1);
  if (parts_.rows.isEmpty()) return;
  heading_->setText(QString("A step of <b>%1</b>%2")
                        .arg(parts_.rows.last()[1].text.toHtmlEscaped(),
                             rank.isEmpty() ? "" : " on " + rank.toHtmlEscaped()));
  showFamilies();
  arrange();
}

void BreakdownView::setRange(const QString& text) {
  range_->setText("In view: " + (text.isEmpty() ? QString("the whole step") : text));
}

void BreakdownView::showParts() {
  BarChart chart;
  chart.horizontal = true;
  chart.value_label = "time of one step [s]";
  const auto count = parts_.rows.size();
  BarSeries lift{{}, {}, QVector<double>(count, 0)};
  QVector<BarSeries> bars;
  double before = 0;
  for (qsizetype i = 0; i < count; ++i) {
    const auto& row = parts_.rows[i];
    const bool is_sum = i == count - 1;
    const double seconds = row[1].number.toDouble();
    chart.categories << row[0].text;
    chart.end_labels << (is_sum  ? QString()
                         : wide_ ? row[1].text + "  " + row[2].text
                                 : row[2].text);
    lift.values[i] = is_sum ? 0 : before;
    // The sum is drawn as the stack of all parts.
    if (is_sum) {
      for (qsizetype part = 0; part < bars.size(); ++part)
        bars[part].values[i] = parts_.rows[part][1].number.toDouble();
    } else {
      bars.push_back({row[0].text, QColor(row[0].colour), QVector<double>(count, 0)});
      bars.last().values[i] = seconds;
    }
    before += seconds;
  }
  chart.series = QVector<BarSeries>{lift} + bars;
  parts_plot_->setChart(chart);
}

void BreakdownView::showFamilies() {
  BarChart chart;
  chart.horizontal = true;
  chart.value_label = "busy time of kernel families in one step [s]";
  const auto count = std::min(families_.rows.size(), kMostFamilies);
  BarSeries bars{"busy time", kind_colour(SpanKind::compute), {}};
  for (qsizetype i = 0; i < count; ++i) {
    const auto& row = families_.rows[i];
    chart.categories << row[0].text;
    chart.end_labels << row[1].text + "  " + row[2].text;
    bars.values << row[1].number.toDouble();
  }
  chart.series = {bars};
  families_plot_->setChart(chart);
}

void BreakdownView::arrange() {
  families_plot_->setVisible(width() >= kRoomForBoth && !families_.rows.isEmpty());
  wide_ = width() >= kRoomForTimes;
  if (!parts_.rows.isEmpty()) showParts();
}

void BreakdownView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  arrange();
}

void BreakdownView::showTip(const Table& table, int row, const QPoint& global) const {
  if (row < 0 || row >= table.rows.size()) return QToolTip::hideText();
  QStringList lines;
  for (qsizetype column = 0; column < table.header.size(); ++column)
    lines << table.header[column] + ": " + table.rows[row][column].text;
  QToolTip::showText(global, lines.join('\n'));
}

}  // namespace aisle::gui
