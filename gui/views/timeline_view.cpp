// SPDX-License-Identifier: Apache-2.0
#include "gui/views/timeline_view.hpp"

#include "gui/models/selection.hpp"
#include "gui/views/style.hpp"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::gui {

namespace {

constexpr int kHeaderWidth = 190;
constexpr int kRulerHeight = 26;
constexpr int kLegendHeight = 24;
constexpr int kRankHeight = 20;
constexpr int kGap = 4;
constexpr int kLowestLane = 14, kHighestLane = 26;
constexpr int kTextWidth = 34;  ///< pixels from which a span carries its name
constexpr int kSlack = 3;       ///< pixels by which the pointer may miss

/// Distance of ruler marks: 1, 2 or 5 times a power of ten, at least `least`.
double round_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least) return factor * power;
  return 10 * power;
}

/// Neighbouring spans of a kind differ a little in lightness, by their name.
QColor span_colour(const Span& span) {
  const int shade = 92 + static_cast<int>(qHash(span.name) % 5) * 6;
  return kind_colour(span.kind).lighter(shade);
}

/// Mean of the kinds' colours; paler the less is covered.
QColor mixed_colour(const Block& block) {
  const auto sum = static_cast<double>(total(block.covered));
  const auto length = static_cast<double>(std::max<std::int64_t>(1, block.time.length()));
  double red = 0, green = 0, blue = 0;
  for (std::size_t kind = 0; kind < kSpanKinds; ++kind) {
    const QColor colour = kind_colour(static_cast<SpanKind>(kind));
    const double share = sum > 0 ? static_cast<double>(block.covered[kind]) / sum : 0;
    red += share * colour.red();
    green += share * colour.green();
    blue += share * colour.blue();
  }
  const double cover = std::clamp(sum / length, 0.25, 1.0);
  return QColor(static_cast<int>(red), static_cast<int>(green), static_cast<int>(blue),
                static_cast<int>(255 * cover));
}

}  // namespace

TimelineView::TimelineView(Selection* selection, QWidget* parent)
    : QAbstractScrollArea(parent), selection_(selection) {
  setAccessibleName("Timeline");
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setFocusPolicy(Qt::StrongFocus);
  viewport()->setMouseTracking(true);
  viewport()->setBackgroundRole(QPalette::Base);
  connect(selection_, &Selection::rangeChanged, viewport(), qOverload<>(&QWidget::update));
  connect(selection_, &Selection::rankChanged, this, [this](int rank) {
    const auto at = static_cast<std::size_t>(rank);
    if (rank >= 0 && at < rank_tops_.size())
      verticalScrollBar()->setValue(rank_tops_[at] - kRulerHeight);
    viewport()->update();
  });
}

void TimelineView::set(std::shared_ptr<const TimelineModel> model) {
  model_ = std::move(model);
  layOut();
  viewport()->update();
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

void TimelineView::paintEvent(QPaintEvent*) {
  QPainter painter(viewport());
  painter.fillRect(viewport()->rect(), palette().base());
  if (isEmpty()) {
    const QRect room = viewport()->rect().adjusted(24, 24, -24, -24);
    const QRect lower = room.adjusted(0, room.height() / 2, 0, 0);
    painter.setPen(QColor(theme().muted));
    painter.drawText(lower, Qt::AlignHCenter | Qt::TextWordWrap,
                     "Open a result, or run a study: what runs when on each stream appears here, "
                     "from the whole step down to single kernels.");
    QFont large = font();
    large.setPointSizeF(13);
    painter.setFont(large);
    painter.setPen(QColor(theme().muted));
    painter.drawText(room.adjusted(0, 0, 0, -room.height() / 2 - 8),
                     Qt::AlignHCenter | Qt::AlignBottom, "Timeline");
    return;
  }
  painter.save();
  painter.setClipRect(0, kRulerHeight, viewport()->width(),
                      viewport()->height() - kRulerHeight - kLegendHeight);
  painter.translate(0, -verticalScrollBar()->value());
  for (int rank = 0; rank < static_cast<int>(rank_tops_.size()); ++rank) paintRank(painter, rank);
  painter.restore();
  paintRuler(painter);
  paintLegend(painter);
  if (choosing_) {
    QColor veil = palette().color(QPalette::Highlight);
    veil.setAlpha(60);
    painter.fillRect(QRect(QPoint(pressed_at_.x(), kRulerHeight),
                           QPoint(last_at_.x(), viewport()->height() - kLegendHeight)),
                     veil);
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(last_at_ + QPoint(8, -8),
                     duration_text(static_cast<double>(
                         std::abs(timeAt(last_at_.x()) - timeAt(pressed_at_.x())))));
  }
}

void TimelineView::paintRuler(QPainter& painter) const {
  const TimeRange range = selection_->range();
  painter.fillRect(0, 0, viewport()->width(), kRulerHeight, palette().window());
  painter.setPen(palette().color(QPalette::Text));
  painter.drawText(QRect(10, 0, kHeaderWidth - 12, kRulerHeight), Qt::AlignVCenter,
                   "shows " + duration_text(static_cast<double>(range.length())));
  const double step =
      std::max(1.0, round_step(static_cast<double>(range.length()) * 110 / plotWidth()));
  const auto first = std::ceil(static_cast<double>(range.begin) / step);
  const auto last = std::floor(static_cast<double>(range.end) / step);
  for (double mark = first; mark <= last; ++mark) {
    const double time = mark * step;
    const double x = xAt(std::llround(time));
    painter.setPen(palette().color(QPalette::Mid));
    painter.drawLine(QPointF(x, kRulerHeight - 6), QPointF(x, kRulerHeight));
    // Far into a step and close up, the marks count from the left edge: "+20 us".
    const bool relative = time > 1e4 * step;
    const double shown = relative ? time - first * step : time;
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(QRectF(x - 55, 0, 110, kRulerHeight - 6), Qt::AlignCenter,
                     relative && mark == first ? QString::number(time / 1e9, 'f', 6) + " s"
                     : mark == 0               ? "0"
                                               : (relative ? "+" : "") + duration_text(shown));
  }
}

void TimelineView::paintRank(QPainter& painter, int rank) const {
  const auto& at = model_->ranks()[static_cast<std::size_t>(rank)];
  const int top = rank_tops_[static_cast<std::size_t>(rank)];
  const int height = kRankHeight + at.lanes * lane_height_;
  const int scroll = verticalScrollBar()->value();
  if (top + height < scroll + kRulerHeight || top > scroll + viewport()->height()) return;
  const bool chosen = selection_->rank() == rank;
  const QColor band = chosen ? QColor(theme().chosen) : palette().color(QPalette::AlternateBase);
  painter.fillRect(0, top, viewport()->width(), kRankHeight, band);
  QFont bold = font();
  bold.setBold(true);
  painter.setFont(bold);
  painter.setPen(palette().color(QPalette::Text));
  const QString times =
      at.multiplicity > 1 ? QString("  stands for %L1 accelerators").arg(at.multiplicity) : "";
  painter.drawText(QRect(10, top, viewport()->width() - 20, kRankHeight), Qt::AlignVCenter,
                   at.name);
  const int used = painter.fontMetrics().horizontalAdvance(at.name) + 10;
  painter.setFont(font());
  painter.setPen(QColor(theme().muted));
  painter.drawText(QRect(used, top, viewport()->width() - used, kRankHeight), Qt::AlignVCenter,
                   times);
  for (int lane = 0; lane < at.lanes; ++lane) paintLane(painter, at.first_lane + lane);
}

void TimelineView::paintLane(QPainter& painter, int lane) const {
  const int top = lane_tops_[static_cast<std::size_t>(lane)];
  const TimeRange range = selection_->range();
  const double busy = static_cast<double>(total(model_->covered(lane, range))) /
                      static_cast<double>(std::max<std::int64_t>(1, range.length()));
  painter.setPen(QColor(theme().muted));
  QFont small = font();
  small.setPointSizeF(std::min(font().pointSizeF(), lane_height_ * 0.58));
  painter.setFont(small);
  const QRect label(20, top, kHeaderWidth - 28, lane_height_);
  const QString share = QString::number(busy * 100, 'f', 0) + " %";
  const int share_width = painter.fontMetrics().horizontalAdvance("100 %") + 6;
  painter.drawText(label, Qt::AlignVCenter | Qt::AlignRight, share);
  painter.drawText(label, Qt::AlignVCenter,
                   painter.fontMetrics().elidedText(model_->laneName(lane), Qt::ElideRight,
                                                    label.width() - share_width));
  painter.save();
  painter.setClipRect(QRectF(kHeaderWidth, top, plotWidth(), lane_height_), Qt::IntersectClip);
  for (const Block& block : model_->reduce(lane, range, plotWidth()))
    paintBlock(painter, lane, block);
  painter.restore();
  painter.setPen(palette().color(QPalette::AlternateBase).darker(104));
  painter.drawLine(kHeaderWidth, top + lane_height_ - 1, kHeaderWidth + plotWidth(),
                   top + lane_height_ - 1);
}

void TimelineView::paintBlock(QPainter& painter, int lane, const Block& block) const {
  const int top = lane_tops_[static_cast<std::size_t>(lane)];
  const double left = xAt(block.time.begin);
  const double width = std::max(1.0, xAt(block.time.end) - left);
  const QRectF box(left, top + 1, width, lane_height_ - 2);
  if (block.count > 1) return painter.fillRect(box, mixed_colour(block));
  const Span span = model_->span(lane, block.first);
  const QColor colour = span_colour(span);
  // A hair of ground between wide neighbours shows where one ends.
  painter.fillRect(width > 4 ? box.adjusted(0, 0, -0.8, 0) : box, colour);
  if (width < kTextWidth || lane_height_ < kLowestLane) return;
  painter.setPen(text_colour_on(colour));
  const QString name =
      span.micro_batch >= 0 ? QString("%1 · %2").arg(span.name).arg(span.micro_batch) : span.name;
  painter.drawText(
      box.adjusted(4, 0, -3, 0), Qt::AlignVCenter,
      painter.fontMetrics().elidedText(name, Qt::ElideRight, static_cast<int>(width) - 7));
}

void TimelineView::paintLegend(QPainter& painter) const {
  const int top = viewport()->height() - kLegendHeight;
  painter.fillRect(0, top, viewport()->width(), kLegendHeight, palette().window());
  painter.setFont(font());
  int x = 10;
  for (const auto kind : {SpanKind::compute, SpanKind::communication, SpanKind::optimizer}) {
    painter.fillRect(x, top + 7, 11, 11, kind_colour(kind));
    painter.setPen(palette().color(QPalette::Text));
    const QString name = kind_name(kind);
    painter.drawText(QRect(x + 16, top, 200, kLegendHeight), Qt::AlignVCenter, name);
    x += 16 + painter.fontMetrics().horizontalAdvance(name) + 18;
  }
  const QString help =
      "wheel zooms · drag moves · Shift+drag chooses · F shows all · Backspace goes back";
  if (x + painter.fontMetrics().horizontalAdvance(help) + 20 > viewport()->width()) return;
  painter.setPen(QColor(theme().muted));
  painter.drawText(QRect(x, top, viewport()->width() - x - 12, kLegendHeight),
                   Qt::AlignVCenter | Qt::AlignRight, help);
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
    selection_->setRank(model_->laneRank(lane));
}

void TimelineView::mouseMoveEvent(QMouseEvent* event) {
  last_at_ = event->pos();
  if (choosing_) return viewport()->update();
  if (!dragging_) return showTip(event->pos(), event->globalPosition().toPoint());
  const QPoint moved = event->pos() - pressed_at_;
  const auto by = std::llround(-static_cast<double>(moved.x()) / plotWidth() *
                               static_cast<double>(pressed_range_.length()));
  selection_->setRange({pressed_range_.begin + by, pressed_range_.end + by}, false);
  verticalScrollBar()->setValue(pressed_scroll_ - moved.y());
}

void TimelineView::mouseReleaseEvent(QMouseEvent*) {
  dragging_ = false;
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
    default:
      QAbstractScrollArea::keyPressEvent(event);
  }
}

bool TimelineView::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::Leave) QToolTip::hideText();
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
  text += "\n" + rank.name + ", " + model_->laneName(lane);
  QToolTip::showText(global, text, viewport());
}

}  // namespace aisle::gui
