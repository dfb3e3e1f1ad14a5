// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/plan/plan_outcome.hpp"
#include "gui/models/plan/plan_table.hpp"
#include "gui/views/exportable.hpp"

#include <QWidget>

class QPushButton;
class QStackedLayout;
class QTableView;

namespace aisle::gui {

class ElidedLabel;
class FigureView;

/// Demand and limits of the plan in work by quarter, and what came of planning it.
class PlanView : public QWidget, public Exportable {
  Q_OBJECT

 public:
  explicit PlanView(ScenarioDocument* document, QWidget* parent = nullptr);

  void set(const PlanOutcome& plan);
  QVector<NamedTable> tables() const override;

 signals:
  void runAsked();
  void openAsked(const QString& study);

 private:
  QWidget* makeEditor();
  QWidget* makeInvitation();
  QTableView* makeTable(PlanTable* model, const QString& name);
  void documentChanged();

  ScenarioDocument* document_;
  PlanTable demand_, limits_;
  ElidedLabel* title_;
  QPushButton* run_;
  QStackedLayout* editor_pages_;
  FigureView* outcome_;
};

}  // namespace aisle::gui
