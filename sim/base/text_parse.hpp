// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace aisle {

/// Place of each field present, by path ("reference[1].value").
using PlaceMap = std::map<std::string, Place, std::less<>>;

/// Parses text format into `message` and notes the place of every field; `file` stands in places.
/// Every unknown field is reported, and the first syntax error or wrong value.
bool parse_text(std::string_view text, const std::string& file, google::protobuf::Message& message,
                PlaceMap& places, Diagnostics& diagnostics);

/// Names of a message's fields, as candidates for nearest().
std::vector<std::string> field_names(const google::protobuf::Descriptor& type);

/// What to write for a field: "text in quotes", "a whole number", "one of a, b, c".
std::string value_form(const google::protobuf::FieldDescriptor& field);

/// Hint for a name that `type` lacks: the nearest ones, else all of them.
std::string field_hint(std::string_view name, const google::protobuf::Descriptor& type);

/// One step of a path: "reference[1]" is {"reference", 1}.
struct PathStep {
  std::string name;
  std::optional<int> index;
};

/// Splits "reference[1].value"; nothing for a path that is malformed.
std::optional<std::vector<PathStep>> split_path(std::string_view path);

/// Forgets the places at and below `path`, e.g. before it is given anew.
void forget_places(PlaceMap& places, const std::string& path);

}  // namespace aisle
