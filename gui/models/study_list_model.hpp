// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <QAbstractListModel>
#include <QString>
#include <QVector>

#include <optional>
#include <string>
#include <vector>

namespace aisle::gui {

/// What the window shows of a study before it runs.
struct StudyFile {
  QString name;  ///< folder of a shipped study, or the file's own name
  QString path;  ///< the scenario file
  QString title, question, description;
};

/// Reads the head of a study: a scenario file, a folder with study.textproto, or the name of a
/// shipped study. Only the text is checked; what needs the catalogue is for the run.
std::optional<StudyFile> read_study(const QString& study, Diagnostics& diagnostics);

/// Whether `path` names a result (result.pb or a folder with one) rather than a study.
bool is_result(const QString& path);

/// Whether `path` looks like a recorded trace: the program recognises it by what it holds.
bool is_trace(const QString& path);

/// Studies by name, as sim::shipped_studies() lists them; one that cannot be read stays in the list
/// with its error.
class StudyListModel : public QAbstractListModel {
  Q_OBJECT

 public:
  enum Role { kPath = Qt::UserRole, kQuestion, kError };

  explicit StudyListModel(const std::vector<std::string>& studies, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

 private:
  struct Row {
    StudyFile study;
    QString error;
  };

  QVector<Row> rows_;
};

}  // namespace aisle::gui
