// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/runs/job.hpp"

#include <QAbstractTableModel>
#include <QDateTime>
#include <QTimer>

#include <memory>
#include <vector>

namespace aisle::gui {

/// Runs, sweeps and reports: those that wait, that run, and that ended, newest first, each with its
/// log. A few run at once, the others in the order in which they came.
class RunQueue : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum class State { waiting, running, done, failed, cancelled };

  enum Column { kTitle, kState, kProgress, kTime, kOutput };

  enum Role { kId = Qt::UserRole, kPath, kStateRole, kPercent };

  struct Line {
    QString text;
    Job::Channel channel;
  };

  explicit RunQueue(QObject* parent = nullptr);
  ~RunQueue() override;

  /// Runs at once; two at first.
  void setAtOnce(int count);
  /// Adds a job, which starts as soon as there is room; its id.
  int add(const JobRequest& request);
  /// Results of earlier days, found below a folder; they are done.
  void addFinished(const QString& folder, int most);
  void cancel(int id);
  void cancelAll();
  /// Forgets what ended; files stay.
  void clearEnded();

  State state(int id) const;
  bool isBusy() const;
  /// The file that it wrote; empty unless done.
  QString output(int id) const;
  /// Why it failed; empty after success.
  QString sentence(int id) const;
  QStringList errors(int id) const;
  int exitCode(int id) const;
  std::vector<Line> log(int id) const;
  int idAt(int row) const;
  int rowOf(int id) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 signals:
  void started(int id);
  void ended(int id);
  void line(int id, const QString& text, aisle::gui::Job::Channel channel);
  void progressed(int id, const QString& text, int percent);

 private:
  struct Entry;
  void startNext();
  void start(Entry& entry);
  void settle(Entry& entry, Job::State state);
  void tell(const Entry& entry);
  Entry* find(int id) const;

  std::vector<std::unique_ptr<Entry>> entries_;  ///< newest first
  QTimer clock_;
  int at_once_ = 2;
  int next_id_ = 1;
};

}  // namespace aisle::gui
