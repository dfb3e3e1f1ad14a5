// SPDX-License-Identifier: Apache-2.0
#include "gui/models/study_list_model.hpp"

#include "gui/models/result_model.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"

#include <QDir>
#include <QFileInfo>

#include <algorithm>
#include <utility>

namespace aisle::gui {

namespace {

QString text(const std::string& field) {
  return QString::fromStdString(field).simplified();
}

}  // namespace

std::optional<StudyFile> read_study(const QString& study, Diagnostics& diagnostics) {
  const auto loaded = sim::load(study.toStdString(), {}, diagnostics);
  if (!loaded) return std::nullopt;
  const pb::Scenario& scenario = *loaded->scenario;
  const QFileInfo file(QString::fromStdString(loaded->path));
  const QString name =
      file.fileName() == "study.textproto" ? file.absoluteDir().dirName() : file.completeBaseName();
  return StudyFile{name, file.absoluteFilePath(),
                   scenario.title().empty() ? name : text(scenario.title()),
                   text(scenario.question()), text(scenario.description())};
}

bool is_result(const QString& path) {
  const QFileInfo given(path);
  if (given.isDir()) return QFileInfo(QDir(path).filePath("result.pb")).isFile();
  return path.endsWith(".pb");
}

bool is_trace(const QString& path) {
  if (!QFileInfo(path).isFile()) return false;
  const QStringList endings{".json",   ".json.gz",     ".sqlite",    ".et",
                            ".chakra", ".aisle-trace", ".aisletrace"};
  return std::any_of(endings.begin(), endings.end(),
                     [&](const QString& ending) { return path.endsWith(ending); });
}

StudyListModel::StudyListModel(const std::vector<std::string>& studies, QObject* parent)
    : QAbstractListModel(parent) {
  for (const auto& study : studies) {
    const auto name = QString::fromStdString(study);
    Diagnostics diagnostics;
    auto read = read_study(name, diagnostics);
    rows_.push_back(read ? Row{std::move(*read), {}}
                         : Row{{name, name, name, {}, {}}, to_lines(diagnostics).join('\n')});
  }
}

int StudyListModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

QVariant StudyListModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Row& row = rows_[index.row()];
  switch (role) {
    case Qt::DisplayRole:
      return row.study.title;
    case Qt::ToolTipRole:
      return row.error.isEmpty() ? row.study.name + "\n" + row.study.question : row.error;
    case kPath:
      return row.study.path;
    case kQuestion:
      return row.error.isEmpty() ? row.study.question : row.error;
    case kError:
      return row.error;
    default:
      return {};
  }
}

}  // namespace aisle::gui
