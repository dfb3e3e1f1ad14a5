// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QProcess>
#include <QString>
#include <QStringList>
#include <QTimer>

namespace aisle::gui {

/// The command-line program: $AISLE_BIN, else beside this program (installed), else where the build
/// tree has it, else in PATH; empty if nowhere.
QString find_aisle();

/// What to run: `aisle run study [--set ...] [--engine ...] -o output`.
struct JobRequest {
  QString study;
  QStringList assignments;  ///< "cluster.count=4096"
  QString engine;           ///< "event", "analytic"; empty: as the study says
  QString output;           ///< folder for the result, made if absent
};

/// One run of a study in a child process. The window stays alive whatever the child does; its words
/// come line by line, its numbers from the result file that it writes.
class Job : public QObject {
  Q_OBJECT

 public:
  enum class State { idle, running, done, failed, cancelled };
  enum class Channel { talk, summary, error };

  explicit Job(QObject* parent = nullptr);
  /// Stops the child and waits for its end.
  ~Job() override;

  /// Starts `program`; does nothing while a job is running.
  void start(const QString& program, const JobRequest& request);
  /// Asks the child to stop, and stops it after three seconds.
  void cancel();

  State state() const { return state_; }

  bool isRunning() const { return state_ == State::running; }

  /// What the child last said.
  QString progress() const { return progress_; }

  /// Percentage in the last progress line that had one; -1: none.
  int percent() const { return percent_; }

  /// Why the job failed or ended, in one sentence; empty after success.
  QString sentence() const { return sentence_; }

  /// Lines "file:line:col: error: ..." that the child wrote.
  QStringList errors() const { return errors_; }

  /// result.pb after success.
  QString resultPath() const { return result_path_; }

  /// Exit code for a caller's own exit: 0 done, 2 bad input, 1 otherwise.
  int exitCode() const { return exit_code_; }

 signals:
  void stateChanged(aisle::gui::Job::State state);
  void progressChanged(const QString& text, int percent);
  void line(const QString& text, aisle::gui::Job::Channel channel);

 private:
  void read(QByteArray& rest, const QByteArray& bytes, Channel channel, bool last);
  void say(const QString& text, Channel channel);
  void finish(State state, const QString& sentence, int exit_code);
  void childFinished(int code, QProcess::ExitStatus status);

  QProcess child_;
  QTimer patience_;
  JobRequest request_;
  State state_ = State::idle;
  bool cancelling_ = false;
  QByteArray talk_rest_, summary_rest_;
  QString progress_, sentence_, result_path_;
  QStringList errors_;
  int percent_ = -1;
  int exit_code_ = 0;
};

}  // namespace aisle::gui
