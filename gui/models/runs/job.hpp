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

/// A command of the program, and the file that is there after it.
struct JobRequest {
  QString title;
  QStringList arguments;
  QString output;
  QByteArray input;     ///< for its standard input
  bool prints = false;  ///< the file is what it says on standard output
};

/// What a run or a sweep is of.
struct StudyRequest {
  QString name, path;
  QString text;             ///< not saved yet; null: as the file has it
  QStringList assignments;  ///< "cluster.count=4096"
  QString engine;           ///< "event", "analytic"; empty: as the study says
};

/// `aisle run` into a folder, made if absent.
JobRequest run_request(const StudyRequest& study, const QString& folder);
/// `aisle sweep` into a database; goes on with one that is there.
JobRequest sweep_request(const StudyRequest& study, const QString& database);
/// `aisle plan` into a JSON file; operating points are kept in, and taken from, a database.
JobRequest plan_request(const StudyRequest& study, const QString& file, const QString& database);
/// `aisle search` of a serving study's layouts, with the front of throughput and latency.
JobRequest search_request(const StudyRequest& study, const QString& file);
/// `aisle import` of a recorded trace into its normalised form, in a folder.
JobRequest import_request(const QString& trace, const QString& folder);
/// `aisle report` of results or a sweep (.html, .pdf, .md, .csv).
JobRequest report_request(const QStringList& inputs, const QString& file);

/// One command in a child process. The window stays alive whatever the child does; its words come
/// line by line, its numbers from the file that it writes.
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

  /// Percentage in the last progress line that had one, as such or as "12/80"; -1: none.
  int percent() const { return percent_; }

  /// Seconds to go by the last progress line that told; -1: none did.
  int secondsLeft() const { return seconds_left_; }

  /// Why the job failed or ended, in one sentence; empty after success.
  QString sentence() const { return sentence_; }

  /// Lines "file:line:col: error: ..." that the child wrote.
  QStringList errors() const { return errors_; }

  /// The file of the request after success.
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
  int seconds_left_ = -1;
  int exit_code_ = 0;
};

}  // namespace aisle::gui
