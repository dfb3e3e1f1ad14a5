// SPDX-License-Identifier: Apache-2.0
#include "gui/views/timeline_view.hpp"

#include "gui/models/selection.hpp"
#include "gui/views/style.hpp"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::gui {

TimelineView::TimelineView(Selection* selection, bool leads, QWidget* parent)
    : QAbstractScrollArea(parent), selection_(selection), leads_(leads) {
  setAccessibleName("Timeline");
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setFocusPolicy(Qt::StrongFocus);
  viewport()->setMouseTracking(true);
  viewport()->setBackgroundRole(QPalette::Base);
  connect(selection_, &Selection::rangeChanged, viewport(), qOverload<>(&QWidget::update));
  connect(selection_, &Selection::cursorChanged, viewport(), qOverload<>(&QWidget::update));
  if (!leads_) return;
  connect(selection_, &Selection::rankChanged, this, [this](int rank) {
    const auto at = static_cast<std::size_t>(rank);
    if (rank >= 0 && at < rank_tops_.size())
      verticalScrollBar()->setValue(rank_tops_[at] - kRulerHeight);
    viewport()->update();
  });
}

void TimelineView::set(std::shared_ptr<const TimelineModel> model) {
  model_ = std::move(model);
  search_ = nullptr;
  found_ = {};
  layOut();
  viewport()->update();
}

void TimelineView::setFound(const TimelineSearch* search, SpanAt found) {
  search_ = search;
  found_ = found;
  viewport()->update();
}

void TimelineView::setCritical(bool shown) {
  critical_ = shown;
  viewport()->update();
  if (!shown) return;
  // Where it is in the middle of the range, it is seen.
  const TimeRange range = selection_->range();
  const auto at = static_cast<std::size_t>(model_->criticalAfter(range.begin + range.length() / 2));
  if (at < model_->criticalPath().size()) scrollTo(model_->criticalPath()[at].lane);
}

void TimelineView::showSpan(SpanAt at) {
  constexpr int kSmallest = 40;  // shares of the range
  const TimeRange time = model_->time(at), range = selection_->range();
  const std::int64_t least = std::max<std::int64_t>(1, time.length());
  const bool small = range.length() / least > kSmallest;
  const std::int64_t length = small ? least * kSmallest / 2 : range.length();
  const std::int64_t middle = time.begin + time.length() / 2;
  const bool seen = time.begin >= range.begin && time.end <= range.end;
  if (!seen || small) selection_->setRange({middle - length / 2, middle - length / 2 + length});
  scrollTo(at.lane);
}

void TimelineView::scrollTo(int lane) {
  const int top = lane_tops_[static_cast<std::size_t>(lane)];
  const int room = viewport()->height() - kRulerHeight - kLegendHeight;
  const int above = top - verticalScrollBar()->value() - kRulerHeight;
  if (above < 0 || above > room - lane_height_) verticalScrollBar()->setValue(top - room / 2);
}

bool TimelineView::isEmpty() const {
  return model_ == nullptr || model_->laneCount() == 0 || model_->whole().length() == 0;
}

void TimelineView::layOut() {
  rank_tops_.clear();
  lane_tops_.clear();
  if (isEmpty()) return verticalScrollBar()->setRange(0, 0);
  const auto ranks = static_cast<int>(model_->ranks().size());
  const int room =
      viewport()->height() - kRulerHeight - kLegendHeight - ranks * (kRankHeight + kGap);
  lane_height_ = std::clamp(room / model_->laneCount(), kLowestLane, kHighestLane);
  int y = kRulerHeight;
  for (const auto& rank : model_->ranks()) {
    rank_tops_.push_back(y);
    y += kRankHeight;
    for (int lane = 0; lane < rank.lanes; ++lane) {
      lane_tops_.push_back(y);
      y += lane_height_;
    }
    y += kGap;
  }
  const int page = viewport()->height() - kLegendHeight;
  verticalScrollBar()->setRange(0, std::max(0, y - page));
  verticalScrollBar()->setPageStep(page);
  verticalScrollBar()->setSingleStep(lane_height_);
}

int TimelineView::plotWidth() const {
  return std::max(1, viewport()->width() - kHeaderWidth - 8);
}

std::int64_t TimelineView::timeAt(double x) const {
  const TimeRange range = selection_->range();
  return range.begin +
         std::llround((x - kHeaderWidth) / plotWidth() * static_cast<double>(range.length()));
}

double TimelineView::xAt(std::int64_t time) const {
  const TimeRange range = selection_->range();
  return kHeaderWidth + static_cast<double>(time - range.begin) * plotWidth() /
                            static_cast<double>(std::max<std::int64_t>(1, range.length()));
}

int TimelineView::laneAt(int y) const {
  const int content = y + verticalScrollBar()->value();
  const auto after = std::upper_bound(lane_tops_.begin(), lane_tops_.end(), content);
  if (after == lane_tops_.begin()) return -1;
  const auto lane = static_cast<int>(after - lane_tops_.begin()) - 1;
  return content < *(after - 1) + lane_height_ ? lane : -1;
}

int TimelineView::spanAt(const QPoint& at, int* lane) const {
  const bool outside = isEmpty() || at.x() < kHeaderWidth || at.y() < kRulerHeight ||
                       at.y() > viewport()->height() - kLegendHeight;
  *lane = outside ? -1 : laneAt(at.y());
  if (*lane < 0) return -1;
  const std::int64_t slack = timeAt(at.x() + kSlack) - timeAt(at.x());
  return model_->find(*lane, timeAt(at.x()), slack);
}

void TimelineView::resizeEvent(QResizeEvent* event) {
  QAbstractScrollArea::resizeEvent(event);
  layOut();
}

void TimelineView::wheelEvent(QWheelEvent* event) {
  if (isEmpty()) return;
  const QPoint turn = event->angleDelta();
  if (event->modifiers().testFlag(Qt::ControlModifier)) {
    verticalScrollBar()->setValue(verticalScrollBar()->value() - turn.y() / 2);
  } else if (event->modifiers().testFlag(Qt::ShiftModifier) || turn.x() != 0) {
    const double notches = (turn.x() != 0 ? turn.x() : turn.y()) / 120.0;
    selection_->pan(
        -std::llround(notches * 0.1 * static_cast<double>(selection_->range().length())));
  } else {
    selection_->zoom(std::pow(0.8, turn.y() / 120.0), timeAt(event->position().x()));
  }
  event->accept();
}

void TimelineView::mousePressEvent(QMouseEvent* event) {
  if (isEmpty() || event->button() != Qt::LeftButton) return;
  pressed_at_ = last_at_ = event->pos();
  pressed_range_ = selection_->range();
  pressed_scroll_ = verticalScrollBar()->value();
  choosing_ = event->modifiers().testFlag(Qt::ShiftModifier) && event->pos().x() >= kHeaderWidth;
  dragging_ = !choosing_;
  if (const int lane = laneAt(event->pos().y()); event->pos().x() < kHeaderWidth && lane >= 0)
    if (leads_) selection_->setRank(model_->laneRank(lane));
}

void TimelineView::mouseMoveEvent(QMouseEvent* event) {
  last_at_ = event->pos();
  if (!isEmpty() && last_at_.x() >= kHeaderWidth) selection_->point(timeAt(last_at_.x()));
  if (choosing_) return viewport()->update();
  if (!dragging_) return showTip(event->pos(), event->globalPosition().toPoint());
  const QPoint moved = event->pos() - pressed_at_;
  const auto by = std::llround(-static_cast<double>(moved.x()) / plotWidth() *
                               static_cast<double>(pressed_range_.length()));
  selection_->setRange({pressed_range_.begin + by, pressed_range_.end + by}, false);
  verticalScrollBar()->setValue(pressed_scroll_ - moved.y());
}

void TimelineView::mouseReleaseEvent(QMouseEvent* event) {
  const bool clicked = dragging_ && (event->pos() - pressed_at_).manhattanLength() <= kSlack;
  dragging_ = false;
  if (clicked && event->pos().x() >= kHeaderWidth) selection_->mark(timeAt(event->pos().x()));
  if (!std::exchange(choosing_, false)) return;
  const auto [low, high] = std::minmax(pressed_at_.x(), last_at_.x());
  if (high - low > kSlack) selection_->setRange({timeAt(low), timeAt(high)});
  viewport()->update();
}

void TimelineView::mouseDoubleClickEvent(QMouseEvent* event) {
  int lane = -1;
  const int index = spanAt(event->pos(), &lane);
  if (index < 0) return;
  const TimeRange time = model_->span(lane, index).time;
  const std::int64_t margin = time.length() / 5;
  selection_->setRange({time.begin - margin, time.end + margin});
}

void TimelineView::keyPressEvent(QKeyEvent* event) {
  const TimeRange range = selection_->range();
  const std::int64_t centre = range.begin + range.length() / 2;
  switch (event->key()) {
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return selection_->zoom(0.6, centre);
    case Qt::Key_Minus:
      return selection_->zoom(1 / 0.6, centre);
    case Qt::Key_Left:
      return selection_->pan(-range.length() / 8);
    case Qt::Key_Right:
      return selection_->pan(range.length() / 8);
    case Qt::Key_F:
    case Qt::Key_Home:
      return selection_->showAll();
    case Qt::Key_Backspace:
      return selection_->back();
    case Qt::Key_Escape:
      return selection_->mark(std::nullopt);
    case Qt::Key_Slash:
      emit findAsked();
      return;
    case Qt::Key_N:
      emit nextAsked(!event->modifiers().testFlag(Qt::ShiftModifier));
      return;
    case Qt::Key_C:
      emit criticalAsked();
      return;
    default:
      QAbstractScrollArea::keyPressEvent(event);
  }
}

bool TimelineView::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::Leave) {
    QToolTip::hideText();
    selection_->point(std::nullopt);
  }
  return QAbstractScrollArea::viewportEvent(event);
}

void TimelineView::showTip(const QPoint& at, const QPoint& global) {
  int lane = -1;
  const int index = spanAt(at, &lane);
  if (index < 0) return QToolTip::hideText();
  const Span span = model_->span(lane, index);
  const auto& rank = model_->ranks()[static_cast<std::size_t>(model_->laneRank(lane))];
  QString text =
      QString("%1\n%2, from %3 to %4\n%5")
          .arg(span.name, duration_text(static_cast<double>(span.time.length())),
               QString::number(static_cast<double>(span.time.begin) / 1e9, 'f', 6) + " s",
               QString::number(static_cast<double>(span.time.end) / 1e9, 'f', 6) + " s",
               kind_name(span.kind));
  if (span.micro_batch >= 0) text += QString(", micro-batch %1").arg(span.micro_batch);
  text += "\n" + rank.name + ", " + model_->laneName(lane) + criticalText({lane, index});
  QToolTip::showText(global, text, viewport());
}

}  // namespace aisle::gui
