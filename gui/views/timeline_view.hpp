// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/timeline_model.hpp"

#include <QAbstractScrollArea>

#include <memory>

namespace aisle::gui {

class Selection;

/// Streams of each representative rank over time. The wheel zooms about the pointer, dragging
/// moves, dragging with Shift chooses a range, a double click fits the span, F or Home shows all,
/// Backspace goes back. Paints blocks of TimelineModel::reduce, so its cost follows the pixels, not
/// the spans.
class TimelineView : public QAbstractScrollArea {
  Q_OBJECT

 public:
  explicit TimelineView(Selection* selection, QWidget* parent = nullptr);

  void set(std::shared_ptr<const TimelineModel> model);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool viewportEvent(QEvent* event) override;

 private:
  bool isEmpty() const;
  void layOut();
  int plotWidth() const;
  std::int64_t timeAt(double x) const;
  double xAt(std::int64_t time) const;
  int laneAt(int y) const;
  int spanAt(const QPoint& at, int* lane) const;
  void paintRuler(QPainter& painter) const;
  void paintRank(QPainter& painter, int rank) const;
  void paintLane(QPainter& painter, int lane) const;
  void paintBlock(QPainter& painter, int lane, const Block& block) const;
  void paintLegend(QPainter& painter) const;
  void showTip(const QPoint& at, const QPoint& global);

  Selection* selection_;
  std::shared_ptr<const TimelineModel> model_;
  std::vector<int> rank_tops_, lane_tops_;  ///< in content coordinates
  int lane_height_ = 18;
  QPoint pressed_at_, last_at_;
  TimeRange pressed_range_;
  int pressed_scroll_ = 0;
  bool dragging_ = false, choosing_ = false;
};

}  // namespace aisle::gui
