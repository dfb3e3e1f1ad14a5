// SPDX-License-Identifier: Apache-2.0
#include "gui/views/timeline_panel.hpp"

#include "gui/models/selection.hpp"
#include "gui/models/timeline_tables.hpp"
#include "gui/views/timeline_view.hpp"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QSplitter>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace aisle::gui {

TimelinePanel::TimelinePanel(Selection* selection, QWidget* parent)
    : QWidget(parent), selection_(selection) {
  setAccessibleName("Timeline");
  timeline_ = new TimelineView(selection, true);
  beside_ = new TimelineView(selection, false);
  beside_->setAccessibleName("Timeline beside");
  beside_title_ = new QLabel;
  beside_title_->setProperty("tone", "heading");
  beside_title_->setContentsMargins(10, 3, 10, 3);
  beside_box_ = new QWidget;
  auto* below = new QVBoxLayout(beside_box_);
  below->setContentsMargins(0, 0, 0, 0);
  below->setSpacing(0);
  auto* heading = new QHBoxLayout;
  auto* align = new QToolButton;
  align->setText("Start at the mark");
  align->setToolTip(
      "Let it start at the time that is marked by a click, else where the range begins");
  connect(align, &QToolButton::clicked, this, &TimelinePanel::alignBeside);
  heading->addWidget(beside_title_, 1);
  heading->addWidget(align);
  below->addLayout(heading);
  below->addWidget(beside_, 1);
  beside_box_->hide();
  auto* rows = new QSplitter(Qt::Vertical);
  rows->setChildrenCollapsible(false);
  rows->addWidget(timeline_);
  rows->addWidget(beside_box_);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(makeBar());
  column->addWidget(rows, 1);
  setFocusProxy(timeline_);
  connectView(timeline_);
  connectView(beside_);
}

QWidget* TimelinePanel::makeBar() {
  auto* bar = new QWidget;
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(8, 1, 8, 0);
  find_ = new QLineEdit;
  find_->setObjectName("find operation");
  find_->setAccessibleName("Find an operation");
  find_->setPlaceholderText("Find an operation (/): attention, all-gather, ...");
  find_->setClearButtonEnabled(true);
  find_->setMaximumWidth(320);
  count_ = new QLabel;
  count_->setProperty("tone", "muted");
  const auto button = [&](const QString& text, const QString& name, const QString& tip) {
    auto* made = new QToolButton;
    made->setText(text);
    made->setAccessibleName(name);
    made->setToolTip(tip);
    return made;
  };
  previous_ = button("\u2039", "Previous found", "The one before (Shift+N)");
  next_ = button("\u203a", "Next found", "The next one (N)");
  beside_button_ = button("Put beside...", "Another timeline beside this one", "");
  critical_ = new QCheckBox("Critical path");
  critical_->setToolTip("What each span had to wait for, from the start to the end (C)");
  connect(find_, &QLineEdit::textChanged, this, &TimelinePanel::find);
  connect(find_, &QLineEdit::returnPressed, this, [this] { next(true); });
  connect(previous_, &QToolButton::clicked, this, [this] { next(false); });
  connect(next_, &QToolButton::clicked, this, [this] { next(true); });
  connect(critical_, &QCheckBox::toggled, this, [this](bool on) {
    timeline_->setCritical(on && timeline_->model() != nullptr &&
                           !timeline_->model()->criticalPath().empty());
  });
  connect(beside_button_, &QToolButton::clicked, this, [this] {
    if (hasBeside()) return setBeside({}, nullptr);
    emit besideAsked();
  });
  row->addWidget(find_, 1);
  row->addWidget(previous_);
  row->addWidget(next_);
  row->addWidget(count_);
  row->addStretch();
  row->addWidget(critical_);
  row->addWidget(beside_button_);
  return bar;
}

void TimelinePanel::connectView(TimelineView* view) {
  connect(view, &TimelineView::findAsked, find_, [this] { find_->setFocus(); });
  connect(view, &TimelineView::nextAsked, this, &TimelinePanel::next);
  connect(view, &TimelineView::criticalAsked, critical_, &QCheckBox::click);
}

void TimelinePanel::set(std::shared_ptr<const TimelineModel> model) {
  timeline_->set(std::move(model));
  const bool tells = timeline_->model() != nullptr && !timeline_->model()->criticalPath().empty();
  critical_->setEnabled(tells);
  if (!tells) critical_->setChecked(false);
  updateWhole();
  find(find_->text());
}

bool TimelinePanel::hasBeside() const {
  return beside_->model() != nullptr;
}

void TimelinePanel::setBeside(const QString& title, std::shared_ptr<const TimelineModel> model) {
  beside_model_ = std::move(model);
  beside_->set(beside_model_);
  beside_title_->setText(title);
  beside_box_->setVisible(hasBeside());
  beside_button_->setText(hasBeside() ? "Close the one beside" : "Put beside...");
  beside_button_->setToolTip(hasBeside()
                                 ? QString()
                                 : "A recorded trace (Kineto, nsys, Chakra) or another result, "
                                   "under the same range and cursor; or drop it here");
  updateWhole();
}

void TimelinePanel::alignBeside() {
  if (!hasBeside()) return;
  beside_->set(delayed(*beside_model_, selection_->cursor().value_or(selection_->range().begin)));
  updateWhole();
}

void TimelinePanel::updateWhole() {
  if (timeline_->model() == nullptr) return;
  TimeRange whole = timeline_->model()->whole();
  if (hasBeside()) whole.end = std::max(whole.end, beside_->model()->whole().end);
  selection_->setWhole(whole);
}

void TimelinePanel::setCritical(bool shown) {
  critical_->setChecked(shown);
}

QString TimelinePanel::searchText() const {
  return count_->text();
}

void TimelinePanel::find(const QString& text) {
  if (find_->text() != text) return find_->setText(text);
  search_ = TimelineSearch(timeline_->model(), text);
  found_ = {};
  updateCount();
}

void TimelinePanel::next(bool forward) {
  if (search_.isEmpty()) return;
  found_ = found_.isNone() ? search_.from(selection_->range().begin, forward)
                           : search_.next(found_, forward);
  timeline_->showSpan(found_);
  selection_->mark(timeline_->model()->time(found_).begin);
  updateCount();
}

void TimelinePanel::updateCount() {
  timeline_->setFound(search_.isEmpty() ? nullptr : &search_, found_);
  for (auto* button : {previous_, next_}) button->setEnabled(!search_.isEmpty());
  if (find_->text().trimmed().isEmpty()) return count_->clear();
  count_->setText(search_.isEmpty() ? QString("none")
                  : found_.isNone()
                      ? QString("%L1 found").arg(search_.count())
                      : QString("%L1 of %L2").arg(search_.numberOf(found_)).arg(search_.count()));
}

QVector<NamedTable> TimelinePanel::tables() const {
  if (timeline_->model() == nullptr) return {};
  const TimelineModel& model = *timeline_->model();
  QVector<NamedTable> all{{"streams-in-range", stream_table(model, selection_->range())}};
  if (!model.criticalPath().empty()) all << NamedTable{"critical-path", critical_table(model)};
  if (hasBeside())
    all << NamedTable{"streams-beside", stream_table(*beside_->model(), selection_->range())};
  return all;
}

}  // namespace aisle::gui
