// SPDX-License-Identifier: Apache-2.0
#include "gui/models/result_model.hpp"

#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QPointer>
#include <QThreadPool>
#include <QVersionNumber>

#include <algorithm>
#include <limits>
#include <utility>

namespace aisle::gui {

namespace {

void complain(const QString& path, const std::string& field, const QString& sentence,
              Diagnostics& diagnostics, const QString& hint = {}) {
  diagnostics.error({path.toStdString(), 0, 0}, field, sentence.toStdString(), hint.toStdString());
}

bool timeline_is_sound(const pb::Timeline& timeline, const QString& path,
                       Diagnostics& diagnostics) {
  for (int r = 0; r < timeline.rank_size(); ++r) {
    for (int s = 0; s < timeline.rank(r).stream_size(); ++s) {
      const auto& stream = timeline.rank(r).stream(s);
      const int spans = stream.start_ns_size();
      const auto field =
          "timeline.rank[" + std::to_string(r) + "].stream[" + std::to_string(s) + "]";
      const bool equal = stream.duration_ns_size() == spans && stream.name_index_size() == spans &&
                         stream.kind_size() == spans &&
                         (stream.micro_batch_size() == spans || stream.micro_batch_size() == 0);
      if (!equal) {
        complain(path, field, "columns of unequal length", diagnostics);
        return false;
      }
      const auto bad_duration = [](auto ns) { return ns < 0; };
      if (std::any_of(stream.duration_ns().begin(), stream.duration_ns().end(), bad_duration)) {
        complain(path, field, "a span of negative duration", diagnostics);
        return false;
      }
      const auto bad_name = [&](auto index) { return index < 0 || index >= timeline.name_size(); };
      if (std::any_of(stream.name_index().begin(), stream.name_index().end(), bad_name)) {
        complain(path, field, "a span whose name is not in timeline.name", diagnostics);
        return false;
      }
    }
  }
  return true;
}

/// Whether what the critical path names is there.
bool critical_path_is_sound(const pb::Timeline& timeline) {
  const int steps = timeline.critical_rank_size();
  if (timeline.critical_stream_size() != steps || timeline.critical_span_size() != steps)
    return false;
  const auto within = [](int index, int size) { return index >= 0 && index < size; };
  for (int i = 0; i < steps; ++i) {
    if (!within(timeline.critical_rank(i), timeline.rank_size())) return false;
    const auto& rank = timeline.rank(timeline.critical_rank(i));
    if (!within(timeline.critical_stream(i), rank.stream_size())) return false;
    const auto& stream = rank.stream(timeline.critical_stream(i));
    if (!within(timeline.critical_span(i), stream.start_ns_size())) return false;
  }
  return true;
}

}  // namespace

std::optional<OpenedResult> read_result(const QString& path, Diagnostics& diagnostics) {
  const QFileInfo given(path);
  const QString file = given.isDir() ? QDir(path).filePath("result.pb") : path;
  if (!QFileInfo::exists(file)) {
    complain(path, "", given.isDir() ? "holds no result.pb" : "no such file or folder", diagnostics,
             "a result is the folder that 'aisle run STUDY -o DIR' writes");
    return std::nullopt;
  }
  QFile input(file);
  if (!input.open(QIODevice::ReadOnly)) {
    complain(file, "", "cannot be read: " + input.errorString(), diagnostics);
    return std::nullopt;
  }
  const QByteArray bytes = input.readAll();
  auto result = std::make_shared<pb::Result>();
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !result->ParseFromArray(bytes.constData(), static_cast<int>(bytes.size())) ||
      (result->metric_size() == 0 && !result->has_feasible())) {
    complain(file, "", "is not a result file, or is truncated", diagnostics,
             "run the study again, or open a scenario with Open study");
    return std::nullopt;
  }
  if (!timeline_is_sound(result->timeline(), file, diagnostics)) return std::nullopt;
  if (!critical_path_is_sound(result->timeline())) {
    complain(file, "timeline.critical_span", "names spans that are not there", diagnostics);
    return std::nullopt;
  }
  const auto by = QString::fromStdString(result->version());
  const auto own = QString::fromStdString(sim::version());
  QStringList warnings;
  if (QVersionNumber::fromString(by) > QVersionNumber::fromString(own))
    warnings << QString(
                    "%1: warning: written by Aisle %2, and this is %3: what is new in it is "
                    "not shown")
                    .arg(file, by, own);
  auto timeline = std::make_shared<const TimelineModel>(result);
  return OpenedResult{QFileInfo(file).absoluteFilePath(), std::move(result), std::move(timeline),
                      warnings};
}

QStringList to_lines(const Diagnostics& diagnostics) {
  QStringList lines;
  for (const auto& diagnostic : diagnostics.all())
    lines << QString::fromStdString(to_string(diagnostic));
  return lines;
}

ResultModel::ResultModel(QObject* parent) : QObject(parent) {}

void ResultModel::open(const QString& path) {
  const quint64 request = ++request_;
  emit opening(path);
  QThreadPool::globalInstance()->start([self = QPointer(this), path, request] {
    Diagnostics diagnostics;
    auto opened = read_result(path, diagnostics);
    const QStringList lines = to_lines(diagnostics);
    // The answer travels through the application's thread: `self` may only be looked at there.
    QMetaObject::invokeMethod(QCoreApplication::instance(), [=, opened = std::move(opened)] {
      if (self == nullptr || self->request_ != request) return;
      if (opened)
        self->set(*opened);
      else
        emit self->failed(lines);
    });
  });
}

void ResultModel::set(OpenedResult opened) {
  ++request_;
  opened_ = std::move(opened);
  emit changed();
}

void ResultModel::clear() {
  ++request_;
  opened_ = {};
}

}  // namespace aisle::gui
