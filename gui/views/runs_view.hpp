// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/runs/run_queue.hpp"

#include <QWidget>

class QPushButton;
class QTableView;

namespace aisle::gui {

class LogView;

/// The queue of runs with what each says.
class RunsView : public QWidget {
  Q_OBJECT

 public:
  explicit RunsView(RunQueue* runs, QWidget* parent = nullptr);

  /// Shows the log of a run.
  void select(int id);

 signals:
  void openAsked(const QString& path);
  void pinAsked(const QStringList& paths);

 private:
  void selectionChanged();
  QList<int> selected() const;
  QStringList selectedPaths() const;

  RunQueue* runs_;
  QTableView* table_;
  LogView* log_;
  QPushButton *open_, *pin_, *cancel_;
  int shown_ = -1;  ///< whose log
};

}  // namespace aisle::gui
