// SPDX-License-Identifier: Apache-2.0
// Internal to gui/views/plots, the only door to QCustomPlot, whose header costs 13 s per file that
// includes it.
#pragma once

class QCPAxis;
class QCustomPlot;
class QPainter;
class QRect;
class QWidget;

namespace aisle::gui {

/// Fonts and colours of the widget that shows the axis.
void style_axis(QCPAxis& axis, const QWidget& widget);
/// The legend above the axes, in as many columns as fit into `width`.
void place_legend(QCustomPlot& plot, const QWidget& widget, int width);
void paint_plot(QCustomPlot& plot, QPainter& painter, const QRect& where);

}  // namespace aisle::gui
