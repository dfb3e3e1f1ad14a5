// SPDX-License-Identifier: Apache-2.0
#include "gui/views/scenario/form_delegate.hpp"

#include "gui/models/catalogue_reader.hpp"
#include "gui/models/scenario/form_model.hpp"
#include "gui/views/style.hpp"

#include <QComboBox>
#include <QCompleter>
#include <QLineEdit>

namespace aisle::gui {

FormDelegate::FormDelegate(CatalogueReader* catalogue, QObject* parent)
    : QStyledItemDelegate(parent), catalogue_(catalogue) {}

QWidget* FormDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem&,
                                    const QModelIndex& index) const {
  const QStringList choices = index.data(FormModel::kChoices).toStringList();
  const QString kind = index.data(FormModel::kCatalogue).toString();
  const QString name = index.siblingAtColumn(FormModel::kField).data().toString();
  auto* self = const_cast<FormDelegate*>(this);
  if (choices.isEmpty() && kind.isEmpty()) {
    auto* line = new QLineEdit(parent);
    line->setAccessibleName(name);
    if (const QString example = index.data(FormModel::kExample).toString(); !example.isEmpty())
      line->setPlaceholderText("such as " + example);
    return line;
  }
  auto* box = new QComboBox(parent);
  box->setAccessibleName(name);
  box->addItems(choices.isEmpty() ? catalogue_->names(kind) : choices);
  if (choices.isEmpty()) {
    // A file stands in place of a name too.
    box->setEditable(true);
    box->setInsertPolicy(QComboBox::NoInsert);
    box->completer()->setCompletionMode(QCompleter::PopupCompletion);
    box->completer()->setFilterMode(Qt::MatchContains);
  }
  connect(box, &QComboBox::activated, self, [self, box] {
    emit self->commitData(box);
    emit self->closeEditor(box);
  });
  return box;
}

void FormDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const {
  const QString value = index.data(Qt::EditRole).toString();
  if (auto* box = qobject_cast<QComboBox*>(editor); box != nullptr) {
    box->setCurrentIndex(box->findText(value));
    if (box->isEditable()) {
      box->setEditText(value);
      box->lineEdit()->selectAll();
    }
  } else if (auto* line = qobject_cast<QLineEdit*>(editor); line != nullptr) {
    line->setText(value);
  }
}

void FormDelegate::setModelData(QWidget* editor, QAbstractItemModel* model,
                                const QModelIndex& index) const {
  if (auto* box = qobject_cast<QComboBox*>(editor); box != nullptr)
    model->setData(index, box->currentText());
  else if (auto* line = qobject_cast<QLineEdit*>(editor); line != nullptr)
    model->setData(index, line->text());
}

void FormDelegate::initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const {
  QStyledItemDelegate::initStyleOption(option, index);
  const bool group = index.data(FormModel::kIsGroup).toBool();
  const bool own = index.data(FormModel::kOwn).toBool();
  option->font.setBold(index.column() != FormModel::kMeaning && own);
  QColor colour(index.column() == FormModel::kMeaning ? theme().muted : theme().text);
  if (group) colour = QColor(theme().muted);
  if (!index.data(FormModel::kProblem).toString().isEmpty()) colour = QColor(theme().error);
  option->palette.setColor(QPalette::Text, colour);
  if (index.column() == FormModel::kValue && option->text.isEmpty() && !group) {
    option->text = "(no value yet)";
    option->palette.setColor(QPalette::Text, QColor(theme().muted));
  }
}

}  // namespace aisle::gui
