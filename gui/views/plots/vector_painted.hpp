// SPDX-License-Identifier: Apache-2.0
#pragma once

class QPainter;
class QRect;

namespace aisle::gui {

/// A widget whose picture on the screen is made of pixels, and which can paint itself in lines and
/// text for PDF and SVG.
class VectorPainted {
 public:
  virtual ~VectorPainted() = default;
  virtual void paintVector(QPainter& painter, const QRect& where) = 0;
};

}  // namespace aisle::gui
