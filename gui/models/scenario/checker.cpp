// SPDX-License-Identifier: Apache-2.0
#include "gui/models/scenario/checker.hpp"

#include "gui/models/runs/job.hpp"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <utility>

namespace aisle::gui {

namespace {

constexpr int kPauseMs = 300;  ///< of typing, before a child is worth it

}  // namespace

ScenarioChecker::ScenarioChecker(QObject* parent) : QObject(parent) {
  soon_.setSingleShot(true);
  soon_.setInterval(kPauseMs);
  connect(&soon_, &QTimer::timeout, this, &ScenarioChecker::start);
  connect(&child_, &QProcess::finished, this, &ScenarioChecker::read);
  connect(&child_, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error != QProcess::FailedToStart) return;
    problems_ = {
        {0, 0, {}, "the program 'aisle' could not be started, so nothing is checked", true}};
    would_run_.clear();
    emit finished();
  });
}

ScenarioChecker::~ScenarioChecker() {
  child_.disconnect(this);
  child_.kill();
  child_.waitForFinished();
}

void ScenarioChecker::check(const QString& path, const QString& text) {
  path_ = path;
  text_ = text;
  again_ = child_.state() != QProcess::NotRunning;
  if (!again_) soon_.start();
}

void ScenarioChecker::start() {
  child_.start(find_aisle(), {"check", path_, "--stdin", "--json"});
  child_.write(text_.toUtf8());
  child_.closeWriteChannel();
}

void ScenarioChecker::read() {
  const auto answer = QJsonDocument::fromJson(child_.readAllStandardOutput()).object();
  if (std::exchange(again_, false)) return soon_.start();
  problems_.clear();
  would_run_.clear();
  for (const auto& line : answer["errors"].toArray())
    problems_ << to_problem(line.toString(), path_);
  for (const auto& study : answer["studies"].toArray())
    for (const auto& line : study.toObject()["would_run"].toArray()) would_run_ << line.toString();
  emit finished();
}

}  // namespace aisle::gui
