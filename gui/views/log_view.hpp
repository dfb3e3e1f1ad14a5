// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QPlainTextEdit>

namespace aisle::gui {

/// What runs and readers said: talk in grey, summaries in black, errors in red with their file,
/// line and column.
class LogView : public QPlainTextEdit {
  Q_OBJECT

 public:
  explicit LogView(QWidget* parent = nullptr);

  void talk(const QString& text);
  void summary(const QString& text);
  void error(const QString& text);

 private:
  void add(const QString& text, const QColor& colour);
};

}  // namespace aisle::gui
