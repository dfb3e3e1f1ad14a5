// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/timeline_model.hpp"

#include <QAbstractScrollArea>

#include <memory>

namespace aisle::gui {

class Selection;
class TimelineSearch;

/// Streams of each representative rank over time. The wheel zooms about the pointer, dragging
/// moves, dragging with Shift chooses a range, a click marks a time, a double click fits the span,
/// F or Home shows all, Backspace goes back. Paints blocks of TimelineModel::reduce, so its cost
/// follows the pixels, not the spans.
class TimelineView : public QAbstractScrollArea {
  Q_OBJECT

 public:
  /// `leads`: its ranks are those of the selection; a timeline beside it has others.
  explicit TimelineView(Selection* selection, bool leads, QWidget* parent = nullptr);

  void set(std::shared_ptr<const TimelineModel> model);

  const std::shared_ptr<const TimelineModel>& model() const { return model_; }

  /// What was found stands out; `search` must outlive the view.
  void setFound(const TimelineSearch* search, SpanAt found);
  /// Shows a span, closer where it would be too small to be seen.
  void showSpan(SpanAt at);
  void setCritical(bool shown);

 signals:
  void findAsked();
  void nextAsked(bool forward);
  void criticalAsked();

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
  static constexpr int kHeaderWidth = 190;  ///< pixels, as all of these
  static constexpr int kRulerHeight = 26;
  static constexpr int kLegendHeight = 24;
  static constexpr int kRankHeight = 20;
  static constexpr int kGap = 4;
  static constexpr int kLowestLane = 14, kHighestLane = 26;
  static constexpr int kSlack = 3;  ///< by which the pointer may miss

  bool isEmpty() const;
  void scrollTo(int lane);
  void paintName(QPainter& painter, const QRectF& box, const Span& span) const;
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
  void paintCritical(QPainter& painter) const;
  void paintCursor(QPainter& painter) const;
  void paintLegend(QPainter& painter) const;
  QString criticalText(SpanAt at) const;
  QRectF boxOf(SpanAt at) const;
  void showTip(const QPoint& at, const QPoint& global);

  Selection* selection_;
  const bool leads_;
  const TimelineSearch* search_ = nullptr;
  SpanAt found_;
  bool critical_ = false;
  std::shared_ptr<const TimelineModel> model_;
  std::vector<int> rank_tops_, lane_tops_;  ///< in content coordinates
  int lane_height_ = 18;
  QPoint pressed_at_, last_at_;
  TimeRange pressed_range_;
  int pressed_scroll_ = 0;
  bool dragging_ = false, choosing_ = false;
};

}  // namespace aisle::gui
