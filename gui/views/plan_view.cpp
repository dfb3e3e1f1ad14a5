// SPDX-License-Identifier: Apache-2.0
#include "gui/views/plan_view.hpp"

#include "gui/views/figure_view.hpp"
#include "gui/views/style.hpp"

#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSplitter>
#include <QStackedLayout>
#include <QStyledItemDelegate>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>

namespace aisle::gui {

namespace {

constexpr int kWhatWidth = 300, kWholeWidth = 170, kQuarterWidth = 84;

/// Values that stand in the text are bold; between them the one before holds.
class StatedDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    option->font.setBold(index.data(PlanTable::kStated).toBool());
    if (index.column() > PlanTable::kWhat)
      option->displayAlignment = Qt::AlignRight | Qt::AlignVCenter;
  }
};

/// What a table shows, as it can be taken away.
Table to_table(const PlanTable& model) {
  Table table;
  for (int column = 0; column < model.columnCount(); ++column)
    table.header << model.headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
  for (int row = 0; row < model.rowCount(); ++row) {
    QVector<Cell> cells;
    for (int column = 0; column < model.columnCount(); ++column)
      cells << Cell{model.index(row, column).data().toString(), {}, {}};
    table.rows << cells;
  }
  return table;
}

}  // namespace

PlanView::PlanView(ScenarioDocument* document, QWidget* parent)
    : QWidget(parent),
      document_(document),
      demand_(document, PlanTable::Of::demand),
      limits_(document, PlanTable::Of::limits) {
  setAccessibleName("Plan");
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  auto* bar = new QWidget;
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(10, 6, 8, 6);
  title_ = new ElidedLabel;
  title_->setProperty("tone", "heading");
  run_ = new QPushButton("Run plan");
  run_->setProperty("primary", true);
  run_->setToolTip("Simulate what is missing and plan (Ctrl+R)");
  connect(run_, &QPushButton::clicked, this, &PlanView::runAsked);
  row->addWidget(title_, 1);
  row->addWidget(run_);
  outcome_ = new FigureView("Outcome of the plan", "No plan yet",
                            "Run plan answers what to buy, when and where, what binds, and what "
                            "the answer hangs on. Or open a plan that aisle plan -o FILE.json "
                            "wrote.");
  auto* rows = new QSplitter(Qt::Vertical);
  rows->addWidget(makeEditor());
  rows->addWidget(outcome_);
  rows->setStretchFactor(1, 1);
  rows->setSizes({250, 550});
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(bar);
  column->addWidget(rows, 1);
  connect(document_, &ScenarioDocument::changed, this, &PlanView::documentChanged);
  documentChanged();
}

QWidget* PlanView::makeEditor() {
  auto* tabs = new QTabWidget;
  tabs->setDocumentMode(true);
  tabs->addTab(makeTable(&demand_, "Demand by quarter"), "Demand");
  tabs->addTab(makeTable(&limits_, "Limits by quarter"), "Limits");
  auto* box = new QWidget;
  editor_pages_ = new QStackedLayout(box);
  editor_pages_->addWidget(makeInvitation());
  editor_pages_->addWidget(tabs);
  return box;
}

QWidget* PlanView::makeInvitation() {
  auto* box = new QWidget;
  auto* column = new QVBoxLayout(box);
  column->addWidget(make_empty_state("No plan in work",
                                     "A scenario with a plan { } block says what must be trained "
                                     "and served by when, and within which limits.",
                                     box));
  auto* example = new QPushButton("Open an example: 100 MW without advanced chips");
  connect(example, &QPushButton::clicked, this, [this] { emit openAsked("scarcity"); });
  column->addWidget(example, 0, Qt::AlignHCenter);
  return box;
}

QTableView* PlanView::makeTable(PlanTable* model, const QString& name) {
  auto* view = new QTableView;
  view->setModel(model);
  view->setItemDelegate(new StatedDelegate(view));
  view->setAccessibleName(name);
  view->setAlternatingRowColors(true);
  view->setWordWrap(false);
  view->verticalHeader()->hide();
  view->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed |
                        QAbstractItemView::AnyKeyPressed | QAbstractItemView::SelectedClicked);
  connect(model, &QAbstractItemModel::modelReset, view, [view] {
    for (int column = 0; column < view->model()->columnCount(); ++column)
      view->setColumnWidth(column, column == PlanTable::kWhat    ? kWhatWidth
                                   : column == PlanTable::kWhole ? kWholeWidth
                                                                 : kQuarterWidth);
  });
  return view;
}

void PlanView::documentChanged() {
  const bool plans = demand_.rowCount() > 0;
  const QString mark = document_->isModified() ? " (changed)" : "";
  title_->setText(plans ? document_->path() + mark : "Which chips, how many, where and when");
  run_->setEnabled(plans);
  editor_pages_->setCurrentIndex(plans ? 1 : 0);
}

void PlanView::set(const PlanOutcome& plan) {
  outcome_->set(plan_content(plan));
}

QVector<NamedTable> PlanView::tables() const {
  QVector<NamedTable> all;
  if (demand_.rowCount() > 0)
    all << NamedTable{"demand", to_table(demand_)} << NamedTable{"limits", to_table(limits_)};
  return all + outcome_->tables();
}

}  // namespace aisle::gui
