// SPDX-License-Identifier: Apache-2.0
// What follows the selection, and what is put beside the timeline.
#include "gui/app/main_window.hpp"
#include "gui/models/recorded_trace.hpp"
#include "gui/models/timeline_tables.hpp"
#include "gui/models/topology_scene.hpp"
#include "gui/views/breakdown_view.hpp"
#include "gui/views/figure_view.hpp"
#include "gui/views/style.hpp"
#include "gui/views/timeline_panel.hpp"
#include "gui/views/topology_view.hpp"
#include "sim/study/result.pb.h"

#include <QCoreApplication>
#include <QPointer>
#include <QThreadPool>

#include <algorithm>
#include <utility>

namespace aisle::gui {

void MainWindow::followSelection() {
  connect(&selection_, &Selection::rangeChanged, this, &MainWindow::followRange);
  connect(&selection_, &Selection::rankChanged, this, &MainWindow::followRange);
  connect(&selection_, &Selection::cursorChanged, this, &MainWindow::followRange);
}

void MainWindow::followRange() {
  if (result_.isEmpty() || selection_.whole().length() == 0) return;
  const TimelineModel& timeline = *result_.opened().timeline;
  const TimeRange range = selection_.range();
  const auto cursor = selection_.cursor();
  const auto seconds = [](std::int64_t ns) { return static_cast<double>(ns) / 1e9; };
  const QString when =
      cursor ? QString("at %1 s").arg(seconds(*cursor), 0, 'f', 4) : QString("mean of the range");
  topology_view_->setColourings(
      colourings_over_time(*result_.opened().result, timeline, selection_.looked()), when);
  const auto at = cursor ? std::optional(seconds(*cursor)) : std::nullopt;
  power_view_->setTime({seconds(range.begin), seconds(range.end), at});
  if (range == selection_.whole()) return breakdown_view_->setRange({});
  int rank = selection_.rank();
  for (std::size_t i = 0; i < timeline.ranks().size() && rank < 0; ++i)
    if (timeline.ranks()[i].name.toStdString() == result_.opened().result->breakdown_rank())
      rank = static_cast<int>(i);
  breakdown_view_->setRange(range_text(timeline, rank, range));
}

void MainWindow::readBeside(const QString& path, const QString& title) {
  message_->setText("Reading " + path);
  QThreadPool::globalInstance()->start([self = QPointer(this), path, title] {
    Diagnostics diagnostics;
    std::shared_ptr<const TimelineModel> timeline;
    if (!is_result(path))
      timeline = read_recorded(path, diagnostics);
    else if (const auto opened = read_result(path, diagnostics))
      timeline = opened->timeline;
    const QStringList lines = to_lines(diagnostics);
    // The answer travels through the application's thread: `self` may only be looked at there.
    QMetaObject::invokeMethod(QCoreApplication::instance(), [=] {
      if (self == nullptr) return;
      if (timeline == nullptr) return self->complain(lines);
      self->timeline_panel_->setBeside(title, timeline);
      self->message_->setText(title + " beside the result");
    });
  });
}

}  // namespace aisle::gui
