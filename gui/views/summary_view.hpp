// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_text.hpp"

#include <QScrollArea>

class QGridLayout;
class QLabel;
class QTableView;
class QVBoxLayout;

namespace aisle::gui {

class ResultTable;

/// The answer in figures: headline cards, all metrics with unit and basis, published figures beside
/// simulated ones, caveats. Before a run: the study and what to do next.
class SummaryView : public QScrollArea {
  Q_OBJECT

 public:
  SummaryView(ResultTable* metrics, ResultTable* comparison, QWidget* parent = nullptr);

  void showResult(const RunFacts& facts, const QVector<Headline>& headlines);
  /// `advice`: what the user can do next.
  void showStudy(const QString& title, const QString& question, const QString& description,
                 const QString& advice);

  /// Replaces the advice.
  void setNotice(const QString& text);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void chooseColumns();
  QTableView* addTable(QVBoxLayout* column, const QString& caption, ResultTable* model,
                       QWidget** section);
  void showCards(const QVector<Headline>& headlines);
  void setTablesVisible(bool visible);
  static void fit(QTableView* table, int stretched);
  static void fitRows(QTableView* table, int stretched, int width);

  ResultTable* metrics_;
  ResultTable* comparison_;
  QLabel* title_;
  QLabel* question_;
  QLabel* description_;
  QLabel* notice_;
  QLabel* caveats_;
  QWidget* cards_;
  QGridLayout* card_grid_;
  QTableView* metrics_table_;
  QTableView* comparison_table_;
  QWidget* metrics_section_ = nullptr;
  QWidget* comparison_section_ = nullptr;
};

}  // namespace aisle::gui
