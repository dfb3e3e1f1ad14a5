// SPDX-License-Identifier: Apache-2.0
#include "gui/models/scenario/schema.hpp"

#include "sim/study/edit.hpp"

#include <QRegularExpression>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

namespace aisle::gui {

namespace {

namespace pb = google::protobuf;

template <typename Element>
QString comment_of(const Element& element) {
  pb::SourceLocation location;
  if (!element.GetSourceLocation(&location)) return {};
  const std::string& text =
      location.leading_comments.empty() ? location.trailing_comments : location.leading_comments;
  return QString::fromStdString(text).simplified();
}

/// Fields that name entries of the catalogue; their comments say so, but for people.
QString catalogue_of(const pb::FieldDescriptor& field) {
  constexpr std::array<std::pair<const char*, const char*>, 11> table{{
      {"aisle.pb.Cluster.accelerator", "accelerators"},
      {"aisle.pb.Cluster.system", "systems"},
      {"aisle.pb.ScaleOut.fabric", "fabrics"},
      {"aisle.pb.Training.model", "models"},
      {"aisle.pb.Distillation.teacher", "models"},
      {"aisle.pb.Replay.model", "models"},
      {"aisle.pb.Replay.from", "accelerators"},
      {"aisle.pb.Serving.model", "models"},
      {"aisle.pb.ServingDrafts.model", "models"},
      {"aisle.pb.ServingPool.accelerator", "accelerators"},
      {"aisle.pb.System.accelerator", "accelerators"},
  }};
  for (const auto& [name, kind] : table)
    if (field.full_name() == name) return kind;
  return {};
}

FieldInfo::Kind kind_of(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return FieldInfo::Kind::text;
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return FieldInfo::Kind::boolean;
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return FieldInfo::Kind::number;
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return FieldInfo::Kind::choice;
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return FieldInfo::Kind::group;
    default:
      return FieldInfo::Kind::whole;
  }
}

QString default_of(const pb::FieldDescriptor& field) {
  if (!field.has_default_value()) return {};
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return QString::fromStdString(field.default_value_string());
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return field.default_value_bool() ? "true" : "false";
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return QString::number(field.default_value_double());
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return QString::number(static_cast<double>(field.default_value_float()));
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return QString::fromStdString(field.default_value_enum()->name());
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return QString::number(field.default_value_int32());
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return QString::number(field.default_value_int64());
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return QString::number(field.default_value_uint32());
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return QString::number(field.default_value_uint64());
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return {};
}

}  // namespace

QString without_indices(const QString& path) {
  static const QRegularExpression index("\\[\\d+\\]");
  return QString(path).remove(index);
}

QString FieldInfo::example() const {
  static const QRegularExpression quoted("\"([^\"]+)\"");
  const auto found = kind == Kind::text ? quoted.match(comment) : QRegularExpressionMatch();
  return found.hasMatch() ? found.captured(1) : fallback;
}

FieldInfo Schema::describe(const pb::FieldDescriptor& field, const QString& path) {
  FieldInfo info;
  info.path = path;
  info.name = QString::fromStdString(field.name());
  info.kind = kind_of(field);
  info.list = field.is_repeated();
  info.comment = comment_of(field);
  info.fallback = default_of(field);
  info.catalogue = catalogue_of(field);
  if (const auto* type = field.message_type(); type != nullptr)
    info.comment = (info.comment + " " + comment_of(*type)).trimmed();
  if (info.kind == FieldInfo::Kind::boolean) {
    info.values = {"true", "false"};
    info.meanings = {"", ""};
  }
  if (const auto* choices = field.enum_type(); choices != nullptr) {
    for (int i = 0; i < choices->value_count(); ++i) {
      info.values << QString::fromStdString(choices->value(i)->name());
      info.meanings << comment_of(*choices->value(i));
    }
  }
  return info;
}

void Schema::add(const pb::Descriptor& type, const QString& prefix,
                 QVector<const pb::Descriptor*>& above) {
  if (above.contains(&type)) return;
  above.push_back(&type);
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    const QString path = prefix + QString::fromStdString(field.name());
    at_.insert(path, fields_.size());
    fields_.push_back(describe(field, path));
    if (field.message_type() != nullptr) add(*field.message_type(), path + ".", above);
  }
  above.pop_back();
}

std::optional<Schema> Schema::read(QString* error) {
  const std::string file = sim::schema_file();
  std::ifstream in(file, std::ios::binary);
  pb::FileDescriptorSet set;
  pb::DescriptorPool pool;
  bool good = in && set.ParseFromIstream(&in);
  for (const pb::FileDescriptorProto& proto : set.file())
    good = good && pool.BuildFile(proto) != nullptr;
  const pb::Descriptor* root = good ? pool.FindMessageTypeByName("aisle.pb.Scenario") : nullptr;
  if (root == nullptr) {
    *error = QString::fromStdString(file) +
             ": error: the schema cannot be read (is the installation complete?)";
    return std::nullopt;
  }
  Schema schema;
  QVector<const pb::Descriptor*> above;
  schema.add(*root, {}, above);
  return schema;
}

const FieldInfo* Schema::field(const QString& path) const {
  const auto found = at_.constFind(without_indices(path));
  return found == at_.constEnd() ? nullptr : &fields_[*found];
}

QVector<const FieldInfo*> Schema::inside(const QString& group) const {
  const QString prefix = group.isEmpty() ? QString() : without_indices(group) + ".";
  QVector<const FieldInfo*> found;
  for (const auto& field : fields_)
    if (field.path.startsWith(prefix) && !field.path.mid(prefix.size()).contains('.'))
      found << &field;
  return found;
}

QVector<const FieldInfo*> Schema::find(const QString& words, qsizetype most) const {
  const QStringList wanted = words.simplified().toLower().replace(' ', '_').split('_');

  struct Hit {
    int rank;
    const FieldInfo* field;
  };

  QVector<Hit> hits;
  for (const auto& field : fields_) {
    const QString path = field.path.toLower(), comment = field.comment.toLower();
    const auto holds = [&](const QString& text) {
      return std::all_of(wanted.begin(), wanted.end(),
                         [&](const QString& word) { return text.contains(word); });
    };
    if (holds(field.name.toLower()))
      hits.push_back({0, &field});
    else if (holds(path))
      hits.push_back({1, &field});
    else if (holds(path + " " + comment))
      hits.push_back({2, &field});
  }
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return std::pair(a.rank, a.field->path.size()) < std::pair(b.rank, b.field->path.size());
  });
  QVector<const FieldInfo*> found;
  for (const auto& hit : hits.mid(0, most)) found << hit.field;
  return found;
}

}  // namespace aisle::gui
