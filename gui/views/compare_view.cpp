// SPDX-License-Identifier: Apache-2.0
#include "gui/views/compare_view.hpp"

#include "gui/views/figure_view.hpp"
#include "gui/views/style.hpp"

#include <QHBoxLayout>
#include <QLabel>
#include <QListView>
#include <QPushButton>
#include <QStyledItemDelegate>
#include <QVBoxLayout>

namespace aisle::gui {

namespace {

/// Each pin with the letter by which texts and figures call it.
class LetterDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    option->text = QString("%1  %2").arg(QChar('A' + index.row())).arg(option->text);
  }
};

}  // namespace

CompareView::CompareView(Pins* pins, QWidget* parent) : QWidget(parent), pins_(pins) {
  setAccessibleName("Compare");
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  content_ = new FigureView(
      "Comparison", "Nothing to compare yet",
      "Pin two or more results (Ctrl+P pins the one that is open), or press \"Dense against "
      "sparse\". Runs that were started for a comparison appear here when all of them are done.");
  row->addWidget(makePinColumn());
  row->addWidget(content_, 1);
  for (const auto signal : {&QAbstractItemModel::rowsInserted, &QAbstractItemModel::rowsRemoved})
    connect(pins_, signal, this, &CompareView::refresh);
  connect(pins_, &QAbstractItemModel::modelReset, this, &CompareView::refresh);
  connect(pins_, &QAbstractItemModel::dataChanged, this, &CompareView::refresh);
  refresh();
}

QWidget* CompareView::makePinColumn() {
  auto* box = new QWidget;
  box->setFixedWidth(230);
  auto* column = new QVBoxLayout(box);
  auto* heading = new QLabel("Pinned results");
  heading->setProperty("tone", "heading");
  list_ = new QListView;
  list_->setModel(pins_);
  list_->setItemDelegate(new LetterDelegate(list_));
  list_->setSpacing(3);
  list_->setAccessibleName("Pinned results");
  list_->setWordWrap(true);
  list_->setFrameShape(QFrame::NoFrame);
  auto* unpin = new QPushButton("Unpin");
  auto* clear = new QPushButton("Unpin all");
  auto* ready = new QPushButton("Dense against sparse");
  ready->setToolTip(
      "Llama 3.1 405B and DeepSeek-V3 on 2,048 H100 and on 2,048 H800: four runs of a few seconds");
  report_ = new QPushButton("Report...");
  report_->setToolTip(
      "Write the comparison as a report (Ctrl+Shift+R): PDF, page, Markdown or table");
  connect(unpin, &QPushButton::clicked, this,
          [this] { pins_->unpin(list_->currentIndex().row()); });
  connect(clear, &QPushButton::clicked, pins_, &Pins::clear);
  connect(ready, &QPushButton::clicked, this, &CompareView::denseAgainstSparseAsked);
  connect(report_, &QPushButton::clicked, this, &CompareView::reportAsked);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(unpin);
  buttons->addWidget(clear);
  column->addWidget(heading);
  column->addWidget(list_, 1);
  column->addLayout(buttons);
  column->addWidget(ready);
  column->addWidget(report_);
  return box;
}

void CompareView::refresh() {
  comparison_ = compare(pins_->results());
  report_->setEnabled(comparison_.names.size() > 1);
  ViewContent content;
  if (comparison_.names.size() > 1) {
    content.note = comparison_.explanations.join("\n\n");
    if (!comparison_.resources.categories.isEmpty()) content.figures << comparison_.resources;
    content.tables << NamedTable{"metrics", comparison_.metrics};
    if (!comparison_.differences.rows.isEmpty())
      content.tables << NamedTable{"time-by-resource", comparison_.differences};
  }
  content_->set(content);
}

QVector<NamedTable> CompareView::tables() const {
  if (comparison_.names.size() < 2) return {};
  return {{"metrics", comparison_.metrics}, {"time-by-resource", comparison_.differences}};
}

}  // namespace aisle::gui
