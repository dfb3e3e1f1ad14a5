// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::workloads {

/// A value of a JSON document and where it stands: an object's member at its key, others at the
/// member that holds them. Small documents only (config.json).
struct ConfigValue {
  std::string key;  ///< of a member of an object
  enum class Kind { null, boolean, number, text, list, object };
  Kind kind = Kind::null;
  bool flag = false;
  double number = 0;
  std::string text;
  std::vector<ConfigValue> items;
  std::vector<ConfigValue> members;
  Place place;

  /// The member of that name, or nullptr.
  const ConfigValue* find(std::string_view name) const;
};

/// Parses a document whose top is an object; else nothing, with an error at its line and column.
std::optional<ConfigValue> parse_config(std::string_view text, const std::string& file,
                                        Diagnostics& diagnostics);

}  // namespace aisle::workloads
