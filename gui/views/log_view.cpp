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

void LogView::add(const QString& text, Job::Channel channel) {
  const QColor colour = channel == Job::Channel::error     ? QColor(theme().error)
                        : channel == Job::Channel::summary ? palette().color(QPalette::Text)
                                                           : QColor(theme().muted);
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
