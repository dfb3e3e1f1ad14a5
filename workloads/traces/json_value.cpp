// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/json_value.hpp"

#include "workloads/traces/assemble.hpp"
#include "workloads/traces/json_stream.hpp"
#include "workloads/traces/table_rows.hpp"

#include <fmt/core.h>
#include <simdjson.h>

#include <bit>
#include <cmath>

namespace aisle::workloads::traces {
namespace {

using Element = simdjson::dom::element;
static_assert(sizeof(Element) == sizeof(std::array<std::uint64_t, 2>));

Element element_of(const std::array<std::uint64_t, 2>& stored) {
  return std::bit_cast<Element>(stored);
}

}  // namespace

/// Makes values of simdjson's.
class JsonDocuments {
 public:
  static JsonValue value(Element element) {
    JsonValue out;
    out.element_ = std::bit_cast<std::array<std::uint64_t, 2>>(element);
    out.present_ = true;
    return out;
  }
};

std::optional<std::int64_t> JsonValue::integer() const {
  if (!present_) return std::nullopt;
  const Element element = element_of(element_);
  std::int64_t whole = 0;
  std::uint64_t large = 0;
  bool flag = false;
  if (element.get(whole) == simdjson::SUCCESS) return whole;
  if (element.get(large) == simdjson::SUCCESS) return static_cast<std::int64_t>(large);
  if (element.get(flag) == simdjson::SUCCESS) return flag ? 1 : 0;
  if (const auto real = number(); real && element.is_double()) {
    if (std::abs(*real) < 9e18) return std::llround(*real);
    return std::nullopt;
  }
  return to_integer(text());
}

std::optional<double> JsonValue::number() const {
  double out = 0;
  if (!present_) return std::nullopt;
  if (element_of(element_).get(out) == simdjson::SUCCESS) return out;
  return to_number(text());
}

std::string_view JsonValue::text() const {
  std::string_view out;
  if (!present_ || element_of(element_).get(out) != simdjson::SUCCESS) return {};
  return out;
}

std::string JsonValue::literal() const {
  return present_ ? simdjson::minify(element_of(element_)) : std::string();
}

bool JsonValue::is_object() const {
  return present_ && element_of(element_).is_object();
}

JsonValue JsonValue::member(std::string_view key) const {
  Element out;
  if (!is_object() || element_of(element_)[key].get(out) != simdjson::SUCCESS) return {};
  return JsonDocuments::value(out);
}

void JsonValue::each_member(const std::function<void(std::string_view, JsonValue)>& use) const {
  simdjson::dom::object object;
  if (!present_ || element_of(element_).get(object) != simdjson::SUCCESS) return;
  for (const auto& [key, value] : object) use(key, JsonDocuments::value(value));
}

void JsonValue::each_item(const std::function<void(JsonValue)>& use) const {
  simdjson::dom::array array;
  if (!present_ || element_of(element_).get(array) != simdjson::SUCCESS) return;
  for (const Element item : array) use(JsonDocuments::value(item));
}

bool read_records(Source& source, const std::string& array, Trace& trace, Diagnostics& diagnostics,
                  const std::function<void(JsonValue)>& use) {
  JsonStream stream(source, array, diagnostics);
  simdjson::dom::parser parser;
  bool warned = false;
  const auto lose = [&](std::string_view what) {
    ++trace.accounting.events;
    trace.accounting.lose("record that is no JSON", Severity::warning, Fault::file,
                          "write the trace again");
    if (std::exchange(warned, true)) return;
    diagnostics.warning(stream.place(0), array, fmt::format("a record cannot be read: {}", what),
                        "write the trace again");
  };
  for (;;) {
    switch (stream.next()) {
      case JsonStream::Item::batch: {
        Element batch;
        const std::string_view text = stream.text();
        // The stream leaves 64 readable bytes behind its text, simdjson wants 32.
        const auto failure = parser.parse(text.data(), text.size(), false).get(batch);
        if (failure == simdjson::SUCCESS) {
          JsonDocuments::value(batch).each_item(use);
        } else if (stream.single()) {
          lose(simdjson::error_message(failure));
        } else {
          stream.one_by_one(0);
        }
        break;
      }
      case JsonStream::Item::member:
        break;
      case JsonStream::Item::lost:
        lose(stream.reason());
        break;
      case JsonStream::Item::end:
        return !stream.failed();
    }
  }
}

bool read_document(Source& source, Diagnostics& diagnostics,
                   const std::function<void(JsonValue)>& use) {
  const auto text = read_all(source, kWindow, diagnostics);
  if (!text) return false;
  simdjson::dom::parser parser;
  Element root;
  const auto failure = parser.parse(*text).get(root);
  if (failure != simdjson::SUCCESS) {
    diagnostics.error({source.name(), 1, 1}, {},
                      fmt::format("is no whole JSON: {}", simdjson::error_message(failure)),
                      "copy the file again");
    return false;
  }
  use(JsonDocuments::value(root));
  return true;
}

}  // namespace aisle::workloads::traces
