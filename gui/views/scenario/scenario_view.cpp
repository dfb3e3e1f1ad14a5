// SPDX-License-Identifier: Apache-2.0
#include "gui/views/scenario/scenario_view.hpp"

#include "gui/models/catalogue_reader.hpp"
#include "gui/views/scenario/form_delegate.hpp"
#include "gui/views/scenario/scenario_text.hpp"
#include "gui/views/style.hpp"

#include <QAction>
#include <QCompleter>
#include <QHeaderView>
#include <QLineEdit>
#include <QListWidget>
#include <QSplitter>
#include <QTabWidget>
#include <QTableView>
#include <QTimer>
#include <QToolBar>
#include <QTreeView>
#include <QVBoxLayout>

#include <algorithm>

namespace aisle::gui {

namespace {

constexpr qsizetype kSuggestions = 40;
constexpr auto kDash = " - ";

}  // namespace

ScenarioView::ScenarioView(ScenarioDocument* document, CatalogueReader* catalogue, QWidget* parent)
    : QWidget(parent), document_(document), catalogue_(catalogue), form_(document) {
  setAccessibleName("Scenario");
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(makeHeader());
  auto* halves = new QSplitter(Qt::Horizontal);
  halves->setChildrenCollapsible(false);
  halves->addWidget(makeForm());
  text_ = new ScenarioText(document_);
  halves->addWidget(text_);
  halves->setSizes({620, 480});
  auto* rows = new QSplitter(Qt::Vertical);
  rows->addWidget(halves);
  rows->addWidget(makeNotes());
  rows->setSizes({560, 150});
  column->addWidget(rows, 1);
  connect(document_, &ScenarioDocument::changed, this, &ScenarioView::documentChanged);
  connect(&form_, &QAbstractItemModel::modelReset, this, &ScenarioView::keepExpanded);
  connect(&checker_, &ScenarioChecker::finished, this, &ScenarioView::showProblems);
  documentChanged();
}

QWidget* ScenarioView::makeHeader() {
  auto* bar = new QToolBar(this);
  file_label_ = new ElidedLabel;
  file_label_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  const auto add = [&](const QString& text, const QKeySequence& keys, const QString& tip,
                       auto act) {
    auto* action = bar->addAction(text, this, act);
    action->setShortcut(keys);
    action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
    action->setToolTip(QString("%1 (%2)").arg(tip, keys.toString(QKeySequence::NativeText)));
    addAction(action);
    return action;
  };
  bar->addWidget(file_label_);
  undo_ =
      add("Undo", QKeySequence::Undo, "Take the last change back", [this] { document_->undo(); });
  redo_ = add("Redo", QKeySequence("Ctrl+Shift+Z"), "Make it again", [this] { document_->redo(); });
  save_ = add("Save", QKeySequence::Save, "Save the text", [this] { emit saveAsked(false); });
  add("Save as...", QKeySequence("Ctrl+Shift+S"), "Save as a new file",
      [this] { emit saveAsked(true); });
  return bar;
}

QWidget* ScenarioView::makeForm() {
  auto* box = new QWidget;
  auto* column = new QVBoxLayout(box);
  column->setContentsMargins(6, 6, 6, 0);
  find_ = new QLineEdit;
  find_->setAccessibleName("Find or add a field");
  find_->setPlaceholderText("Find or add a field: power cap, nic, global batch, ...");
  find_->setClearButtonEnabled(true);
  auto* completer = new QCompleter(&suggestions_, find_);
  completer->setCompletionMode(QCompleter::UnfilteredPopupCompletion);
  completer->setMaxVisibleItems(14);
  find_->setCompleter(completer);
  connect(find_, &QLineEdit::textEdited, this, &ScenarioView::suggest);
  connect(completer, qOverload<const QString&>(&QCompleter::activated), this,
          [this](const QString& chosen) {
            edit(chosen.section(kDash, 0, 0));
            // The line takes the chosen text after this.
            QTimer::singleShot(0, find_, &QLineEdit::clear);
          });
  connect(find_, &QLineEdit::returnPressed, this, [this] {
    const QStringList found = suggestions_.stringList();
    if (!found.isEmpty() && !find_->text().isEmpty()) edit(found.first().section(kDash, 0, 0));
    find_->clear();
  });
  tree_ = new QTreeView;
  tree_->setModel(&form_);
  tree_->setAccessibleName("Form of the scenario");
  tree_->setItemDelegate(new FormDelegate(catalogue_, tree_));
  tree_->setAlternatingRowColors(true);
  tree_->setUniformRowHeights(true);
  tree_->setIndentation(14);
  tree_->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed |
                         QAbstractItemView::AnyKeyPressed | QAbstractItemView::SelectedClicked);
  tree_->header()->resizeSection(FormModel::kField, 190);
  tree_->header()->resizeSection(FormModel::kValue, 170);
  connect(tree_, &QTreeView::collapsed, this,
          [this](const QModelIndex& index) { folded_ << index.data(FormModel::kPath).toString(); });
  connect(tree_, &QTreeView::expanded, this, [this](const QModelIndex& index) {
    folded_.removeAll(index.data(FormModel::kPath).toString());
  });
  connect(tree_->selectionModel(), &QItemSelectionModel::currentChanged, this,
          [this](const QModelIndex& now) {
            const QString path = now.data(FormModel::kPath).toString();
            for (const auto& field : document_->fields())
              if (field.path == path && !text_->hasFocus()) text_->showLine(field.line);
          });
  auto* unset = new QAction("Remove from this scenario", tree_);
  unset->setShortcut(QKeySequence::Delete);
  unset->setShortcutContext(Qt::WidgetShortcut);
  connect(unset, &QAction::triggered, this, [this] {
    document_->unsetField(tree_->currentIndex().data(FormModel::kPath).toString());
  });
  tree_->addAction(unset);
  tree_->setContextMenuPolicy(Qt::ActionsContextMenu);
  column->addWidget(find_);
  column->addWidget(tree_, 1);
  return box;
}

QWidget* ScenarioView::makeNotes() {
  notes_ = new QTabWidget;
  notes_->setDocumentMode(true);
  problem_list_ = new QListWidget;
  problem_list_->setAccessibleName("Problems");
  problem_list_->setWordWrap(true);
  problem_list_->setFrameShape(QFrame::NoFrame);
  connect(problem_list_, &QListWidget::itemActivated, this, [this](QListWidgetItem* item) {
    text_->showLine(item->data(Qt::UserRole).toInt());
    text_->setFocus();
  });
  connect(problem_list_, &QListWidget::itemClicked, problem_list_, &QListWidget::itemActivated);
  difference_table_ = new QTableView;
  difference_table_->setModel(&differences_);
  difference_table_->setAccessibleName("Differences");
  difference_table_->verticalHeader()->hide();
  difference_table_->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
  notes_->addTab(problem_list_, "Problems");
  notes_->addTab(difference_table_, "Differences");
  return notes_;
}

QVector<Problem> ScenarioView::problems() const {
  // What the text tells by itself comes at once; the check repeats it.
  return document_->problems().isEmpty() ? checker_.problems() : document_->problems();
}

void ScenarioView::documentChanged() {
  const QString mark = document_->isModified() ? " (changed)" : "";
  file_label_->setText(document_->path().isEmpty() ? "No scenario open" : document_->path() + mark);
  undo_->setEnabled(document_->canUndo());
  redo_->setEnabled(document_->canRedo());
  save_->setEnabled(document_->isModified());
  differences_.set(document_->differences());
  notes_->setTabText(
      1, QString("%1 differences from %2").arg(differences_.rowCount()).arg(document_->baseName()));
  if (!document_->path().isEmpty()) checker_.check(document_->path(), document_->text());
  showProblems();
}

void ScenarioView::showProblems() {
  const auto found = problems();
  form_.setProblems(found);
  text_->setProblems(found);
  problem_list_->clear();
  qsizetype errors = 0;
  for (const auto& problem : found) {
    errors += problem.warning ? 0 : 1;
    QString text = problem.line > 0 ? QString("line %1: ").arg(problem.line) : QString();
    if (!problem.field.isEmpty()) text += problem.field + ": ";
    auto* item = new QListWidgetItem(text + problem.sentence, problem_list_);
    item->setData(Qt::UserRole, problem.line);
    if (!problem.warning) item->setForeground(QColor(theme().error));
  }
  notes_->setTabText(0, errors == 0   ? "No problems: would run"
                        : errors == 1 ? "1 problem"
                                      : QString("%1 problems").arg(errors));
  if (errors == 0) problem_list_->addItems(checker_.wouldRun());
}

void ScenarioView::suggest(const QString& words) {
  QStringList lines;
  if (document_->schema() != nullptr && words.trimmed().size() > 1) {
    for (const auto* field : document_->schema()->find(words, kSuggestions))
      if (field->kind != FieldInfo::Kind::group)
        lines << field->path + kDash + field->comment.left(90);
  }
  suggestions_.setStringList(lines);
}

void ScenarioView::edit(const QString& path) {
  const QModelIndex index = form_.addField(path);
  if (!index.isValid()) return;
  for (QModelIndex above = index.parent(); above.isValid(); above = above.parent())
    tree_->expand(above);
  tree_->scrollTo(index);
  tree_->setCurrentIndex(index);
  tree_->setFocus();
  tree_->edit(index);
}

void ScenarioView::keepExpanded() {
  const QStringList folded = folded_;
  tree_->expandAll();
  for (const auto& path : folded) {
    const QModelIndex row = form_.rowOf(path);
    if (row.isValid() && row.data(FormModel::kPath).toString() == path) tree_->collapse(row);
  }
  folded_ = folded;
}

}  // namespace aisle::gui
