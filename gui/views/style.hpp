// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/timeline_model.hpp"

#include <QColor>
#include <QFont>
#include <QLabel>
#include <QString>

class QApplication;

namespace aisle::gui {

/// Colours of everything that is not data.
struct Theme {
  bool dark;
  QRgb window, base, alternate, text, muted, line, axis, accent, figure, chosen, card, error,
      notice, notice_line, notice_text, disabled;
};

/// Fusion with our palette, light, and a readable font size; call once.
void apply_style(QApplication& application);
/// Widgets follow by their palette and the style sheet; what holds colours of its own is shown
/// anew.
void set_theme(QApplication& application, bool dark);
const Theme& theme();
/// "#1f2933", for rich text.
QString html(QRgb colour);

// Colours that people with colour-vision deficiencies tell apart (after Okabe and Ito), the same
// thing in the same colour in every view.
QColor kind_colour(SpanKind kind);
QString kind_name(SpanKind kind);
/// Use of memory ("weights", "activations").
QColor use_colour(const QString& use);
/// Of text on a filled shape: dark or light, whichever reads better.
QColor text_colour_on(const QColor& fill);

QFont monospace_font();

/// One line that is cut in the middle where it is too long, and whole in its tool-tip.
class ElidedLabel : public QLabel {
 public:
  explicit ElidedLabel(QWidget* parent = nullptr);

  void setText(const QString& text);

 protected:
  void paintEvent(QPaintEvent* event) override;
};

/// What an empty view shows: a headline and what to do.
QLabel* make_empty_state(const QString& headline, const QString& advice, QWidget* parent);

}  // namespace aisle::gui
