// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/base/utf8.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace aisle {
namespace {

// Bytes that are not UTF-8 (a file name may hold any) become U+FFFD, or no reader would accept the
// document.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const std::size_t length = utf8_character(text, i);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (length > 1) {
      out += text.substr(i, length);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      out += c;
    }
    i += length == 0 ? 1 : length;
  }
  out += '"';
}

}  // namespace

JsonWriter::JsonWriter(int indent) : indent_(indent) {}

void JsonWriter::newline() {
  if (indent_ <= 0) return;
  out_ += '\n';
  out_.append(nesting_.size() * static_cast<std::size_t>(indent_), ' ');
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  AISLE_ASSERT(nesting_.empty() || nesting_.back() == '[', "a value in an object follows a key");
  AISLE_ASSERT(!nesting_.empty() || out_.empty(), "a JSON document is one value");
  if (nesting_.empty()) return;
  if (!first_) out_ += ',';
  newline();
  first_ = false;
}

JsonWriter& JsonWriter::begin_object() {
  before_value();
  out_ += '{';
  nesting_ += '{';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  AISLE_ASSERT(!nesting_.empty() && nesting_.back() == '{' && !after_key_, "no object to end");
  nesting_.pop_back();
  if (!first_) newline();
  out_ += '}';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  before_value();
  out_ += '[';
  nesting_ += '[';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  AISLE_ASSERT(!nesting_.empty() && nesting_.back() == '[', "no array to end");
  nesting_.pop_back();
  if (!first_) newline();
  out_ += ']';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  AISLE_ASSERT(!nesting_.empty() && nesting_.back() == '{' && !after_key_, "a key outside objects");
  if (!first_) out_ += ',';
  newline();
  first_ = false;
  append_quoted(out_, name);
  out_ += indent_ > 0 ? ": " : ":";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  before_value();
  append_quoted(out_, text);
  return *this;
}

JsonWriter& JsonWriter::value(const char* text) {
  return value(std::string_view(text));
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  before_value();
  out_ += fmt::format("{}", number);
  return *this;
}

JsonWriter& JsonWriter::integer(long long number) {
  before_value();
  out_ += fmt::format("{}", number);
  return *this;
}

JsonWriter& JsonWriter::value(bool flag) {
  before_value();
  out_ += flag ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::null() {
  before_value();
  out_ += "null";
  return *this;
}

std::string JsonWriter::take() {
  AISLE_ASSERT(nesting_.empty() && !out_.empty(), "a JSON document was taken before it was whole");
  out_ += '\n';
  first_ = true;
  return std::exchange(out_, {});
}

}  // namespace aisle
