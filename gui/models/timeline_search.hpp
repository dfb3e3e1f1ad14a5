// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/timeline_model.hpp"

#include <QString>

#include <memory>
#include <vector>

namespace aisle::gui {

/// The spans of a timeline whose name holds a text, whatever its case. In order of time, then lane.
class TimelineSearch {
 public:
  TimelineSearch() = default;
  TimelineSearch(std::shared_ptr<const TimelineModel> model, const QString& text);

  bool isEmpty() const { return count_ == 0; }

  std::int64_t count() const { return count_; }

  bool holds(SpanAt at) const;
  /// The first that starts at `time` or later; of `forward` false, the last that starts before.
  /// Goes on at the other end.
  SpanAt from(std::int64_t time, bool forward) const;
  /// The one after or before one that was found.
  SpanAt next(SpanAt found, bool forward) const;
  /// Its number among all, from 1.
  std::int64_t numberOf(SpanAt found) const;

 private:
  struct Order {
    std::int64_t start = 0;
    int lane = 0, index = 0;

    auto operator<=>(const Order&) const = default;  // NOLINT(*-use-nullptr)
  };

  Order orderOf(SpanAt at) const;
  /// The nearest beyond `than` in one direction, none: there is none.
  SpanAt nearest(const Order& than, bool forward) const;

  std::shared_ptr<const TimelineModel> model_;
  std::vector<char> named_;  ///< [names] whether it holds the text
  std::int64_t count_ = 0;
};

}  // namespace aisle::gui
