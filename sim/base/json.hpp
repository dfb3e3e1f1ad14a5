// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace aisle {

/// Writes one JSON document front to back; keys in the order given; doubles in the shortest form
/// that reads back exactly, non-finite ones as null.
class JsonWriter {
 public:
  explicit JsonWriter(int indent = 2);
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text);
  JsonWriter& value(double number);
  JsonWriter& value(bool flag);

  template <std::integral T>
  JsonWriter& value(T number) {
    return integer(static_cast<long long>(number));
  }

  JsonWriter& null();
  /// The document; ends with a line feed.
  std::string take();

 private:
  JsonWriter& integer(long long number);
  void before_value();
  void newline();
  std::string out_;
  std::string nesting_;  // one of "{[" per open level
  int indent_;
  bool first_ = true;
  bool after_key_ = false;
};

}  // namespace aisle
