// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/timeline_search.hpp"
#include "gui/views/exportable.hpp"

#include <QWidget>

class QCheckBox;
class QLabel;
class QLineEdit;
class QToolButton;

namespace aisle::gui {

class Selection;
class TimelineView;

/// The timeline of the result with search and critical path, and another one beside it under the
/// same range and cursor.
class TimelinePanel : public QWidget, public Exportable {
  Q_OBJECT

 public:
  explicit TimelinePanel(Selection* selection, QWidget* parent = nullptr);

  void set(std::shared_ptr<const TimelineModel> model);
  /// A timeline below the first; null: none. The selection reaches over both.
  void setBeside(const QString& title, std::shared_ptr<const TimelineModel> model);

  bool hasBeside() const;
  /// The one below starts at the time that is marked, else where the range begins.
  void alignBeside();

  TimelineView* timeline() { return timeline_; }

  TimelineView* beside() { return beside_; }

  void find(const QString& text);
  void next(bool forward);
  void setCritical(bool shown);

  QString searchText() const;
  QVector<NamedTable> tables() const override;

 signals:
  void besideAsked();

 private:
  QWidget* makeBar();
  void connectView(TimelineView* view);
  void updateCount();
  void updateWhole();

  Selection* selection_;
  TimelineView *timeline_, *beside_;
  QWidget* beside_box_;
  QLabel* beside_title_;
  QLineEdit* find_;
  QLabel* count_;
  QToolButton *previous_, *next_, *beside_button_;
  QCheckBox* critical_;
  TimelineSearch search_;
  SpanAt found_;
  std::shared_ptr<const TimelineModel> beside_model_;  ///< as it came, from 0
};

}  // namespace aisle::gui
