// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace google::protobuf {
class Message;
}

namespace aisle::sim {

/// A condition on the fields of a scenario: numbers, texts in single or double quotes, fields by
/// their path (their default where absent), names of enumerations; + - * / %, == != < <= > >=, and,
/// or, not, parentheses. Numbers compare with numbers, texts with texts (== and != alone); whole
/// numbers, decimals and booleans (0 and 1) are numbers, everything else is a text.
class Condition {
 public:
  /// Reports what is wrong at `place`, with the position in the text.
  static std::optional<Condition> parse(const std::string& text, const Place& place,
                                        const std::string& field, Diagnostics& diagnostics);

  Condition(Condition&&) noexcept;
  Condition& operator=(Condition&&) noexcept;
  ~Condition();

  /// Whether it holds; nothing, with an error, where it names a field that `message` does not have,
  /// divides by zero, or mixes numbers and texts.
  std::optional<bool> holds(const google::protobuf::Message& message,
                            Diagnostics& diagnostics) const;

  struct Node;

 private:
  Condition();
  std::unique_ptr<Node> root_;
  Place place_;
  std::string field_, text_;
};

/// The value of a field by its path; nothing where the message has no such field.
std::optional<std::variant<double, std::string>> field_value(
    const google::protobuf::Message& message, const std::string& path);

}  // namespace aisle::sim
