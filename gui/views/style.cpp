// SPDX-License-Identifier: Apache-2.0
#include "gui/views/style.hpp"

#include <QApplication>
#include <QFontDatabase>
#include <QPainter>
#include <QPalette>
#include <QStyleFactory>

#include <array>
#include <utility>

namespace aisle::gui {

namespace {

struct NamedColour {
  const char* word;
  QRgb colour;
};

/// The first word that the name contains decides; names without any take a colour by their text.
QColor colour_by_word(const QString& name, const auto& table) {
  for (const auto& [word, colour] : table)
    if (name.contains(word, Qt::CaseInsensitive)) return QColor(colour);
  constexpr std::array<QRgb, 4> others{0xff8c6bb1, 0xff5f9ea0, 0xffb07aa1, 0xff9c755f};
  uint sum = 0;
  for (const QChar letter : name) sum = sum * 31 + letter.unicode();
  return QColor(others[sum % others.size()]);
}

constexpr auto kStyleSheet = R"(
QMainWindow::separator { background: #dfe4ea; width: 5px; height: 5px; }
QToolBar { background: #ffffff; border: 0; border-bottom: 1px solid #d5dbe3; padding: 5px 8px;
           spacing: 7px; }
QToolBar QLineEdit, QToolBar QComboBox { padding: 3px 6px; }
QDockWidget { font-weight: 600; color: #33404f; }
QDockWidget::title { background: #eef1f5; padding: 6px 10px; border-bottom: 1px solid #dfe4ea; }
QTabBar { qproperty-drawBase: 0; }
QTabBar::tab { padding: 6px 16px; color: #66727f; border: 0; border-top: 2px solid transparent; }
QTabBar::tab:selected { background: #ffffff; color: #1f2933; border-top-color: #2f6fb4; }
QHeaderView::section { background: #ffffff; color: #66727f; border: 0;
                       border-bottom: 1px solid #d5dbe3; padding: 4px 3px; }
QTableView { border: 0; alternate-background-color: #f7f9fb; }
QToolButton#run { background: #2f6fb4; color: #ffffff; border: 0; border-radius: 4px;
                  padding: 5px 16px; font-weight: 600; }
QToolButton#run:hover { background: #275d97; }
QToolButton#run:disabled { background: #dbe3ec; color: #9aa5b1; }
QStatusBar { background: #ffffff; border-top: 1px solid #d5dbe3; }
QStatusBar::item { border: 0; }
QStatusBar QLabel { color: #4b5763; padding: 2px 8px; }
QToolTip { background: #263240; color: #ffffff; border: 0; padding: 5px; }
)";

}  // namespace

void apply_style(QApplication& application) {
  application.setStyle(QStyleFactory::create("Fusion"));
  QFont font = application.font();
  font.setPointSizeF(9.5);
  application.setFont(font);
  QPalette palette;
  const std::pair<QPalette::ColorRole, QRgb> roles[] = {{QPalette::Window, 0xfff4f6f9},
                                                        {QPalette::WindowText, 0xff1f2933},
                                                        {QPalette::Base, 0xffffffff},
                                                        {QPalette::AlternateBase, 0xfff7f9fb},
                                                        {QPalette::Text, 0xff1f2933},
                                                        {QPalette::Button, 0xfff4f6f9},
                                                        {QPalette::ButtonText, 0xff1f2933},
                                                        {QPalette::Highlight, 0xff2f6fb4},
                                                        {QPalette::HighlightedText, 0xffffffff},
                                                        {QPalette::PlaceholderText, 0xff8894a0},
                                                        {QPalette::Mid, 0xffc6ced7},
                                                        {QPalette::Link, 0xff2f6fb4}};
  for (const auto& [role, colour] : roles) palette.setColor(role, QColor(colour));
  for (const auto role : {QPalette::Text, QPalette::ButtonText, QPalette::WindowText})
    palette.setColor(QPalette::Disabled, role, QColor(0xff9aa5b1));
  application.setPalette(palette);
  application.setStyleSheet(kStyleSheet);
}

QColor kind_colour(SpanKind kind) {
  constexpr std::array<QRgb, kSpanKinds> colours{0xff3b7dc4, 0xffe08a2e, 0xff2e9e77, 0xff8c6bb1};
  return QColor(colours[static_cast<std::size_t>(kind)]);
}

QString kind_name(SpanKind kind) {
  constexpr std::array names{"compute", "communication", "optimizer", "other"};
  return names[static_cast<std::size_t>(kind)];
}

QColor use_colour(const QString& use) {
  static constexpr std::array<NamedColour, 6> table{{{"weight", 0xff3b7dc4},
                                                     {"gradient", 0xff63b3cf},
                                                     {"optimizer", 0xff2e9e77},
                                                     {"activation", 0xffe08a2e},
                                                     {"buffer", 0xffc9579b},
                                                     {"reserve", 0xffb9c2cc}}};
  return colour_by_word(use, table);
}

QColor text_colour_on(const QColor& fill) {
  const int luma = (299 * fill.red() + 587 * fill.green() + 114 * fill.blue()) / 1000;
  return luma > 150 ? QColor(0xff1f2933) : QColor(0xffffffff);
}

QFont monospace_font() {
  QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
  font.setPointSizeF(9);
  return font;
}

ElidedLabel::ElidedLabel(QWidget* parent) : QLabel(parent) {
  setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
}

void ElidedLabel::setText(const QString& text) {
  QLabel::setText(text);
  setToolTip(text);
}

void ElidedLabel::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const QRect room = contentsRect().adjusted(8, 0, -8, 0);
  painter.setPen(palette().color(QPalette::WindowText));
  painter.drawText(room, Qt::AlignVCenter,
                   fontMetrics().elidedText(text(), Qt::ElideMiddle, room.width()));
}

QLabel* make_empty_state(const QString& headline, const QString& advice, QWidget* parent) {
  auto* label = new QLabel(QString("<div style='font-size:13pt; color:#66727f'>%1</div>"
                                   "<p style='color:#8894a0'>%2</p>")
                               .arg(headline.toHtmlEscaped(), advice.toHtmlEscaped()),
                           parent);
  label->setAlignment(Qt::AlignCenter);
  label->setWordWrap(true);
  label->setMargin(24);
  return label;
}

}  // namespace aisle::gui
