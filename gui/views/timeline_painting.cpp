// SPDX-License-Identifier: Apache-2.0
// How the timeline is drawn.
#include "gui/models/selection.hpp"
#include "gui/models/timeline_search.hpp"
#include "gui/views/style.hpp"
#include "gui/views/timeline_view.hpp"

#include <QPainter>
#include <QScrollBar>

#include <algorithm>
#include <cmath>

namespace aisle::gui {

namespace {

constexpr int kTextWidth = 34;    ///< pixels from which a span carries its name
constexpr double kConnector = 3;  ///< pixels of the spans that a line of the critical path joins

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
  if (critical_) paintCritical(painter);
  if (!found_.isNone()) {
    painter.setPen(QPen(palette().color(QPalette::Highlight), 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(boxOf(found_).adjusted(-1, 0, 1, 0));
  }
  painter.restore();
  paintRuler(painter);
  paintLegend(painter);
  paintCursor(painter);
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
  if (search_ != nullptr && search_->holds({lane, block.first}))
    painter.fillRect(box.adjusted(0, box.height() - 3, 0, 0), palette().highlight());
  // Of the critical path the names that are on it.
  if (!critical_) paintName(painter, box, span);
}

void TimelineView::paintName(QPainter& painter, const QRectF& box, const Span& span) const {
  if (box.width() < kTextWidth || lane_height_ < kLowestLane) return;
  painter.setPen(text_colour_on(span_colour(span)));
  const QString name =
      span.micro_batch >= 0 ? QString("%1 · %2").arg(span.name).arg(span.micro_batch) : span.name;
  painter.drawText(
      box.adjusted(4, 0, -3, 0), Qt::AlignVCenter,
      painter.fontMetrics().elidedText(name, Qt::ElideRight, static_cast<int>(box.width()) - 7));
}

QRectF TimelineView::boxOf(SpanAt at) const {
  const TimeRange time = model_->time(at);
  const double left = xAt(time.begin);
  return {left, lane_tops_[static_cast<std::size_t>(at.lane)] + 1.0,
          std::max(1.0, xAt(time.end) - left), lane_height_ - 2.0};
}

/// What is not on the path steps back; lines join neighbours on it that are large enough.
void TimelineView::paintCritical(QPainter& painter) const {
  QColor veil = palette().color(QPalette::Base);
  veil.setAlpha(170);
  for (const int top : lane_tops_)
    painter.fillRect(QRectF(kHeaderWidth, top, plotWidth(), lane_height_), veil);
  painter.save();
  painter.setClipRect(QRectF(kHeaderWidth, 0, plotWidth(), 1e9), Qt::IntersectClip);
  const auto& path = model_->criticalPath();
  const TimeRange range = selection_->range();
  const QColor line = QColor(theme().error);
  QRectF before;
  SpanAt last;
  for (auto at = static_cast<std::size_t>(model_->criticalAfter(range.begin)); at < path.size();
       ++at) {
    if (model_->time(path[at]).begin >= range.end) break;
    const QRectF box = boxOf(path[at]);
    // Many in one column of pixels of one lane look like the first of them.
    if (path[at].lane == last.lane && box.right() <= before.right() + 0.5) continue;
    const Span span = model_->span(path[at]);
    painter.fillRect(box, span_colour(span));
    paintName(painter, box & QRectF(kHeaderWidth, box.top(), plotWidth(), box.height()), span);
    painter.fillRect(QRectF(box.left(), box.bottom() - 2, box.width(), 2), line);
    const bool joins = !last.isNone() && path[at].lane != last.lane;
    if (joins && box.width() >= kConnector && before.width() >= kConnector) {
      painter.setPen(QPen(line, 1.5));
      painter.drawLine(QPointF(box.left(), before.center().y()),
                       QPointF(box.left(), box.center().y()));
    }
    before = box;
    last = path[at];
  }
  painter.restore();
}

/// For the tool-tip of a span: who bound it, and whom it bound.
QString TimelineView::criticalText(SpanAt at) const {
  const int place = model_->onCriticalPath(at);
  if (place < 0) return {};
  const auto& path = model_->criticalPath();
  const auto name = [&](int of) {
    const SpanAt there = path[static_cast<std::size_t>(of)];
    const auto& rank = model_->ranks()[static_cast<std::size_t>(model_->laneRank(there.lane))];
    return QString("%1 (%2, %3)")
        .arg(model_->span(there).name, rank.name, model_->laneName(there.lane));
  };
  QString text = "\non the critical path";
  if (place > 0) text += "\nwaited for " + name(place - 1);
  if (place + 1 < static_cast<int>(path.size())) text += "\nheld up " + name(place + 1);
  return text;
}

void TimelineView::paintCursor(QPainter& painter) const {
  const auto cursor = selection_->cursor();
  const TimeRange range = selection_->range();
  if (!cursor || *cursor < range.begin || *cursor > range.end) return;
  const double x = xAt(*cursor);
  painter.setPen(QPen(palette().color(QPalette::Text), 1, Qt::DashLine));
  painter.drawLine(QPointF(x, kRulerHeight), QPointF(x, viewport()->height() - kLegendHeight));
  const QString text = QString::number(static_cast<double>(*cursor) / 1e9, 'f', 6) + " s";
  const int width = painter.fontMetrics().horizontalAdvance(text) + 10;
  const double left = std::clamp(x - width / 2.0, 1.0 * kHeaderWidth,
                                 std::max(1.0 * kHeaderWidth, viewport()->width() - width - 2.0));
  const QRectF box(left, 2, width, kRulerHeight - 6);
  painter.fillRect(box, palette().highlight());
  painter.setPen(palette().color(QPalette::HighlightedText));
  painter.drawText(box, Qt::AlignCenter, text);
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
      "wheel zooms · drag moves · Shift+drag chooses · click marks · F shows all · / finds";
  if (x + painter.fontMetrics().horizontalAdvance(help) + 20 > viewport()->width()) return;
  painter.setPen(QColor(theme().muted));
  painter.drawText(QRect(x, top, viewport()->width() - x - 12, kLegendHeight),
                   Qt::AlignVCenter | Qt::AlignRight, help);
}

}  // namespace aisle::gui
