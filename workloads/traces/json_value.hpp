// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace aisle::workloads::traces {

/// A value inside a parsed JSON document, valid as long as the document; false where there is none.
class JsonValue {
 public:
  JsonValue() = default;

  explicit operator bool() const { return present_; }

  /// Whole numbers, booleans, and texts that hold a whole number.
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;
  std::string_view text() const;  ///< of a text, else ""
  std::string literal() const;    ///< as JSON
  bool is_object() const;

  JsonValue member(std::string_view key) const;
  void each_member(const std::function<void(std::string_view, JsonValue)>& use) const;
  void each_item(const std::function<void(JsonValue)>& use) const;

 private:
  friend class JsonDocuments;
  std::array<std::uint64_t, 2> element_{};  // simdjson's own reference
  bool present_ = false;
};

/// Records of the array `array` of a JSON object, one by one, with bounded memory. Those that
/// cannot be parsed are counted as unused, with a warning for the first; each record handed to
/// `use` is an event that `use` must count. False, with an error, if there is no such document.
bool read_records(Source& source, const std::string& array, Trace& trace, Diagnostics& diagnostics,
                  const std::function<void(JsonValue)>& use);

/// A whole document in memory, up to kWindow bytes. Nothing, with an error, if it is none.
bool read_document(Source& source, Diagnostics& diagnostics,
                   const std::function<void(JsonValue)>& use);

}  // namespace aisle::workloads::traces
