// SPDX-License-Identifier: Apache-2.0
#include "gui/views/memory_view.hpp"

#include "gui/models/selection.hpp"
#include "gui/views/plots/bar_plot.hpp"
#include "gui/views/style.hpp"

#include <QLabel>
#include <QStackedLayout>
#include <QToolTip>

namespace aisle::gui {

namespace {

constexpr double kBytesPerGb = 1e9;

}  // namespace

MemoryView::MemoryView(Selection* selection, QWidget* parent)
    : QWidget(parent), selection_(selection) {
  setAccessibleName("Memory");
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  pages_ = new QStackedLayout(this);
  pages_->addWidget(make_empty_state("Memory by pipeline rank",
                                     "Open a result, or run a study: weights, gradients, optimizer "
                                     "states and activations appear here below the capacity.",
                                     this));
  plot_ = new BarPlot(this);
  pages_->addWidget(plot_);
  connect(plot_, &BarPlot::categoryClicked, this,
          [this](int row) { selection_->setRank(ranks_.value(row, -1)); });
  connect(selection_, &Selection::rankChanged, this, &MemoryView::highlight);
  connect(plot_, &BarPlot::hovered, this, [this](int series, int row, const QPoint& at) {
    if (row < 0) return QToolTip::hideText();
    const auto& cells = memory_.rows[row];
    QToolTip::showText(
        at, QString("pipeline rank %1\n%2: %3\nsum: %4 of %5")
                .arg(cells.first().text, memory_.header[series + 1], cells[series + 1].text,
                     cells[cells.size() - 2].text, cells.last().text));
  });
}

void MemoryView::highlight() {
  QVector<int> rows;
  for (int row = 0; row < static_cast<int>(ranks_.size()); ++row)
    if (ranks_[row] >= 0 && ranks_[row] == selection_->rank()) rows << row;
  plot_->setHighlight(rows);
}

void MemoryView::set(const Table& memory, const QVector<int>& ranks) {
  memory_ = memory;
  ranks_ = ranks;
  pages_->setCurrentIndex(memory_.rows.isEmpty() ? 0 : 1);
  if (memory_.rows.isEmpty()) return;
  BarChart chart;
  chart.legend = true;
  chart.value_label = "memory per accelerator [GB]";
  chart.category_label = "pipeline rank";
  for (const auto& row : memory_.rows) chart.categories << row.first().text;
  // Between the rank's column and the last two, sum and capacity, each column is a use.
  for (qsizetype column = 1; column + 2 < memory_.header.size(); ++column) {
    BarSeries series{memory_.header[column], use_colour(memory_.header[column]), {}};
    for (const auto& row : memory_.rows)
      series.values << row[column].number.toDouble() / kBytesPerGb;
    chart.series << series;
  }
  const Cell& capacity = memory_.rows.first().last();
  if (capacity.number.toDouble() > 0) {
    chart.limit = capacity.number.toDouble() / kBytesPerGb;
    chart.limit_label = "capacity " + capacity.text;
  }
  plot_->setChart(chart);
}

}  // namespace aisle::gui
