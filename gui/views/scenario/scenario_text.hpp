// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/scenario/document.hpp"

#include <QPlainTextEdit>

namespace aisle::gui {

/// The text of a scenario document, with line numbers, colours for what is what, and its problems
/// underlined. Undoing is the document's.
class ScenarioText : public QPlainTextEdit {
  Q_OBJECT

 public:
  explicit ScenarioText(ScenarioDocument* document, QWidget* parent = nullptr);

  void setProblems(const QVector<Problem>& problems);
  /// Puts the cursor at the start of a line, from 1.
  void showLine(int line);

 protected:
  bool event(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  void follow();
  void markProblems();
  void paintNumbers(QWidget* gutter);
  int gutterWidth() const;

  ScenarioDocument* scenario_;
  QWidget* gutter_;
  QVector<Problem> problems_;
  bool following_ = false;
};

}  // namespace aisle::gui
