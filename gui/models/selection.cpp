// SPDX-License-Identifier: Apache-2.0
#include "gui/models/selection.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::gui {

namespace {

constexpr std::int64_t kShortestNs = 100;
constexpr qsizetype kRemembered = 200;

}  // namespace

Selection::Selection(QObject* parent) : QObject(parent) {}

void Selection::reset(TimeRange whole) {
  whole_ = whole;
  range_ = whole;
  left_.clear();
  rank_ = -1;
  pointed_.reset();
  marked_.reset();
  emit rangeChanged(range_);
  emit rankChanged(rank_);
  emit cursorChanged();
}

void Selection::setWhole(TimeRange whole) {
  const bool all = range_ == whole_;
  whole_ = whole;
  setRange(all ? whole : range_, false);
}

void Selection::setRange(TimeRange range, bool remember) {
  const auto length =
      std::min(std::max(range.length(), std::min(kShortestNs, whole_.length())), whole_.length());
  const auto begin = std::clamp(range.begin, whole_.begin, whole_.end - length);
  const TimeRange next{begin, begin + length};
  if (next == range_) return;
  if (remember) {
    if (left_.size() == kRemembered) left_.removeFirst();
    left_.push_back(range_);
  }
  range_ = next;
  emit rangeChanged(range_);
}

void Selection::zoom(double factor, std::int64_t centre) {
  const auto length = static_cast<double>(range_.length());
  const double share = length > 0 ? static_cast<double>(centre - range_.begin) / length : 0.5;
  const double next =
      std::clamp(length * factor, static_cast<double>(std::min(kShortestNs, whole_.length())),
                 static_cast<double>(whole_.length()));
  const auto begin = centre - std::llround(share * next);
  setRange({begin, begin + std::llround(next)});
}

void Selection::pan(std::int64_t by, bool remember) {
  setRange({range_.begin + by, range_.end + by}, remember);
}

void Selection::showAll() {
  setRange(whole_);
}

void Selection::back() {
  if (left_.isEmpty()) return;
  const TimeRange previous = left_.takeLast();
  setRange(previous, false);
}

void Selection::point(std::optional<std::int64_t> time) {
  if (time == pointed_) return;
  pointed_ = time;
  emit cursorChanged();
}

void Selection::mark(std::optional<std::int64_t> time) {
  if (time == marked_) return;
  marked_ = time;
  emit cursorChanged();
}

TimeRange Selection::looked() const {
  const auto at = cursor();
  if (!at) return range_;
  const std::int64_t half = std::max<std::int64_t>(1, range_.length() / 200);
  return {std::max(whole_.begin, *at - half), std::min(whole_.end, *at + half)};
}

void Selection::setRank(int rank) {
  if (rank == rank_) return;
  rank_ = rank;
  emit rankChanged(rank_);
}

}  // namespace aisle::gui
