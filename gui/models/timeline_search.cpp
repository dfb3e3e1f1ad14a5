// SPDX-License-Identifier: Apache-2.0
#include "gui/models/timeline_search.hpp"

#include "sim/study/result.pb.h"

#include <limits>
#include <utility>

namespace aisle::gui {

TimelineSearch::TimelineSearch(std::shared_ptr<const TimelineModel> model, const QString& text)
    : model_(std::move(model)) {
  if (model_ == nullptr || text.trimmed().isEmpty()) return;
  bool any = false;
  for (const auto& name : model_->result().timeline().name()) {
    const bool holds = QString::fromStdString(name).contains(text.trimmed(), Qt::CaseInsensitive);
    named_.push_back(holds ? 1 : 0);
    any = any || holds;
  }
  for (int lane = 0; any && lane < model_->laneCount(); ++lane)
    for (int index = 0; index < model_->spanCount(lane); ++index)
      if (holds({lane, index})) ++count_;
}

bool TimelineSearch::holds(SpanAt at) const {
  return !named_.empty() && named_[static_cast<std::size_t>(model_->nameIndex(at))] != 0;
}

TimelineSearch::Order TimelineSearch::orderOf(SpanAt at) const {
  return {model_->time(at).begin, at.lane, at.index};
}

SpanAt TimelineSearch::nearest(const Order& than, bool forward) const {
  SpanAt best;
  Order best_order;
  const int step = forward ? 1 : -1;
  for (int lane = 0; lane < model_->laneCount(); ++lane) {
    const int spans = model_->spanCount(lane);
    // Spans of a lane are in order: the first beyond it by halving, then on to one that is meant.
    int low = 0, high = spans;
    while (low < high) {
      const int middle = low + (high - low) / 2;
      if (orderOf({lane, middle}) > than)
        high = middle;
      else
        low = middle + 1;
    }
    int index = forward ? low : low - 1;
    if (!forward && index >= 0 && orderOf({lane, index}) == than) --index;
    for (; index >= 0 && index < spans; index += step) {
      const Order order = orderOf({lane, index});
      if (!best.isNone() && (forward ? order > best_order : order < best_order)) break;
      if (!holds({lane, index})) continue;
      best = {lane, index};
      best_order = order;
      break;
    }
  }
  return best;
}

SpanAt TimelineSearch::from(std::int64_t time, bool forward) const {
  if (isEmpty()) return {};
  const SpanAt found = nearest({time, -1, -1}, forward);
  if (!found.isNone()) return found;
  constexpr auto kEnd = std::numeric_limits<std::int64_t>::max();
  return nearest({forward ? -1 : kEnd, -1, -1}, forward);
}

SpanAt TimelineSearch::next(SpanAt found, bool forward) const {
  if (isEmpty() || found.isNone()) return {};
  const SpanAt beyond = nearest(orderOf(found), forward);
  return beyond.isNone() ? from(forward ? -1 : std::numeric_limits<std::int64_t>::max(), forward)
                         : beyond;
}

std::int64_t TimelineSearch::numberOf(SpanAt found) const {
  const Order last = orderOf(found);
  std::int64_t number = 1;
  for (int lane = 0; lane < model_->laneCount(); ++lane)
    for (int index = 0; index < model_->spanCount(lane); ++index) {
      const SpanAt at{lane, index};
      if (orderOf(at) >= last) break;
      if (holds(at)) ++number;
    }
  return number;
}

}  // namespace aisle::gui
