// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/timeline_model.hpp"

#include <QObject>
#include <QVector>

#include <optional>

namespace aisle::gui {

/// What the user looks at, shared by every view: range of time, cursor and representative rank.
/// Ranges that were left can be gone back to.
class Selection : public QObject {
  Q_OBJECT

 public:
  explicit Selection(QObject* parent = nullptr);

  /// Starts anew on a timeline: all of it, no rank.
  void reset(TimeRange whole);

  /// Another whole, of the same times; the range is kept as far as it lies in it.
  void setWhole(TimeRange whole);

  TimeRange whole() const { return whole_; }

  TimeRange range() const { return range_; }

  /// Index of the rank, -1: none.
  int rank() const { return rank_; }

  /// The time under the pointer, else the one that was marked; nothing: neither.
  std::optional<std::int64_t> cursor() const { return pointed_ ? pointed_ : marked_; }

  void point(std::optional<std::int64_t> time);
  void mark(std::optional<std::int64_t> time);
  /// What one instant stands for: the cursor's part of the range, a hundredth; else the range.
  TimeRange looked() const;

  /// Shows `range`, moved and shrunk to fit the whole, and no shorter than 100 ns. `remember`: a
  /// step that back() undoes; false for the small steps of a drag.
  void setRange(TimeRange range, bool remember = true);
  /// Scales the range about `centre`: factor below 1 looks closer.
  void zoom(double factor, std::int64_t centre);
  void pan(std::int64_t by, bool remember = false);
  void showAll();
  void back();
  void setRank(int rank);

 signals:
  void rangeChanged(const aisle::gui::TimeRange& range);
  void rankChanged(int rank);
  void cursorChanged();

 private:
  TimeRange whole_, range_;
  QVector<TimeRange> left_;
  int rank_ = -1;
  std::optional<std::int64_t> pointed_, marked_;
};

}  // namespace aisle::gui
