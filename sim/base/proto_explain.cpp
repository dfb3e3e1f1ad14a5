// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "sim/base/text_parse.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <fstream>

namespace aisle {
namespace {

namespace pb = google::protobuf;

// The comment above an element or, where there is none, behind it, as lines.
template <typename Element>
std::vector<std::string> comment_of(const Element& element) {
  pb::SourceLocation location;
  if (!element.GetSourceLocation(&location)) return {};
  const std::string& text =
      location.leading_comments.empty() ? location.trailing_comments : location.leading_comments;
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::size_t first = text.find_first_not_of(' ', at);
    lines.push_back(first < end ? text.substr(first, end - first) : "");
    at = end + 1;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string type_name(const pb::FieldDescriptor& field) {
  std::string name;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      name = "text";
      break;
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      name = "true or false";
      break;
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      name = "number";
      break;
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      name = "choice";
      break;
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      name = field.message_type()->name();
      break;
    default:
      name = "whole number";
  }
  return field.is_repeated() ? "list of " + name : name;
}

std::string default_of(const pb::FieldDescriptor& field) {
  if (!field.has_default_value()) return {};
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return '"' + field.default_value_string() + '"';
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return field.default_value_bool() ? "true" : "false";
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return fmt::format("{}", field.default_value_double());
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return fmt::format("{}", field.default_value_float());
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return field.default_value_enum()->name();
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return fmt::format("{}", field.default_value_int32());
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return fmt::format("{}", field.default_value_int64());
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return fmt::format("{}", field.default_value_uint32());
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return fmt::format("{}", field.default_value_uint64());
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return {};
}

void add_lines(const std::vector<std::string>& lines, std::string& out) {
  for (const std::string& line : lines) out += "  " + line + "\n";
}

void add_fields(const pb::Descriptor& type, std::string& out) {
  std::size_t width = 0;
  for (int i = 0; i < type.field_count(); ++i) {
    width = std::max(width, type.field(i)->name().size());
  }
  out += "fields:\n";
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    const std::string fallback = default_of(field);
    out += fmt::format("  {:<{}}  {}", field.name(), width, type_name(field));
    if (!fallback.empty()) out += fmt::format(", default {}", fallback);
    const std::vector<std::string> comment = comment_of(field);
    if (!comment.empty()) out += ": " + comment.front();
    out += '\n';
  }
}

void add_values(const pb::EnumDescriptor& type, std::string& out) {
  out += "values:\n";
  std::size_t width = 0;
  for (int i = 0; i < type.value_count(); ++i) {
    width = std::max(width, type.value(i)->name().size());
  }
  for (int i = 0; i < type.value_count(); ++i) {
    const std::vector<std::string> comment = comment_of(*type.value(i));
    out += comment.empty()
               ? fmt::format("  {}\n", type.value(i)->name())
               : fmt::format("  {:<{}}  {}\n", type.value(i)->name(), width, comment.front());
  }
}

std::string describe(std::string_view path, const pb::FieldDescriptor& field) {
  std::string out = fmt::format("{}: {}\n", path, type_name(field));
  add_lines(comment_of(field), out);
  const std::string fallback = default_of(field);
  if (!fallback.empty()) out += fmt::format("default: {}\n", fallback);
  if (field.enum_type() != nullptr) add_values(*field.enum_type(), out);
  if (field.message_type() != nullptr) {
    add_lines(comment_of(*field.message_type()), out);
    add_fields(*field.message_type(), out);
  }
  return out;
}

bool load_schemas(const std::string& file, pb::DescriptorPool& pool, Diagnostics& diagnostics) {
  std::ifstream in(file, std::ios::binary);
  pb::FileDescriptorSet set;
  bool good = in && set.ParseFromIstream(&in);
  for (const pb::FileDescriptorProto& proto : set.file()) {
    good = good && pool.BuildFile(proto) != nullptr;
  }
  if (!good) {
    diagnostics.error({file, 0, 0}, "", "the schema descriptions cannot be read",
                      "they are installed with the program; is the installation complete?");
  }
  return good;
}

}  // namespace

std::optional<std::string> explain_field(std::string_view path, const std::string& root_message,
                                         const std::string& descriptor_set,
                                         Diagnostics& diagnostics) {
  pb::DescriptorPool pool;
  if (!load_schemas(descriptor_set, pool, diagnostics)) return std::nullopt;
  const pb::Descriptor* type = pool.FindMessageTypeByName(root_message);
  if (type == nullptr) {
    diagnostics.error({descriptor_set, 0, 0}, "", fmt::format("has no message '{}'", root_message));
    return std::nullopt;
  }
  if (path.empty()) {
    std::string out = type->name() + "\n";
    add_lines(comment_of(*type), out);
    add_fields(*type, out);
    return out;
  }
  const auto steps = split_path(path);
  if (!steps) {
    diagnostics.error({}, std::string(path), "is not a field path",
                      "write names joined by dots, for example cluster.scale_out.nic");
    return std::nullopt;
  }
  const pb::FieldDescriptor* field = nullptr;
  std::string so_far;
  for (const PathStep& step : *steps) {
    if (type == nullptr) {
      diagnostics.error({}, so_far, "has no fields of its own", "it is " + value_form(*field));
      return std::nullopt;
    }
    so_far += (so_far.empty() ? "" : ".") + step.name;
    field = type->FindFieldByName(step.name);
    if (field == nullptr) {
      diagnostics.error({}, so_far, "unknown field", field_hint(step.name, *type));
      return std::nullopt;
    }
    type = field->message_type();
  }
  return describe(path, *field);
}

}  // namespace aisle
