// SPDX-License-Identifier: Apache-2.0
#include "gui/models/runs/job.hpp"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QRegularExpression>
#include <QStandardPaths>

#include <csignal>
#include <sys/types.h>
#include <utility>

namespace aisle::gui {

namespace {

constexpr int kPatienceMs = 3000;

}  // namespace

QString find_aisle() {
  if (qEnvironmentVariableIsSet("AISLE_BIN")) return qEnvironmentVariable("AISLE_BIN");
  const QDir here(QCoreApplication::applicationDirPath());
  for (const auto* relative : {"aisle", "../sim/cli/aisle"}) {
    const QFileInfo candidate(here.filePath(relative));
    if (candidate.isFile() && candidate.isExecutable()) return candidate.canonicalFilePath();
  }
  return QStandardPaths::findExecutable("aisle");
}

namespace {

QStringList study_arguments(const StudyRequest& study) {
  QStringList arguments{study.path};
  for (const auto& assignment : study.assignments) arguments << "--set" << assignment;
  if (!study.engine.isEmpty()) arguments << "--engine" << study.engine;
  if (!study.text.isNull()) arguments << "--stdin";
  return arguments;
}

QString title_of(const StudyRequest& study) {
  return study.assignments.isEmpty() ? study.name
                                     : study.name + ": " + study.assignments.join("; ");
}

}  // namespace

JobRequest run_request(const StudyRequest& study, const QString& folder) {
  return {title_of(study), QStringList{"run"} + study_arguments(study) + QStringList{"-o", folder},
          QDir(folder).filePath("result.pb"), study.text.toUtf8()};
}

JobRequest sweep_request(const StudyRequest& study, const QString& database) {
  QStringList arguments = QStringList{"sweep"} + study_arguments(study);
  arguments << "-o" << database << "--progress";
  if (QFileInfo::exists(database)) arguments << "--resume";
  return {"sweep of " + title_of(study), arguments, database, study.text.toUtf8()};
}

JobRequest plan_request(const StudyRequest& study, const QString& file, const QString& database) {
  StudyRequest planned = study;
  planned.engine.clear();  // points are simulated as their own studies say
  return {"plan of " + title_of(study),
          QStringList{"plan"} + study_arguments(planned) +
              QStringList{"-o", database, "-o", file, "--progress"},
          file, study.text.toUtf8()};
}

JobRequest search_request(const StudyRequest& study, const QString& file) {
  StudyRequest searched = study;
  searched.engine.clear();
  return {"search of " + title_of(study),
          QStringList{"search"} + study_arguments(searched) + QStringList{"--progress", "--json"},
          file, study.text.toUtf8(), true};
}

JobRequest import_request(const QString& trace, const QString& folder) {
  const QString file = QDir(folder).filePath("trace.aisletrace");
  return {"import of " + QFileInfo(trace).fileName(), {"import", trace, "-o", file}, file, {}};
}

JobRequest report_request(const QStringList& inputs, const QString& file) {
  return {"report " + QFileInfo(file).fileName(),
          QStringList{"report"} + inputs + QStringList{"-o", file},
          file,
          {}};
}

Job::Job(QObject* parent) : QObject(parent) {
  patience_.setSingleShot(true);
  patience_.setInterval(kPatienceMs);
  connect(&patience_, &QTimer::timeout, &child_, &QProcess::kill);
  connect(&child_, &QProcess::readyReadStandardError, this,
          [this] { read(talk_rest_, child_.readAllStandardError(), Channel::talk, false); });
  connect(&child_, &QProcess::readyReadStandardOutput, this,
          [this] { read(summary_rest_, child_.readAllStandardOutput(), Channel::summary, false); });
  connect(&child_, &QProcess::finished, this, &Job::childFinished);
  connect(&child_, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    // Everything but a failed start is told by `finished`.
    if (error == QProcess::FailedToStart)
      finish(State::failed,
             QString("%1 could not be started: %2").arg(child_.program(), child_.errorString()), 1);
  });
}

Job::~Job() {
  child_.disconnect(this);
  if (child_.state() == QProcess::NotRunning) return;
  child_.terminate();
  if (!child_.waitForFinished(kPatienceMs)) {
    child_.kill();
    child_.waitForFinished();
  }
}

void Job::start(const QString& program, const JobRequest& request) {
  if (isRunning()) return;
  request_ = request;
  cancelling_ = false;
  talk_rest_.clear();
  summary_rest_.clear();
  progress_.clear();
  sentence_.clear();
  result_path_.clear();
  errors_.clear();
  percent_ = -1;
  seconds_left_ = -1;
  exit_code_ = 0;
  state_ = State::running;
  emit stateChanged(state_);
  if (program.isEmpty()) {
    finish(State::failed,
           "The program 'aisle' was not found: build it, put it in PATH, or name it in $AISLE_BIN.",
           1);
    return;
  }
  say(QFileInfo(program).fileName() + " " + request.arguments.join(' '), Channel::talk);
  child_.setStandardOutputFile(request.prints ? request.output : QString());
  child_.start(program, request.arguments);
  if (child_.state() == QProcess::NotRunning) return;
  child_.write(request.input);
  child_.closeWriteChannel();
}

void Job::cancel() {
  if (!isRunning() || cancelling_) return;
  cancelling_ = true;
  // As Ctrl-C: a sweep ends with the points that are finished.
  ::kill(static_cast<pid_t>(child_.processId()), SIGINT);
  patience_.start();
}

void Job::read(QByteArray& rest, const QByteArray& bytes, Channel channel, bool last) {
  rest += bytes;
  // A progress line is rewritten in place with a carriage return.
  rest.replace("\r\n", "\n").replace('\r', '\n');
  qsizetype from = 0;
  for (qsizetype end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
    say(QString::fromUtf8(rest.mid(from, end - from)), channel);
    from = end + 1;
  }
  rest.remove(0, from);
  if (last && !rest.isEmpty()) say(QString::fromUtf8(std::exchange(rest, {})), channel);
}

void Job::say(const QString& text, Channel channel) {
  static const QRegularExpression error_form("(^|: )error: ");
  static const QRegularExpression percent_form("(\\d+)(\\.\\d+)? ?%");
  static const QRegularExpression count_form("(\\d+)/(\\d+)(?:, (\\d+) s to go)?");
  if (channel == Channel::talk && text.contains(error_form)) {
    errors_ << text;
    channel = Channel::error;
  } else if (channel == Channel::talk && !text.trimmed().isEmpty()) {
    progress_ = text.trimmed();
    const auto found = percent_form.match(text);
    percent_ = found.hasMatch() ? qMin(100, found.captured(1).toInt()) : percent_;
    if (const auto counted = count_form.match(text); counted.capturedView(2).toInt() > 0) {
      percent_ = qMin(100, 100 * counted.captured(1).toInt() / counted.captured(2).toInt());
      if (counted.hasCaptured(3)) seconds_left_ = counted.captured(3).toInt();
    }
    emit progressChanged(progress_, percent_);
  }
  emit line(text, channel);
}

void Job::finish(State state, const QString& sentence, int exit_code) {
  patience_.stop();
  sentence_ = sentence;
  exit_code_ = exit_code;
  state_ = state;
  emit stateChanged(state_);
}

void Job::childFinished(int code, QProcess::ExitStatus status) {
  read(talk_rest_, child_.readAllStandardError(), Channel::talk, true);
  read(summary_rest_, child_.readAllStandardOutput(), Channel::summary, true);
  if (cancelling_) return finish(State::cancelled, "Cancelled.", 1);
  if (status == QProcess::CrashExit)
    return finish(State::failed, "The run ended unexpectedly (signal); nothing was written.", 1);
  if (code != 0) {
    QString sentence = progress_;
    if (!errors_.isEmpty()) sentence = errors_.first();
    if (errors_.size() > 1) sentence += QString("  (and %1 more)").arg(errors_.size() - 1);
    if (sentence.isEmpty()) sentence = QString("The run ended with exit code %1.").arg(code);
    return finish(State::failed, sentence, code == 2 ? 2 : 1);
  }
  if (!QFileInfo(request_.output).isFile() || QFileInfo(request_.output).size() == 0)
    return finish(State::failed, request_.output + ": error: the run ended well but wrote nothing",
                  1);
  result_path_ = request_.output;
  finish(State::done, {}, 0);
}

}  // namespace aisle::gui
