// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/scenario/document.hpp"

#include <QProcess>
#include <QTimer>

namespace aisle::gui {

/// What `aisle check` says of a text that is not saved: errors that need the catalogue, and what
/// would run. A child process does it; a later text overtakes an earlier one.
class ScenarioChecker : public QObject {
  Q_OBJECT

 public:
  explicit ScenarioChecker(QObject* parent = nullptr);
  ~ScenarioChecker() override;

  /// Checks `text` as the file `path` soon; `finished` follows, once for the newest text.
  void check(const QString& path, const QString& text);

  const QVector<Problem>& problems() const { return problems_; }

  /// What would run, in lines.
  QStringList wouldRun() const { return would_run_; }

 signals:
  void finished();

 private:
  void start();
  void read();

  QProcess child_;
  QTimer soon_;
  QString path_, text_;
  bool again_ = false;
  QVector<Problem> problems_;
  QStringList would_run_;
};

}  // namespace aisle::gui
