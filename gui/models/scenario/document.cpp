// SPDX-License-Identifier: Apache-2.0
#include "gui/models/scenario/document.hpp"

#include "gui/models/scenario/text_fields.hpp"
#include "gui/models/whole_file.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QHash>
#include <QRegularExpression>

#include <algorithm>
#include <utility>

namespace aisle::gui {

namespace {

constexpr qsizetype kMostStates = 1000;

/// Values of a text, without its groups.
QVector<ScenarioField> values_of(const QString& text) {
  QVector<ScenarioField> values;
  for (const auto& field : scan_fields(text))
    if (!field.group)
      values.push_back({field.path, plain_value(text, field), {}, true, field.line});
  return values;
}

const ScenarioField* find(const QVector<ScenarioField>& values, const QString& path) {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const ScenarioField& field) { return field.path == path; });
  return found == values.end() ? nullptr : &*found;
}

/// The list that a path stands in ("reference" for "reference[1].value"); empty: in none.
QString list_of(const QString& path, const Schema* schema) {
  const QStringList steps = path.split('.');
  QString so_far;
  for (const auto& step : steps) {
    so_far += (so_far.isEmpty() ? "" : ".") + step.section('[', 0, 0);
    const auto* info = schema == nullptr ? nullptr : schema->field(so_far);
    if (info != nullptr && info->list) return so_far;
  }
  return {};
}

/// A text that moves to another folder: files that it names relative to the old one (the scenario
/// that it extends, studies of a plan, traces) are found from the new one too.
QString moved(const QString& text, const QDir& from, const QDir& to) {
  QString out = text;
  if (from == to) return out;
  const auto fields = scan_fields(text);
  // From the end, so that what comes before keeps its place.
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    const QString value = field->group ? QString() : plain_value(text, *field);
    const QFileInfo file(from.absoluteFilePath(value));
    if (value.isEmpty() || QDir::isAbsolutePath(value) || !file.isFile()) continue;
    out.replace(field->value_begin, field->value_end - field->value_begin,
                quoted(QDir::cleanPath(to.relativeFilePath(file.absoluteFilePath()))));
  }
  return out;
}

}  // namespace

Problem to_problem(const Diagnostic& diagnostic, const QString& path) {
  QString sentence = QString::fromStdString(diagnostic.sentence);
  if (!diagnostic.hint.empty())
    sentence += QString(" (%1)").arg(QString::fromStdString(diagnostic.hint));
  const auto file = QString::fromStdString(diagnostic.place.file);
  const bool here = file == path;
  if (!here && !file.isEmpty()) sentence = file + ": " + sentence;
  return {here ? diagnostic.place.line : 0, here ? diagnostic.place.column : 0,
          QString::fromStdString(diagnostic.field), sentence,
          diagnostic.severity != Severity::error};
}

Problem to_problem(const QString& line, const QString& path) {
  static const QRegularExpression form(
      R"(^(.*?)(?::(\d+):(\d+))?: (error|warning|note): (?:([a-z_]+(?:\[\d+\])?(?:\.[a-z0-9_]+(?:\[\d+\])?)*): )?(.*)$)");
  const auto found = form.match(line);
  if (!found.hasMatch()) return {0, 0, {}, line, false};
  const bool here = found.captured(1) == path;
  return {here ? found.captured(2).toInt() : 0, here ? found.captured(3).toInt() : 0,
          found.captured(5),
          here ? found.captured(6) : found.captured(1) + ": " + found.captured(6),
          found.captured(4) != "error"};
}

ScenarioDocument::ScenarioDocument(QObject* parent) : QObject(parent), states_{QString()} {}

bool ScenarioDocument::open(const QString& path, QString* error) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) {
    *error = path + ": error: cannot be read: " + file.errorString();
    return false;
  }
  const QString text = QString::fromUtf8(file.readAll());
  begin(text, text, QFileInfo(path).absoluteFilePath());
  return true;
}

void ScenarioDocument::start(const QString& text, const QString& path) {
  begin(text, {}, path);
}

void ScenarioDocument::begin(const QString& text, const QString& saved, const QString& path) {
  QString error;
  if (!schema_) schema_ = Schema::read(&error);
  path_ = path;
  text_ = opened_ = text;
  saved_ = saved;
  states_ = {text};
  at_ = 0;
  typing_ = false;
  extends_.clear();
  base_.clear();
  update();
}

void ScenarioDocument::setText(const QString& text, bool typing) {
  if (text == text_) return;
  states_.resize(at_ + 1);
  if (typing && typing_ && at_ > 0) {
    states_[at_] = text;
  } else {
    states_.push_back(text);
    if (states_.size() > kMostStates) states_.removeFirst();
    at_ = states_.size() - 1;
  }
  typing_ = typing;
  text_ = text;
  update();
}

void ScenarioDocument::setField(const QString& path, const QString& typed) {
  const auto* info = schema() == nullptr ? nullptr : schema()->field(path);
  const bool whole_list = info != nullptr && info->list && typed.startsWith('[');
  const bool text = info != nullptr && info->kind == FieldInfo::Kind::text && !whole_list;
  setText(with_field(text_, path, text ? quoted(typed) : typed.trimmed()));
}

void ScenarioDocument::unsetField(const QString& path) {
  setText(without_field(text_, path));
}

void ScenarioDocument::undo() {
  if (!canUndo()) return;
  text_ = states_[--at_];
  typing_ = false;
  update();
}

void ScenarioDocument::redo() {
  if (!canRedo()) return;
  text_ = states_[++at_];
  typing_ = false;
  update();
}

bool ScenarioDocument::save(const QString& path, QString* error) {
  const QString text = moved(text_, QFileInfo(path_).absoluteDir(), QFileInfo(path).absoluteDir());
  if (!write_whole(path, text.toUtf8(), error)) return false;
  path_ = QFileInfo(path).absoluteFilePath();
  saved_ = text;
  text == text_ ? update() : setText(text);
  return true;
}

void ScenarioDocument::readBase() {
  const auto fields = scan_fields(text_);
  const auto named = std::find_if(fields.begin(), fields.end(),
                                  [](const TextField& field) { return field.path == "extends"; });
  const QString extends = named == fields.end() ? QString() : plain_value(text_, *named);
  if (extends == extends_) return;
  extends_ = extends;
  base_.clear();
  if (extends.isEmpty()) return;
  const QString file = QFileInfo(path_).dir().filePath(extends);
  pb::Scenario scenario;
  SourceMap places;
  Diagnostics ignored;  // the text's own reading tells them
  if (!read_text_file(file.toStdString(), scenario, places, ignored)) return;
  base_ = values_of(QString::fromStdString(write_text(scenario)));
}

void ScenarioDocument::update() {
  readBase();
  const auto own = values_of(text_);
  fields_.clear();
  QStringList replaced;  // lists given here replace the base's
  for (const auto& field : own)
    if (const QString list = list_of(field.path, schema()); !list.isEmpty()) replaced << list;
  for (const auto& field : base_) {
    if (find(own, field.path) != nullptr || replaced.contains(list_of(field.path, schema())))
      continue;
    fields_.push_back({field.path, field.value, field.value, false, 0});
  }
  for (const auto& field : own) {
    const auto* before = find(base_, field.path);
    fields_.push_back(
        {field.path, field.value, before == nullptr ? QString() : before->value, true, field.line});
  }
  problems_.clear();
  pb::Scenario scenario;
  SourceMap places;
  Diagnostics diagnostics;
  read_text(text_.toStdString(), path_.toStdString(), scenario, places, diagnostics);
  for (const auto& each : diagnostics.all()) problems_ << to_problem(each, path_);
  emit changed();
}

QString ScenarioDocument::baseName() const {
  return extends_.isEmpty() ? "the text as it was opened" : extends_;
}

Table ScenarioDocument::differences() const {
  Table table{{"Field", "Before", "Now"}, {}};
  const auto before = extends_.isEmpty() ? values_of(opened_) : base_;
  const auto add = [&](const QString& path, const QString& was, const QString& now) {
    table.rows.push_back({{path, {}, path}, {was, {}, {}}, {now, {}, {}}});
  };
  for (const auto& field : fields_) {
    if (!field.own || field.path == "extends") continue;
    const auto* was = find(before, field.path);
    if (was == nullptr || was->value != field.value)
      add(field.path, was == nullptr ? "-" : was->value, field.value);
  }
  for (const auto& field : before)
    if (find(fields_, field.path) == nullptr) add(field.path, field.value, "-");
  return table;
}

}  // namespace aisle::gui
