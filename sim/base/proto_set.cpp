// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "sim/base/proto_text_data.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>

namespace aisle {
namespace {

namespace pb = google::protobuf;

// What is being set, and where complaints go.
struct Assignment {
  std::string path;
  std::string value;
  Place place;
  Diagnostics& diagnostics;

  bool fail(const std::string& field, const std::string& sentence, const std::string& hint) const {
    diagnostics.error(place, field, sentence, hint);
    return false;
  }
};

// The message and field that a path ends at.
struct Target {
  pb::Message* owner = nullptr;
  const pb::FieldDescriptor* field = nullptr;
  std::optional<int> index;
};

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool is_quoted(std::string_view text) {
  return text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
         text.back() == text.front();
}

bool check_index(const Assignment& assignment, const std::string& so_far, const Target& target) {
  if (!target.index) return true;
  if (!target.field->is_repeated()) {
    return assignment.fail(so_far, "is not a list", "leave out the index");
  }
  const int size = target.owner->GetReflection()->FieldSize(*target.owner, target.field);
  if (*target.index > size) {
    return assignment.fail(so_far, fmt::format("has no entry {}", *target.index),
                           fmt::format("{}[{}] would append one", target.field->name(), size));
  }
  return true;
}

// Walks to the end of the path, making the messages on the way.
std::optional<Target> find_target(const std::vector<PathStep>& steps, const Assignment& assignment,
                                  pb::Message& root) {
  Target target{&root, nullptr, std::nullopt};
  std::string so_far;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const pb::Descriptor& type = *target.owner->GetDescriptor();
    so_far += (i > 0 ? "." : "") + steps[i].name;
    target.field = type.FindFieldByName(steps[i].name);
    target.index = steps[i].index;
    if (target.field == nullptr) {
      assignment.fail(so_far, "unknown field", field_hint(steps[i].name, type));
      return std::nullopt;
    }
    if (!check_index(assignment, so_far, target)) return std::nullopt;
    if (i + 1 == steps.size()) return target;
    if (target.field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) {
      assignment.fail(so_far, "has no fields of its own",
                      fmt::format("it is {}", value_form(*target.field)));
      return std::nullopt;
    }
    const pb::Reflection& reflection = *target.owner->GetReflection();
    if (target.field->is_repeated()) {
      if (!target.index) {
        assignment.fail(so_far, "is a list", fmt::format("name an entry: {}[0]", so_far));
        return std::nullopt;
      }
      so_far += fmt::format("[{}]", *target.index);
      target.owner =
          *target.index == reflection.FieldSize(*target.owner, target.field)
              ? reflection.AddMessage(target.owner, target.field)
              : reflection.MutableRepeatedMessage(target.owner, target.field, *target.index);
    } else {
      target.owner = reflection.MutableMessage(target.owner, target.field);
    }
  }
  return std::nullopt;
}

const pb::FieldDescriptor* text_field(const pb::Descriptor& type, const std::string& name) {
  const pb::FieldDescriptor* field = type.FindFieldByName(name);
  const bool text = field != nullptr && !field->is_repeated() &&
                    field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING;
  return text ? field : nullptr;
}

// A figure given as plain text ("4.8 TB/s") is our own choice from here on: basis assumed.
std::optional<std::string> figure_body(const pb::Descriptor& type, const std::string& value) {
  if (text_field(type, "value") == nullptr) return std::nullopt;
  if (!is_quoted(value) && value.find_first_of(":{") != std::string::npos) return std::nullopt;
  std::string body = "value: " + (is_quoted(value) ? value : quoted(value));
  const pb::FieldDescriptor* basis = type.FindFieldByName("basis");
  if (basis != nullptr && basis->enum_type() != nullptr &&
      basis->enum_type()->FindValueByName("assumed") != nullptr) {
    body += " basis: assumed";
  }
  if (text_field(type, "source") != nullptr) body += " source: \"--set\"";
  return body;
}

// The assignment as a line of text format, so that one parser judges values wherever they stand.
std::string as_text_format(const Target& target, const std::string& value) {
  const pb::FieldDescriptor& field = *target.field;
  const bool whole_list = field.is_repeated() && !target.index;
  if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
    if (whole_list) return fmt::format("{}: {}", field.name(), value);
    if (const auto body = figure_body(*field.message_type(), value)) {
      return fmt::format("{} {{ {} }}", field.name(), *body);
    }
    const bool braced = value.starts_with("{") && value.ends_with("}");
    return fmt::format(fmt::runtime(braced ? "{} {}" : "{} {{ {} }}"), field.name(), value);
  }
  const bool text = field.cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING;
  if (whole_list && value.starts_with("[")) return fmt::format("{}: {}", field.name(), value);
  if (whole_list && !text) return fmt::format("{}: [{}]", field.name(), value);
  return fmt::format("{}: {}", field.name(), text && !is_quoted(value) ? quoted(value) : value);
}

// Puts the field of `parsed` into its owner.
void store(const Target& target, const pb::Message& parsed) {
  const pb::Reflection& reflection = *target.owner->GetReflection();
  if (!target.index) {
    reflection.ClearField(target.owner, target.field);
    target.owner->MergeFrom(parsed);
    return;
  }
  target.owner->MergeFrom(parsed);  // appends
  const int last = reflection.FieldSize(*target.owner, target.field) - 1;
  if (*target.index < last) {
    reflection.SwapElements(target.owner, target.field, *target.index, last);
    reflection.RemoveLast(target.owner, target.field);
  }
}

bool assign(const Assignment& assignment, const Target& target) {
  const std::unique_ptr<pb::Message> parsed(target.owner->New());
  const std::string line = as_text_format(target, assignment.value);
  Diagnostics found;
  PlaceMap ignored;
  const bool good = parse_text(line, "", *parsed, ignored, found);
  for (const Diagnostic& diagnostic : found.all()) {
    const std::size_t dot = diagnostic.field.find('.');
    const std::string below = dot == std::string::npos ? "" : diagnostic.field.substr(dot);
    assignment.fail(assignment.path + below, diagnostic.sentence, diagnostic.hint);
  }
  if (!good) return false;
  std::vector<const pb::FieldDescriptor*> given;
  parsed->GetReflection()->ListFields(*parsed, &given);
  const bool several = given.size() > 1 || (target.index && parsed->GetReflection()->FieldSize(
                                                                *parsed, target.field) > 1);
  if (several) {
    return assignment.fail(
        assignment.path, fmt::format("'{}' is more than one value", assignment.value),
        fmt::format("it is {}; give each field its own --set", value_form(*target.field)));
  }
  store(target, *parsed);
  return true;
}

}  // namespace

bool set_field(std::string_view text, pb::Message& message, SourceMap& places,
               Diagnostics& diagnostics, const std::string& flag) {
  const std::size_t equals = text.find('=');
  const Place place{flag.empty() ? fmt::format("--set {}", text) : flag, 0, 0};
  if (equals == std::string_view::npos) {
    diagnostics.error(place, "", "has no '='", "write PATH=VALUE, for example cluster.count=4096");
    return false;
  }
  const Assignment assignment{trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1)),
                              place, diagnostics};
  const auto steps = split_path(assignment.path);
  if (!steps) {
    return assignment.fail("", fmt::format("'{}' is not a field path", assignment.path),
                           "write names joined by dots, for example reference[0].value");
  }
  // Tried on a copy: a failed assignment leaves nothing behind.
  const std::unique_ptr<pb::Message> changed(message.New());
  changed->CopyFrom(message);
  const auto target = find_target(*steps, assignment, *changed);
  if (!target || !assign(assignment, *target)) return false;
  message.GetReflection()->Swap(&message, changed.get());
  forget_places(places.data->places, assignment.path);
  places.data->places.insert_or_assign(assignment.path, place);
  return true;
}

}  // namespace aisle
