// SPDX-License-Identifier: Apache-2.0
#include "gui/views/style.hpp"

#include <QApplication>
#include <QFontDatabase>
#include <QPainter>
#include <QPalette>
#include <QStyleFactory>

#include <array>
#include <iterator>
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

constexpr Theme kLight{false,
                       0xfff4f6f9,  // window
                       0xffffffff,  // base
                       0xfff7f9fb,  // alternate
                       0xff1f2933,  // text
                       0xff5a6672,  // muted
                       0xffd5dbe3,  // line
                       0xffc6ced7,  // axis
                       0xff2f6fb4,  // accent
                       0xff1f4e85,  // figure
                       0xffd6e4f3,  // chosen
                       0xfff4f7fb,  // card
                       0xffb3261e,  // error
                       0xfffdf1e3,  // notice
                       0xffefc48d,  // notice_line
                       0xff6b3e07,  // notice_text
                       0xff9aa5b1};
constexpr Theme kDark{true,       0xff1b2027, 0xff14181d, 0xff1a1f26, 0xffe3e8ee, 0xff9fabb8,
                      0xff343d48, 0xff4a5563, 0xff4f94db, 0xff8fc1f5, 0xff27405c, 0xff1f262e,
                      0xffff8a80, 0xff3a2d17, 0xff6d5327, 0xfff3d19a, 0xff6a7683};

Theme current = kLight;

/// %1 window, %2 base, %3 alternate, %4 text, %5 muted, %6 line, %7 accent, %8 card, %9 disabled,
/// then %10 notice, %11 its line, %12 its text, %13 error, %14 chosen.
constexpr auto kStyleSheet = R"(
QMainWindow::separator { background: %6; width: 5px; height: 5px; }
QToolBar { background: %2; border: 0; border-bottom: 1px solid %6; padding: 5px 8px;
           spacing: 7px; }
QToolBar QLineEdit, QToolBar QComboBox { padding: 3px 6px; }
QToolBar#places { border-bottom: 0; border-right: 1px solid %6; padding: 8px 4px; }
QToolBar#places QToolButton { padding: 9px 12px; border: 0; border-radius: 4px; }
QToolBar#places QToolButton:checked { background: %14; font-weight: 600; }
QDockWidget { font-weight: 600; color: %4; }
QDockWidget::title { background: %1; padding: 6px 10px; border-bottom: 1px solid %6; }
QTabBar { qproperty-drawBase: 0; }
QTabBar::tab { padding: 6px 9px; color: %5; border: 0; border-top: 2px solid transparent; }
QTabBar::tab:selected { background: %2; color: %4; border-top-color: %7; }
QHeaderView::section { background: %2; color: %5; border: 0;
                       border-bottom: 1px solid %6; padding: 4px 5px; }
QTableView, QTreeView { border: 0; alternate-background-color: %3; }
QTableView::item { padding: 0 5px; }
QToolButton#run, QPushButton[primary="true"] { background: %7; color: #ffffff; border: 0;
                  border-radius: 4px; padding: 5px 16px; font-weight: 600; }
QToolButton#run:disabled, QPushButton[primary="true"]:disabled { background: %6; color: %9; }
QCheckBox::indicator { width: 12px; height: 12px; border: 1px solid %5; border-radius: 3px; }
QCheckBox::indicator:checked { background: %7; border-color: %7; }
QStatusBar { background: %2; border-top: 1px solid %6; }
QStatusBar::item { border: 0; }
QStatusBar QLabel { color: %5; padding: 2px 8px; }
QToolTip { background: #263240; color: #ffffff; border: 0; padding: 5px; }
QFrame#card { background: %8; border: 1px solid %6; border-radius: 6px; }
QLabel[tone="muted"] { color: %5; }
QLabel[tone="error"] { color: %13; }
QLabel[tone="notice"] { background: %10; border: 1px solid %11; border-radius: 5px; padding: 8px;
                        color: %12; }
QLabel[tone="title"] { font-size: 13pt; font-weight: 600; }
QLabel[tone="heading"] { font-weight: 600; }
)";

}  // namespace

void apply_style(QApplication& application) {
  application.setStyle(QStyleFactory::create("Fusion"));
  QFont font = application.font();
  font.setPointSizeF(9.5);
  application.setFont(font);
  set_theme(application, false);
}

const Theme& theme() {
  return current;
}

QString html(QRgb colour) {
  return QColor(colour).name();
}

void set_theme(QApplication& application, bool dark) {
  current = dark ? kDark : kLight;
  QPalette palette;
  const std::pair<QPalette::ColorRole, QRgb> roles[] = {
      {QPalette::Window, current.window},      {QPalette::WindowText, current.text},
      {QPalette::Base, current.base},          {QPalette::AlternateBase, current.alternate},
      {QPalette::Text, current.text},          {QPalette::Button, current.window},
      {QPalette::ButtonText, current.text},    {QPalette::Highlight, current.accent},
      {QPalette::HighlightedText, 0xffffffff}, {QPalette::PlaceholderText, current.muted},
      {QPalette::Mid, current.axis},           {QPalette::Link, current.accent},
      {QPalette::ToolTipBase, 0xff263240},     {QPalette::ToolTipText, 0xffffffff},
      {QPalette::Light, current.line},         {QPalette::BrightText, 0xffffffff}};
  for (const auto& [role, colour] : roles) palette.setColor(role, QColor(colour));
  for (const auto role : {QPalette::Text, QPalette::ButtonText, QPalette::WindowText})
    palette.setColor(QPalette::Disabled, role, QColor(current.disabled));
  application.setPalette(palette);
  QString sheet(kStyleSheet);
  const QRgb colours[] = {
      current.window,      current.base,        current.alternate, current.text,     current.muted,
      current.line,        current.accent,      current.card,      current.disabled, current.notice,
      current.notice_line, current.notice_text, current.error,     current.chosen};
  // From the last to the first: %1 is the start of %10.
  for (int i = static_cast<int>(std::size(colours)); i > 0; --i)
    sheet.replace(QString("%%1").arg(i), html(colours[i - 1]));
  application.setStyleSheet(sheet);
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
  auto* label = new QLabel(QString("<div style='font-size:13pt'>%1</div><p>%2</p>")
                               .arg(headline.toHtmlEscaped(), advice.toHtmlEscaped()),
                           parent);
  label->setProperty("tone", "muted");
  label->setAlignment(Qt::AlignCenter);
  label->setWordWrap(true);
  label->setMargin(24);
  // Never what keeps a window large.
  label->setMinimumSize(1, 1);
  return label;
}

}  // namespace aisle::gui
