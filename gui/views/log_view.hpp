// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/runs/job.hpp"

#include <QPlainTextEdit>

namespace aisle::gui {

/// What runs and readers said: talk in grey, summaries in black, errors in red with their file,
/// line and column.
class LogView : public QPlainTextEdit {
  Q_OBJECT

 public:
  explicit LogView(QWidget* parent = nullptr);

  void add(const QString& text, Job::Channel channel);

  void error(const QString& text) { add(text, Job::Channel::error); }
};

}  // namespace aisle::gui
