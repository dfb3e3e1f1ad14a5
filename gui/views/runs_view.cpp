// SPDX-License-Identifier: Apache-2.0
#include "gui/views/runs_view.hpp"

#include "gui/views/log_view.hpp"
#include "gui/views/style.hpp"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QPainter>
#include <QPushButton>
#include <QSplitter>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QVBoxLayout>

namespace aisle::gui {

namespace {

/// How far a run is, as a bar behind its words.
class ProgressDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    const int percent = index.data(RunQueue::kPercent).toInt();
    const auto state = static_cast<RunQueue::State>(index.data(RunQueue::kStateRole).toInt());
    if (percent > 0 && state == RunQueue::State::running) {
      QRect done = option.rect.adjusted(0, 2, 0, -2);
      done.setWidth(done.width() * percent / 100);
      painter->fillRect(done, QColor(theme().chosen));
    }
    QStyledItemDelegate::paint(painter, option, index);
  }
};

}  // namespace

RunsView::RunsView(RunQueue* runs, QWidget* parent) : QWidget(parent), runs_(runs) {
  setAccessibleName("Runs");
  table_ = new QTableView;
  table_->setModel(runs_);
  table_->setAccessibleName("Runs");
  table_->setItemDelegateForColumn(RunQueue::kProgress, new ProgressDelegate(table_));
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setAlternatingRowColors(true);
  table_->setShowGrid(false);
  table_->verticalHeader()->hide();
  table_->setWordWrap(false);
  table_->verticalHeader()->setDefaultSectionSize(table_->fontMetrics().height() + 8);
  auto* header = table_->horizontalHeader();
  header->resizeSection(RunQueue::kTitle, 230);
  header->resizeSection(RunQueue::kState, 70);
  header->resizeSection(RunQueue::kProgress, 170);
  header->resizeSection(RunQueue::kTime, 80);
  header->setStretchLastSection(true);
  log_ = new LogView;
  open_ = new QPushButton("Open");
  pin_ = new QPushButton("Pin");
  pin_->setToolTip("Pin the chosen results for comparison");
  cancel_ = new QPushButton("Cancel");
  auto* forget = new QPushButton("Clear ended");
  forget->setToolTip("Forget runs that ended; their files stay");
  auto* buttons = new QHBoxLayout;
  buttons->setContentsMargins(6, 4, 6, 4);
  for (auto* button : {open_, pin_, cancel_, forget}) buttons->addWidget(button);
  buttons->addStretch();
  auto* left = new QWidget;
  auto* column = new QVBoxLayout(left);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(table_, 1);
  column->addLayout(buttons);
  auto* halves = new QSplitter(Qt::Horizontal);
  halves->addWidget(left);
  halves->addWidget(log_);
  halves->setSizes({640, 420});
  auto* all = new QHBoxLayout(this);
  all->setContentsMargins(0, 0, 0, 0);
  all->addWidget(halves);
  connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          &RunsView::selectionChanged);
  connect(runs_, &QAbstractItemModel::dataChanged, this, &RunsView::selectionChanged);
  connect(table_, &QTableView::activated, this, [this](const QModelIndex& row) {
    if (const QString path = row.data(RunQueue::kPath).toString(); !path.isEmpty())
      emit openAsked(path);
  });
  connect(open_, &QPushButton::clicked, this, [this] { emit openAsked(selectedPaths().value(0)); });
  connect(pin_, &QPushButton::clicked, this, [this] { emit pinAsked(selectedPaths()); });
  connect(cancel_, &QPushButton::clicked, this, [this] {
    for (const int id : selected()) runs_->cancel(id);
  });
  connect(forget, &QPushButton::clicked, runs_, &RunQueue::clearEnded);
  connect(runs_, &RunQueue::line, this, [this](int id, const QString& text, Job::Channel channel) {
    if (id == shown_) log_->add(text, channel);
  });
  connect(runs_, &RunQueue::started, this, &RunsView::select);
  selectionChanged();
}

QList<int> RunsView::selected() const {
  QList<int> ids;
  for (const auto& row : table_->selectionModel()->selectedRows())
    ids << row.data(RunQueue::kId).toInt();
  return ids;
}

QStringList RunsView::selectedPaths() const {
  QStringList paths;
  for (const int id : selected())
    if (const QString path = runs_->output(id); !path.isEmpty()) paths << path;
  return paths;
}

void RunsView::select(int id) {
  table_->selectRow(runs_->rowOf(id));
}

void RunsView::selectionChanged() {
  const QStringList paths = selectedPaths();
  open_->setEnabled(paths.size() == 1);
  pin_->setEnabled(!paths.filter(".pb").isEmpty());
  bool running = false;
  for (const int id : selected())
    running = running || runs_->state(id) == RunQueue::State::running ||
              runs_->state(id) == RunQueue::State::waiting;
  cancel_->setEnabled(running);
  const int id = selected().value(0, -1);
  if (id == shown_ || id < 0) return;
  shown_ = id;
  log_->clear();
  for (const auto& line : runs_->log(id)) log_->add(line.text, line.channel);
}

}  // namespace aisle::gui
