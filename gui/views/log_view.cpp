// SPDX-License-Identifier: Apache-2.0
#include "gui/views/log_view.hpp"

#include "gui/views/style.hpp"

#include <QScrollBar>

namespace aisle::gui {

LogView::LogView(QWidget* parent) : QPlainTextEdit(parent) {
  setReadOnly(true);
  setFont(monospace_font());
  setLineWrapMode(QPlainTextEdit::NoWrap);
  setFrameShape(QFrame::NoFrame);
  setMaximumBlockCount(20000);
  setPlaceholderText("Runs write here what they do, and errors with file, line and column.");
  setAccessibleName("Log");
}

void LogView::talk(const QString& text) {
  add(text, QColor(0xff66727f));
}

void LogView::summary(const QString& text) {
  add(text, palette().color(QPalette::Text));
}

void LogView::error(const QString& text) {
  add(text, QColor(0xffb3261e));
}

void LogView::add(const QString& text, const QColor& colour) {
  const bool at_end = verticalScrollBar()->value() == verticalScrollBar()->maximum();
  QTextCursor cursor(document());
  cursor.movePosition(QTextCursor::End);
  if (!document()->isEmpty()) cursor.insertBlock();
  QTextCharFormat format;
  format.setForeground(colour);
  cursor.insertText(text, format);
  if (at_end) verticalScrollBar()->setValue(verticalScrollBar()->maximum());
}

}  // namespace aisle::gui
