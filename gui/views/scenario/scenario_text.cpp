// SPDX-License-Identifier: Apache-2.0
#include "gui/views/scenario/scenario_text.hpp"

#include "gui/views/style.hpp"

#include <QKeyEvent>
#include <QPainter>
#include <QRegularExpression>
#include <QSyntaxHighlighter>
#include <QTextBlock>

#include <algorithm>
#include <functional>
#include <utility>

namespace aisle::gui {

namespace {

/// Comments, texts and names of fields.
class Colours : public QSyntaxHighlighter {
 public:
  using QSyntaxHighlighter::QSyntaxHighlighter;

 protected:
  void highlightBlock(const QString& text) override {
    static const QRegularExpression token(
        R"((?<comment>#.*$)|(?<text>"(?:[^"\\]|\\.)*"?)|(?<name>\b[a-z_]\w*(?=\s*[:{])))");
    for (auto found = token.globalMatch(text); found.hasNext();) {
      const auto match = found.next();
      QColor colour(theme().figure);
      if (match.capturedLength("comment") > 0) colour = QColor(theme().muted);
      if (match.capturedLength("text") > 0) colour = QColor(theme().dark ? 0xff8fd3a8 : 0xff20794b);
      setFormat(static_cast<int>(match.capturedStart()), static_cast<int>(match.capturedLength()),
                colour);
    }
  }
};

class Gutter : public QWidget {
 public:
  Gutter(QWidget* parent, std::function<void(QWidget*)> paint)
      : QWidget(parent), paint_(std::move(paint)) {}

 protected:
  void paintEvent(QPaintEvent*) override { paint_(this); }

 private:
  std::function<void(QWidget*)> paint_;
};

}  // namespace

ScenarioText::ScenarioText(ScenarioDocument* document, QWidget* parent)
    : QPlainTextEdit(parent), scenario_(document) {
  setAccessibleName("Text of the scenario");
  setFont(monospace_font());
  setLineWrapMode(QPlainTextEdit::NoWrap);
  setFrameShape(QFrame::NoFrame);
  setUndoRedoEnabled(false);
  setTabChangesFocus(true);
  setPlaceholderText("Choose a study on the left, or open a scenario (Ctrl+O).");
  gutter_ = new Gutter(this, [this](QWidget* gutter) { paintNumbers(gutter); });
  new Colours(QPlainTextEdit::document());
  connect(this, &QPlainTextEdit::updateRequest, gutter_, qOverload<>(&QWidget::update));
  connect(this, &QPlainTextEdit::blockCountChanged, this,
          [this] { setViewportMargins(gutterWidth(), 0, 0, 0); });
  connect(this, &QPlainTextEdit::textChanged, this, [this] {
    if (!following_) scenario_->setText(toPlainText(), true);
  });
  connect(scenario_, &ScenarioDocument::changed, this, &ScenarioText::follow);
  setViewportMargins(gutterWidth(), 0, 0, 0);
  follow();
}

void ScenarioText::follow() {
  const QString now = toPlainText(), wanted = scenario_->text();
  if (now == wanted) return;
  // Only what differs is replaced, so that the cursor and the place in the text stay.
  qsizetype head = 0, tail = 0;
  const qsizetype most = std::min(now.size(), wanted.size());
  while (head < most && now[head] == wanted[head]) ++head;
  while (tail < most - head && now[now.size() - 1 - tail] == wanted[wanted.size() - 1 - tail])
    ++tail;
  following_ = true;
  QTextCursor cursor(QPlainTextEdit::document());
  cursor.setPosition(static_cast<int>(head));
  cursor.setPosition(static_cast<int>(now.size() - tail), QTextCursor::KeepAnchor);
  cursor.insertText(wanted.mid(head, wanted.size() - tail - head));
  following_ = false;
}

void ScenarioText::setProblems(const QVector<Problem>& problems) {
  problems_ = problems;
  markProblems();
  gutter_->update();
}

void ScenarioText::markProblems() {
  QList<QTextEdit::ExtraSelection> marks;
  for (const auto& problem : problems_) {
    const QTextBlock block = QPlainTextEdit::document()->findBlockByNumber(problem.line - 1);
    if (problem.line == 0 || !block.isValid()) continue;
    QTextEdit::ExtraSelection mark;
    mark.format.setUnderlineStyle(QTextCharFormat::WaveUnderline);
    mark.format.setUnderlineColor(QColor(problem.warning ? theme().accent : theme().error));
    mark.cursor = QTextCursor(block);
    const int column = std::clamp(problem.column - 1, 0, std::max(0, block.length() - 2));
    mark.cursor.setPosition(block.position() + column);
    mark.cursor.movePosition(QTextCursor::EndOfBlock, QTextCursor::KeepAnchor);
    marks << mark;
  }
  setExtraSelections(marks);
}

void ScenarioText::showLine(int line) {
  const QTextBlock block = QPlainTextEdit::document()->findBlockByNumber(line - 1);
  if (line < 1 || !block.isValid()) return;
  setTextCursor(QTextCursor(block));
  centerCursor();
}

int ScenarioText::gutterWidth() const {
  return fontMetrics().horizontalAdvance(QString::number(std::max(99, blockCount()))) + 18;
}

void ScenarioText::paintNumbers(QWidget* gutter) {
  QPainter painter(gutter);
  painter.fillRect(gutter->rect(), palette().alternateBase());
  painter.setFont(font());
  const auto offset = contentOffset();
  for (QTextBlock block = firstVisibleBlock(); block.isValid(); block = block.next()) {
    const QRectF box = blockBoundingGeometry(block).translated(offset);
    if (box.top() > gutter->height()) break;
    const int line = block.blockNumber() + 1;
    const bool wrong = std::any_of(problems_.begin(), problems_.end(), [&](const Problem& each) {
      return each.line == line && !each.warning;
    });
    painter.setPen(QColor(wrong ? theme().error : theme().muted));
    painter.drawText(QRectF(0, box.top(), gutter->width() - 8, fontMetrics().height()),
                     Qt::AlignRight, QString::number(line));
  }
}

bool ScenarioText::event(QEvent* event) {
  if (event->type() == QEvent::ShortcutOverride) {
    const auto* key = static_cast<QKeyEvent*>(event);
    if (key->matches(QKeySequence::Undo) || key->matches(QKeySequence::Redo)) return false;
  }
  return QPlainTextEdit::event(event);
}

void ScenarioText::resizeEvent(QResizeEvent* event) {
  QPlainTextEdit::resizeEvent(event);
  const QRect inside = contentsRect();
  gutter_->setGeometry(inside.left(), inside.top(), gutterWidth(), inside.height());
}

void ScenarioText::changeEvent(QEvent* event) {
  QPlainTextEdit::changeEvent(event);
  if (event->type() != QEvent::PaletteChange) return;
  for (auto* colours : QPlainTextEdit::document()->findChildren<QSyntaxHighlighter*>())
    colours->rehighlight();
  markProblems();
}

}  // namespace aisle::gui
