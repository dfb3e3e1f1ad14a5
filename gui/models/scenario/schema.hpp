// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QHash>
#include <QString>
#include <QStringList>
#include <QVector>

#include <optional>

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace aisle::gui {

/// What the schema says of one field of a scenario.
struct FieldInfo {
  enum class Kind { text, number, whole, boolean, choice, group };

  QString path;  ///< "cluster.scale_out.nic"; no index where a step is a list
  QString name;
  Kind kind = Kind::text;
  bool list = false;
  QString comment;          ///< in one line; of a group its own, then that of its kind
  QString fallback;         ///< value where absent; empty: none
  QStringList values;       ///< of choices and booleans
  QStringList meanings;     ///< [values]
  QString catalogue;        ///< kind of catalogue entry that it names ("accelerators"); empty: none
  QString example() const;  ///< the first value in quotes that the comment gives, or the default
};

/// The path without its indices.
QString without_indices(const QString& path);

/// The fields of a scenario, from the schema that the program was built with; the comments are
/// those that `aisle explain` prints.
class Schema {
 public:
  /// Reads the schema file; `error` says why it cannot.
  static std::optional<Schema> read(QString* error);

  /// The field at a path, with or without indices ("reference[1].value"); null: there is none.
  const FieldInfo* field(const QString& path) const;

  /// Position of a field among all, groups before what they hold; -1: there is none.
  qsizetype order(const QString& path) const { return at_.value(without_indices(path), -1); }

  /// Fields that can be given inside a group, in the schema's order; "": of the scenario.
  QVector<const FieldInfo*> inside(const QString& group) const;
  /// Fields whose path or comment holds every word, best first: names before comments, short paths
  /// before long ones.
  QVector<const FieldInfo*> find(const QString& words, qsizetype most) const;

 private:
  void add(const google::protobuf::Descriptor& type, const QString& prefix,
           QVector<const google::protobuf::Descriptor*>& above);
  static FieldInfo describe(const google::protobuf::FieldDescriptor& field, const QString& path);

  QVector<FieldInfo> fields_;
  QHash<QString, qsizetype> at_;
};

}  // namespace aisle::gui
