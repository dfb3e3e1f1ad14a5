// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_table.hpp"
#include "gui/models/scenario/checker.hpp"
#include "gui/models/scenario/form_model.hpp"

#include <QStringListModel>
#include <QWidget>

class QLineEdit;
class QListWidget;
class QTabWidget;
class QTableView;
class QTreeView;

namespace aisle::gui {

class CatalogueReader;
class ElidedLabel;
class ScenarioText;

/// A scenario in work: its form and its text side by side, what is wrong with it, what it changes,
/// what would run.
class ScenarioView : public QWidget {
  Q_OBJECT

 public:
  ScenarioView(ScenarioDocument* document, CatalogueReader* catalogue, QWidget* parent = nullptr);

  /// Shows the row of a field, made where it has none, and opens its editor.
  void edit(const QString& path);
  /// Every problem known, the text's and the check's.
  QVector<Problem> problems() const;

  const ScenarioChecker& checker() const { return checker_; }

 signals:
  void saveAsked(bool as_new);

 private:
  QWidget* makeForm();
  QWidget* makeHeader();
  QWidget* makeNotes();
  void documentChanged();
  void showProblems();
  void suggest(const QString& words);
  void keepExpanded();

  ScenarioDocument* document_;
  CatalogueReader* catalogue_;
  FormModel form_;
  ScenarioChecker checker_;
  ResultTable differences_;
  QStringListModel suggestions_;
  QStringList folded_;  ///< groups that the user closed
  ElidedLabel* file_label_ = nullptr;
  QLineEdit* find_ = nullptr;
  QTreeView* tree_ = nullptr;
  ScenarioText* text_ = nullptr;
  QTabWidget* notes_ = nullptr;
  QListWidget* problem_list_ = nullptr;
  QTableView* difference_table_ = nullptr;
  QAction* undo_ = nullptr;
  QAction* redo_ = nullptr;
  QAction* save_ = nullptr;
};

}  // namespace aisle::gui
