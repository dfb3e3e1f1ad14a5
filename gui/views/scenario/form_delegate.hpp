// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QStyledItemDelegate>

namespace aisle::gui {

class CatalogueReader;

/// Editors for the values of a FormModel: a list for choices, a list that can be typed into for
/// names of the catalogue, else a line with an example. Own values stand out, wrong ones are red.
class FormDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  explicit FormDelegate(CatalogueReader* catalogue, QObject* parent = nullptr);

  QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                        const QModelIndex& index) const override;
  void setEditorData(QWidget* editor, const QModelIndex& index) const override;
  void setModelData(QWidget* editor, QAbstractItemModel* model,
                    const QModelIndex& index) const override;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override;

 private:
  CatalogueReader* catalogue_;
};

}  // namespace aisle::gui
