// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/result_table.hpp"
#include "gui/models/scenario/schema.hpp"
#include "sim/base/diagnostics.hpp"

#include <QObject>
#include <QString>
#include <QVector>

namespace aisle::gui {

/// Something wrong with a scenario, where it can be shown.
struct Problem {
  int line = 0, column = 0;  ///< in the document's own text; 0: elsewhere
  QString field;             ///< path; empty: of no field
  QString sentence;          ///< what is wrong and what to do
  bool warning = false;
};

/// One value of a scenario as the form shows it.
struct ScenarioField {
  QString path;
  QString value;       ///< as people write it, without quotes
  QString base_value;  ///< of the scenario that this one extends; empty: not there
  bool own = false;    ///< stands in this text
  int line = 0;        ///< where, 0: not in it
};

/// A scenario in work. Its text is the truth: the form edits it field by field and leaves comments
/// and layout alone, so that form and text are always in step and a hand-written file stays one.
class ScenarioDocument : public QObject {
  Q_OBJECT

 public:
  explicit ScenarioDocument(QObject* parent = nullptr);

  /// A file, or a new text that has none yet (`path` names where it would stand, for what is
  /// relative to it).
  bool open(const QString& path, QString* error);
  void start(const QString& text, const QString& path);

  QString path() const { return path_; }

  QString text() const { return text_; }

  /// Another text; `typing`: one of many small changes, undone together with those around it.
  void setText(const QString& text, bool typing = false);

  /// Sets a field to what a user typed: quotes are added to texts, nothing is converted.
  void setField(const QString& path, const QString& typed);
  void unsetField(const QString& path);
  void undo();
  void redo();

  bool canUndo() const { return at_ > 0; }

  bool canRedo() const { return at_ + 1 < states_.size(); }

  /// Differs from the file.
  bool isModified() const { return text_ != saved_; }

  /// Writes the text; whole or not at all. The document is that file's afterwards.
  bool save(const QString& path, QString* error);

  /// Every value that is set: those of the scenario that this one extends, then those of the text.
  const QVector<ScenarioField>& fields() const { return fields_; }

  /// Why the text is no scenario, as far as it tells by itself.
  const QVector<Problem>& problems() const { return problems_; }

  /// Field, value in the base, value here: against the scenario that this one extends, or against
  /// the text as it was opened.
  Table differences() const;
  /// What differences() are against, in words.
  QString baseName() const;

  const Schema* schema() const { return schema_ ? &*schema_ : nullptr; }

 signals:
  void changed();

 private:
  void begin(const QString& text, const QString& saved, const QString& path);
  void update();
  void readBase();

  std::optional<Schema> schema_;
  QString path_, text_, saved_, opened_;
  QVector<QString> states_;
  qsizetype at_ = 0;
  bool typing_ = false;
  QString extends_;
  QVector<ScenarioField> base_;
  QVector<ScenarioField> fields_;
  QVector<Problem> problems_;
};

/// A diagnostic as a problem of the document at `path`.
Problem to_problem(const Diagnostic& diagnostic, const QString& path);
/// From "file:line:col: error: field: sentence (hint)", as `aisle check` prints.
Problem to_problem(const QString& line, const QString& path);

}  // namespace aisle::gui
