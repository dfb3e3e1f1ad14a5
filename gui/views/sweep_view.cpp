// SPDX-License-Identifier: Apache-2.0
#include "gui/views/sweep_view.hpp"

#include "gui/views/figure_view.hpp"
#include "gui/views/plots/heat_plot.hpp"
#include "gui/views/plots/xy_plot.hpp"
#include "gui/views/style.hpp"

#include <QCheckBox>
#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPainter>
#include <QPushButton>
#include <QSplitter>
#include <QStackedLayout>
#include <QStyle>
#include <QStyledItemDelegate>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace aisle::gui {

namespace {

/// Chosen points stand out.
class ChosenDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    if (index.data(SweepModel::kChosen).toBool())
      painter->fillRect(option.rect, QColor(theme().chosen));
    QStyledItemDelegate::paint(painter, option, index);
  }
};

QLabel* tone(const QString& text, const char* name) {
  auto* label = new QLabel(text);
  label->setProperty("tone", name);
  return label;
}

}  // namespace

SweepView::SweepView(SweepModel* model, QWidget* parent) : QWidget(parent), model_(model) {
  setAccessibleName("Sweep");
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  auto* page = new QWidget;
  auto* split = new QSplitter(Qt::Vertical);
  split->addWidget(makePlots());
  split->addWidget(makeTable());
  split->setSizes({430, 260});
  auto* inner = new QVBoxLayout(page);
  inner->setContentsMargins(0, 0, 0, 0);
  inner->addWidget(split);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(makeBar());
  auto* rest = new QWidget;
  pages_ = new QStackedLayout(rest);
  pages_->addWidget(make_empty_state("No sweep open",
                                     "Open the database of a sweep, or a scenario with a sweep { } "
                                     "block and press Run sweep: each "
                                     "point becomes a row here, while it runs too.",
                                     rest));
  pages_->addWidget(page);
  column->addWidget(rest, 1);
  connect(model_, &QAbstractItemModel::modelReset, this, [this] {
    if (model_->sweep() != nullptr && title_->text() != model_->sweep()->path) sweepChanged();
  });
  connect(model_, &SweepModel::shownChanged, this, &SweepView::refresh);
  connect(model_, &SweepModel::chosenChanged, this,
          [this] { scatter_->setChosen(model_->chosen()); });
}

QWidget* SweepView::makeBar() {
  auto* bar = new QWidget;
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(8, 6, 8, 6);
  title_ = new QLabel;
  title_->hide();
  filter_ = new QLineEdit;
  filter_->setAccessibleName("Filter of the points");
  filter_->setPlaceholderText(
      "Filter: step_time_s < 20; tensor = 8; done (names are in the tips of the headers)");
  filter_->setClearButtonEnabled(true);
  only_chosen_ = new QCheckBox("Only chosen");
  count_ = tone({}, "muted");
  auto* open = new QPushButton("Open...");
  auto* run = new QPushButton("Run sweep");
  run->setToolTip("Run the sweep of the scenario in work, or go on with it");
  auto* again = new QPushButton("Read again");
  again->setToolTip("Read the database again; it may be written to meanwhile");
  connect(filter_, &QLineEdit::textChanged, this, &SweepView::filter);
  connect(only_chosen_, &QCheckBox::toggled, model_, &SweepModel::setOnlyChosen);
  connect(open, &QPushButton::clicked, this, &SweepView::openAsked);
  connect(run, &QPushButton::clicked, this, &SweepView::runAsked);
  connect(again, &QPushButton::clicked, this, &SweepView::readAgainAsked);
  row->addWidget(filter_, 1);
  row->addWidget(only_chosen_);
  row->addWidget(count_);
  for (auto* button : {open, run, again}) row->addWidget(button);
  return bar;
}

QWidget* SweepView::makeChoices(const QList<QPair<QString, QComboBox*>>& choices, QWidget* plot) {
  auto* page = new QWidget;
  page->setAutoFillBackground(true);
  page->setBackgroundRole(QPalette::Base);
  auto* column = new QVBoxLayout(page);
  column->setContentsMargins(8, 6, 8, 4);
  auto* row = new QHBoxLayout;
  for (const auto& [name, box] : choices) {
    row->addWidget(tone(name, "muted"));
    row->addWidget(box);
    box->setAccessibleName(name);
    box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    connect(box, &QComboBox::currentIndexChanged, this, [this] {
      if (!filling_) refresh();
    });
  }
  row->addStretch();
  column->addLayout(row);
  column->addWidget(plot, 1);
  return page;
}

QWidget* SweepView::makePlots() {
  for (auto** box : {&x_, &y_, &colour_, &heat_x_, &heat_y_, &heat_value_, &tornado_value_})
    *box = new QComboBox;
  scatter_ = new XyPlot;
  scatter_->setAccessibleName("Scatter of the points");
  scatter_->setBrushing(true);
  connect(scatter_, &XyPlot::brushed, model_, &SweepModel::setChosen);
  heat_ = new HeatPlot;
  heat_->setAccessibleName("Heat map");
  tornado_page_ = new QWidget;
  new QVBoxLayout(tornado_page_);
  plots_ = new QTabWidget;
  plots_->setDocumentMode(true);
  plots_->addTab(makeChoices({{"across", x_}, {"up", y_}, {"colour", colour_}}, scatter_),
                 "Scatter");
  plots_->addTab(makeChoices({{"across", heat_x_}, {"up", heat_y_}, {"value", heat_value_}}, heat_),
                 "Heat map");
  plots_->addTab(makeChoices({{"metric", tornado_value_}}, tornado_page_), "Tornado");
  connect(plots_, &QTabWidget::currentChanged, this, &SweepView::refresh);
  return plots_;
}

QWidget* SweepView::makeTable() {
  table_ = new QTableView;
  table_->setModel(model_);
  table_->setAccessibleName("Points of the sweep");
  table_->setItemDelegate(new ChosenDelegate(table_));
  table_->setSortingEnabled(true);
  table_->sortByColumn(-1, Qt::AscendingOrder);
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setAlternatingRowColors(true);
  table_->setShowGrid(false);
  table_->setWordWrap(false);
  table_->verticalHeader()->hide();
  // Every row as high as any: nothing is measured while 100,000 of them scroll.
  table_->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table_->verticalHeader()->setDefaultSectionSize(table_->fontMetrics().height() + 8);
  connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] {
    QSet<int> rows;
    for (const auto& range : table_->selectionModel()->selection())
      for (int row = range.top(); row <= range.bottom(); ++row) rows << model_->shown()[row];
    if (!rows.isEmpty()) model_->setChosen(rows);
  });
  return table_;
}

void SweepView::fill(QComboBox* box, const QStringList& names, const QString& wanted) {
  box->clear();
  for (const auto& name : names) box->addItem(model_->sweep()->column(name)->title(), name);
  const int at = box->findData(wanted);
  box->setCurrentIndex(at >= 0 ? at : 0);
}

void SweepView::sweepChanged() {
  const SweepData& sweep = *model_->sweep();
  filling_ = true;
  title_->setText(sweep.path);
  filter_->clear();
  only_chosen_->setChecked(false);
  const QStringList axes = sweep.axes(), metrics = sweep.metrics();
  fill(x_, metrics, metrics.contains("hbm_peak_bytes") ? "hbm_peak_bytes" : "cost_usd");
  fill(y_, metrics, "step_time_s");
  fill(colour_, axes, axes.value(0));
  colour_->insertItem(0, "none", "");
  fill(heat_x_, axes, axes.value(0));
  fill(heat_y_, axes, axes.value(1, axes.value(0)));
  fill(heat_value_, metrics, "step_time_s");
  fill(tornado_value_, metrics, "step_time_s");
  for (int column = 0; column < model_->columnCount(); ++column) {
    const QString name = model_->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
    table_->setColumnWidth(column,
                           std::max(90, table_->fontMetrics().horizontalAdvance(name) + 24));
  }
  filling_ = false;
  pages_->setCurrentIndex(1);
}

void SweepView::filter() {
  if (filling_) return;
  const QString error = model_->setFilter(filter_->text());
  count_->setProperty("tone", error.isEmpty() ? "muted" : "error");
  count_->style()->polish(count_);
  if (!error.isEmpty()) count_->setText(error);
}

void SweepView::refresh() {
  if (model_->sweep() == nullptr || filling_) return;
  const SweepData& sweep = *model_->sweep();
  const auto& rows = model_->shown();
  count_->setText(QString("%L1 of %L2 points").arg(rows.size()).arg(sweep.rows));
  const auto chosen = [](const QComboBox* box) { return box->currentData().toString(); };
  switch (plots_->currentIndex()) {
    case 0:
      scatter_->setFigure(scatter_figure(sweep, rows, chosen(x_), chosen(y_), chosen(colour_)));
      scatter_->setChosen(model_->chosen());
      break;
    case 1:
      heat_->setFigure(
          heat_figure(sweep, rows, chosen(heat_x_), chosen(heat_y_), chosen(heat_value_)));
      break;
    default: {
      while (auto* item = tornado_page_->layout()->takeAt(0)) {
        delete item->widget();
        delete item;
      }
      const Figure figure = tornado_figure(sweep, rows, chosen(tornado_value_));
      tornado_page_->layout()->addWidget(
          figure.isBars()
              ? make_plot(figure)
              : tone("Nothing moves this metric among the points that are shown.", "muted"));
    }
  }
}

QVector<NamedTable> SweepView::tables() const {
  if (model_->sweep() == nullptr) return {};
  const SweepData& sweep = *model_->sweep();
  Table points;
  for (const auto& column : sweep.columns) points.header << column.name;
  for (const int row : model_->shown()) {
    QVector<Cell> cells;
    for (const auto& column : sweep.columns) {
      const double number =
          column.numeric ? column.numbers[static_cast<std::size_t>(row)] : std::nan("");
      cells << (std::isnan(number) ? Cell{column.text(row), {}, {}}
                                   : Cell{column.text(row), number, {}});
    }
    points.rows << cells;
  }
  const auto chosen = [](const QComboBox* box) { return box->currentData().toString(); };
  return {
      {"points", points},
      {"heat-map", heat_table(heat_figure(sweep, model_->shown(), chosen(heat_x_), chosen(heat_y_),
                                          chosen(heat_value_)))},
      {"tornado", figure_table(tornado_figure(sweep, model_->shown(), chosen(tornado_value_)))}};
}

}  // namespace aisle::gui
