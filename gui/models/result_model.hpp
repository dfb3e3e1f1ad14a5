// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/timeline_model.hpp"
#include "sim/base/diagnostics.hpp"

#include <QObject>
#include <QString>
#include <QStringList>

#include <memory>
#include <optional>

namespace aisle::pb {
class Result;
}

namespace aisle::gui {

/// A result as it was read: never changed afterwards, so views and worker threads share it.
struct OpenedResult {
  QString path;  ///< the result.pb
  std::shared_ptr<const pb::Result> result;
  std::shared_ptr<const TimelineModel> timeline;
  QStringList warnings = {};  ///< of a file that could be read, but not all of it
};

/// Reads result.pb, or the one in a folder, and checks what the views rely on (timeline columns of
/// equal length, no negative durations). Errors go to `diagnostics`.
std::optional<OpenedResult> read_result(const QString& path, Diagnostics& diagnostics);

/// Every diagnostic as a line of text.
QStringList to_lines(const Diagnostics& diagnostics);

/// The result that the window shows. Files are read by a worker thread, so that a big timeline
/// never stops the window.
class ResultModel : public QObject {
  Q_OBJECT

 public:
  explicit ResultModel(QObject* parent = nullptr);

  /// Starts reading; `changed` or `failed` follows. A later call overtakes an earlier one.
  void open(const QString& path);
  void set(OpenedResult opened);
  /// Forgets the result, and a file that is being read; emits nothing.
  void clear();

  bool isEmpty() const { return opened_.result == nullptr; }

  const OpenedResult& opened() const { return opened_; }

 signals:
  void opening(const QString& path);
  void changed();
  void failed(const QStringList& lines);

 private:
  OpenedResult opened_;
  quint64 request_ = 0;  ///< number of the newest request; answers to older ones are dropped
};

}  // namespace aisle::gui
