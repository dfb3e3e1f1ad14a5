// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QVector>

namespace aisle::gui {

/// A field as it stands in a scenario's text, in characters from the start. Comments and layout
/// around it are nobody's: edits leave them alone.
struct TextField {
  QString path;  ///< "cluster.scale_out.nic", "reference[1].value"; of a name that comes once, no
                 ///< index
  qsizetype begin = 0, end = 0;              ///< from its name to the end of its value
  qsizetype value_begin = 0, value_end = 0;  ///< with quotes, brackets or braces
  bool group = false;                        ///< its value stands in braces
  int line = 1;                              ///< of its name, from 1
};

/// Fields of a text in order, a group before what it holds. Text that is no scenario gives the
/// fields up to where it stops being one.
QVector<TextField> scan_fields(const QString& text);

/// The value as people write it: texts without quotes and escapes, lists and the rest as they
/// stand.
QString plain_value(const QString& text, const TextField& field);

/// The text with the field at `path` set to `value` (as it is to stand there): in place where it
/// is there, else at the end of the innermost group of the path that is there, with the groups that
/// are not.
QString with_field(const QString& text, const QString& path, const QString& value);

/// The text without the field at `path`, and without the line where nothing else stands on it.
QString without_field(const QString& text, const QString& path);

/// A text in quotes, escaped.
QString quoted(const QString& value);

}  // namespace aisle::gui
