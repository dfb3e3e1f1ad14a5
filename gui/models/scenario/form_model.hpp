// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/scenario/document.hpp"

#include <QAbstractItemModel>

#include <memory>
#include <vector>

namespace aisle::gui {

/// The values of a document as a tree of groups: what is set comes first, the rest of the schema is
/// added by name. Editing a value edits the document's text.
class FormModel : public QAbstractItemModel {
  Q_OBJECT

 public:
  enum Role {
    kPath = Qt::UserRole,
    kProblem,    ///< what is wrong with it; empty: nothing
    kOwn,        ///< stands in this text, not in the scenario that it extends
    kChoices,    ///< values to choose among; empty: any
    kCatalogue,  ///< kind of catalogue entry that it names; empty: none
    kExample,    ///< to show in an empty editor
    kIsGroup
  };

  enum Column { kField, kValue, kMeaning };

  explicit FormModel(ScenarioDocument* document, QObject* parent = nullptr);
  ~FormModel() override;

  /// Shows a field that has no value yet; its index in the column of values.
  QModelIndex addField(const QString& path);
  /// The row of a field, or of the nearest group around it.
  QModelIndex rowOf(const QString& path) const;
  void setProblems(const QVector<Problem>& problems);

  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex& child) const override;
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;

 private:
  struct Node;
  void refresh();
  void build();
  Node* insert(const QString& path);
  void tellValues(Node& node);
  Node* nodeOf(const QModelIndex& index) const;
  QModelIndex indexOf(const Node* node, int column = 0) const;
  QString problemOf(const Node& node) const;
  QVariant text(const Node& node, int column) const;
  QVariant tip(const Node& node) const;

  ScenarioDocument* document_;
  std::unique_ptr<Node> root_;
  QStringList shown_;    ///< paths, to tell new values from new rows
  QStringList pending_;  ///< shown without a value
  QVector<Problem> problems_;
};

}  // namespace aisle::gui
