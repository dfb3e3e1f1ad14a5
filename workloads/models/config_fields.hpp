// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "workloads/models/config_json.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Fields of a configuration, by all the names that they go under. Used by workloads/models alone.
namespace aisle::workloads {

using FieldNames = std::initializer_list<std::string_view>;

class ConfigFields {
 public:
  /// Looks in `top`, in its attn_config and ffn_config, then in the architecture's defaults.
  /// `places` learns where the fields of the description came from.
  ConfigFields(const ConfigValue& top, std::string type, SourceMap& places,
               Diagnostics& diagnostics);

  /// A field that goes under one of these names; an error where two of them disagree. `target` is
  /// the description's field that it becomes ("" if none).
  std::optional<std::int64_t> whole(FieldNames names, const std::string& target = {});
  /// The same, with an error where it is missing; then 0.
  std::int64_t needed(FieldNames names, const std::string& target, const std::string& hint = {});
  std::optional<bool> flag(FieldNames names);
  std::string text(std::string_view name);
  /// The value itself, null counted as absent.
  const ConfigValue* value(std::string_view name);
  /// Marks names as understood without reading them.
  void understood(FieldNames names);

  void error(std::string_view name, const std::string& sentence, const std::string& hint = {});
  void warning(std::string_view name, const std::string& sentence, const std::string& hint = {});
  /// A warning for each field that looks like a size of the model and that nobody asked for.
  void warn_of_unused();

 private:
  const ConfigValue* find(std::string_view name) const;
  std::optional<std::int64_t> default_of(FieldNames names);

  const ConfigValue& top_;
  std::vector<const ConfigValue*> scopes_;
  std::string type_;
  SourceMap& places_;
  Diagnostics& diagnostics_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace aisle::workloads
