// SPDX-License-Identifier: Apache-2.0
#include "gui/views/figure_view.hpp"

#include "gui/views/plots/bar_plot.hpp"
#include "gui/views/plots/xy_plot.hpp"
#include "gui/views/style.hpp"

#include <QGridLayout>
#include <QHeaderView>
#include <QLabel>
#include <QScrollArea>
#include <QStackedLayout>
#include <QTableView>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace aisle::gui {

namespace {

constexpr int kRoomForTwo = 860;    ///< pixels for two figures side by side
constexpr int kLowestFigure = 260;  ///< pixels
constexpr int kLegendLine = 17;     ///< of two names
constexpr int kBarHeight = 34, kBarFrame = 96;
constexpr int kMostRows = 200;  ///< of a table in the view; exports have all

BarChart to_chart(const Figure& figure) {
  BarChart chart;
  chart.horizontal = true;
  chart.categories = figure.categories;
  chart.value_label = figure.y_label;
  chart.category_label = figure.x_label;
  chart.end_labels = figure.end_labels;
  for (qsizetype i = 0; i < figure.series.size(); ++i) {
    const auto& series = figure.series[i];
    const QString colour = series.colour.isEmpty() ? palette_colour(i) : series.colour;
    chart.series << BarSeries{series.name, colour == "none" ? QColor() : QColor(colour), series.y};
  }
  chart.legend = std::count_if(chart.series.begin(), chart.series.end(),
                               [](const auto& series) { return series.colour.isValid(); }) > 1;
  if (!figure.limits.isEmpty()) {
    chart.limit = figure.limits.first().value;
    chart.limit_label = figure.limits.first().label;
  }
  return chart;
}

QWidget* make_cell(const QString& title, const QString& note, QWidget* content, QWidget* parent) {
  auto* cell = new QWidget(parent);
  auto* column = new QVBoxLayout(cell);
  column->setContentsMargins(10, 8, 10, 4);
  column->setSpacing(2);
  auto* heading = new QLabel(title);
  heading->setProperty("tone", "heading");
  heading->setWordWrap(true);
  column->addWidget(heading);
  if (!note.isEmpty()) {
    auto* label = new QLabel(note);
    label->setProperty("tone", "muted");
    label->setWordWrap(true);
    column->addWidget(label);
  }
  column->addWidget(content, 1);
  return cell;
}

}  // namespace

QWidget* make_plot(const Figure& figure, QWidget* parent) {
  if (!figure.isBars()) {
    auto* plot = new XyPlot(parent);
    plot->setAccessibleName(figure.title);
    const auto lines = static_cast<int>(figure.series.size());
    plot->setMinimumHeight(kLowestFigure + kLegendLine * (lines / 2));
    plot->setFigure(figure);
    return plot;
  }
  auto* plot = new BarPlot(parent);
  plot->setAccessibleName(figure.title);
  const auto bars = static_cast<int>(figure.categories.size());
  plot->setMinimumHeight(std::max(kLowestFigure / 2, kBarFrame + bars * kBarHeight));
  plot->setChart(to_chart(figure));
  QObject::connect(plot, &BarPlot::hovered, plot, [figure](int series, int bar, const QPoint& at) {
    if (series < 0 || bar < 0) return QToolTip::hideText();
    const auto& of = figure.series[series];
    QToolTip::showText(at, QString("%1\n%2: %3\n%4")
                               .arg(figure.categories[bar], of.name,
                                    QString::number(of.y[bar], 'g', 5), figure.y_label));
  });
  return plot;
}

FigureView::FigureView(const QString& name, const QString& headline, const QString& advice,
                       QWidget* parent)
    : QWidget(parent) {
  setAccessibleName(name);
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  pages_ = new QStackedLayout(this);
  pages_->addWidget(make_empty_state(headline, advice, this));
  scroll_ = new QScrollArea(this);
  scroll_->setWidgetResizable(true);
  scroll_->setFrameShape(QFrame::NoFrame);
  scroll_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* page = new QWidget;
  page->setAutoFillBackground(true);
  page->setBackgroundRole(QPalette::Base);
  auto* column = new QVBoxLayout(page);
  column->setContentsMargins(4, 4, 4, 4);
  note_ = new QLabel;
  note_->setWordWrap(true);
  note_->setContentsMargins(10, 4, 10, 0);
  note_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  column->addWidget(note_);
  grid_ = new QGridLayout;
  column->addLayout(grid_, 1);
  scroll_->setWidget(page);
  pages_->addWidget(scroll_);
}

void FigureView::set(const ViewContent& content) {
  content_ = content;
  for (auto* cell : std::exchange(cells_, {})) delete cell;
  for (const auto& figure : content.figures)
    cells_ << make_cell(figure.title, figure.note, make_plot(figure), scroll_->widget());
  figures_ = cells_.size();
  for (const auto& table : content.tables)
    if (!table.table.rows.isEmpty()) cells_ << makeTable(table);
  note_->setText(content.note);
  note_->setVisible(!content.note.isEmpty());
  pages_->setCurrentIndex(cells_.isEmpty() ? 0 : 1);
  arrange();
  if (isVisible()) followTime();
}

void FigureView::setTime(const ShownTime& time) {
  time_ = time;
  if (isVisible()) followTime();
}

void FigureView::followTime() {
  if (!time_) return;
  for (auto* plot : findChildren<XyPlot*>())
    if (plot->isOverTime()) plot->setTime(*time_);
}

void FigureView::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  followTime();
}

QWidget* FigureView::makeTable(const NamedTable& named) {
  auto* view = new QTableView;
  auto* model = new ResultTable(view);
  Table shown = named.table;
  const qsizetype all = shown.rows.size();
  shown.rows = shown.rows.mid(0, kMostRows);
  model->set(shown);
  view->setModel(model);
  view->setAccessibleName(named.name);
  view->setAlternatingRowColors(true);
  view->setShowGrid(false);
  view->verticalHeader()->hide();
  view->setSelectionBehavior(QAbstractItemView::SelectRows);
  view->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  view->horizontalHeader()->setStretchLastSection(true);
  const int rows = std::min(16, model->rowCount());
  view->setMinimumHeight(view->horizontalHeader()->sizeHint().height() +
                         rows * view->verticalHeader()->defaultSectionSize() + 20);
  const QString note =
      all > kMostRows ? QString("the first %1 of %2 rows; exports have all").arg(kMostRows).arg(all)
                      : QString();
  QString title = named.name;
  title.replace('-', ' ');
  title[0] = title[0].toUpper();
  return make_cell(title, note, view, scroll_->widget());
}

void FigureView::arrange() {
  const bool two = width() >= kRoomForTwo && figures_ > 1;
  for (auto* cell : cells_) grid_->removeWidget(cell);
  int row = 0, column = 0;
  for (qsizetype i = 0; i < cells_.size(); ++i) {
    const bool alone = !two || i >= figures_ || (i == figures_ - 1 && column == 0);
    if (alone && column == 1) {
      ++row;
      column = 0;
    }
    grid_->addWidget(cells_[i], row, column, 1, alone && two ? 2 : 1);
    grid_->setRowStretch(row, i < figures_ ? 3 : 1);
    column = alone ? 0 : 1 - column;
    if (column == 0) ++row;
  }
}

void FigureView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  arrange();
}

QVector<NamedTable> FigureView::tables() const {
  QVector<NamedTable> found;
  for (const auto& figure : content_.figures) {
    QString name = figure.title.toLower();
    found << NamedTable{name.replace(' ', '-').remove(',').remove('/'), figure_table(figure)};
  }
  return found + content_.tables;
}

}  // namespace aisle::gui
