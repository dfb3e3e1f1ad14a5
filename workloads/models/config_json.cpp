// SPDX-License-Identifier: Apache-2.0
#include "workloads/models/config_json.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace aisle::workloads {

namespace {

namespace json = simdjson::ondemand;

/// Deeper ones are no configurations.
constexpr int kDeepest = 16;

/// One pass over the document. simdjson's on-demand reader must not be asked again after an error,
/// so the first one ends the pass.
class Pass {
 public:
  Pass(std::string_view text, const std::string& file, Diagnostics& diagnostics)
      : padded_(text), file_(file), diagnostics_(diagnostics) {}

  std::optional<ConfigValue> run() {
    ConfigValue top;
    top.kind = ConfigValue::Kind::object;
    top.place = {file_, 1, 1};
    json::object object;
    if (failed(parser_.iterate(padded_).get(document_))) return std::nullopt;
    open_ = true;
    json::json_type type{};
    if (failed(document_.type().get(type))) return std::nullopt;
    if (type != json::json_type::object) {
      diagnostics_.error({file_, 1, 1}, {}, "is JSON, but no object", "name a config.json");
      return std::nullopt;
    }
    if (failed(document_.get_object().get(object)) || !read(object, top, 1)) return std::nullopt;
    const char* more = nullptr;
    if (document_.current_location().get(more) == simdjson::SUCCESS) {
      diagnostics_.error(place_of(more), {}, "is no whole JSON: there is more behind the object",
                         "copy the file again");
      return std::nullopt;
    }
    return top;
  }

 private:
  bool read(json::object& object, ConfigValue& out, int depth) {
    for (auto entry : object) {
      json::field field;
      if (failed(std::move(entry).get(field))) return false;
      const Place place = place_of(field.key().raw() - 1);
      std::string_view key;
      if (failed(field.unescaped_key().get(key))) return false;
      const std::string name(key);
      if (out.find(name) != nullptr) {
        diagnostics_.error(place, name, "is given twice", "leave one of them out");
        return false;
      }
      ConfigValue& value = out.members.emplace_back();
      value.key = name;
      value.place = place;
      if (!read(field.value(), value, depth + 1)) return false;
    }
    return true;
  }

  bool read(json::array& array, ConfigValue& out, int depth) {
    for (auto entry : array) {
      json::value item;
      // NOLINTNEXTLINE(performance-move-const-arg): get() is for rvalues only
      if (failed(std::move(entry).get(item))) return false;
      out.items.emplace_back();
      out.items.back().place = out.place;
      if (!read(item, out.items.back(), depth + 1)) return false;
    }
    return true;
  }

  bool read(json::value& value, ConfigValue& out, int depth) {
    if (depth > kDeepest) {
      diagnostics_.error(out.place, {}, fmt::format("is nested deeper than {} levels", kDeepest),
                         "name a config.json");
      return false;
    }
    json::json_type type{};
    if (failed(value.type().get(type))) return false;
    switch (type) {
      case json::json_type::object: {
        json::object object;
        out.kind = ConfigValue::Kind::object;
        return !failed(value.get_object().get(object)) && read(object, out, depth);
      }
      case json::json_type::array: {
        json::array array;
        out.kind = ConfigValue::Kind::list;
        return !failed(value.get_array().get(array)) && read(array, out, depth);
      }
      case json::json_type::number:
        out.kind = ConfigValue::Kind::number;
        return !failed(value.get_double().get(out.number));
      case json::json_type::string: {
        std::string_view text;
        out.kind = ConfigValue::Kind::text;
        if (failed(value.get_string().get(text))) return false;
        out.text = text;
        return true;
      }
      case json::json_type::boolean:
        out.kind = ConfigValue::Kind::boolean;
        return !failed(value.get_bool().get(out.flag));
      case json::json_type::null: {
        bool whole = false;  // null, not nul
        if (failed(value.is_null().get(whole))) return false;
        return whole || !failed(simdjson::N_ATOM_ERROR);
      }
    }
    return false;
  }

  Place place_of(const char* at) const {
    const std::string_view text(padded_.data(), padded_.size());
    const auto offset = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(
        at - padded_.data(), 0, static_cast<std::ptrdiff_t>(text.size())));
    const std::string_view before = text.substr(0, offset);
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return {file_, 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
            1 + static_cast<int>(offset - line_start)};
  }

  bool failed(simdjson::error_code code) {
    if (code == simdjson::SUCCESS) return false;
    const char* at = nullptr;
    const bool located = open_ && document_.current_location().get(at) == simdjson::SUCCESS;
    diagnostics_.error(located ? place_of(at) : place_of(padded_.data() + padded_.size()), {},
                       fmt::format("is no whole JSON: {}", simdjson::error_message(code)),
                       "copy the file again; NaN, Infinity and comments are not JSON");
    return true;
  }

  json::parser parser_;
  simdjson::padded_string padded_;
  json::document document_;
  bool open_ = false;
  const std::string& file_;
  Diagnostics& diagnostics_;
};

}  // namespace

const ConfigValue* ConfigValue::find(std::string_view name) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const ConfigValue& member) { return member.key == name; });
  return found == members.end() ? nullptr : &*found;
}

std::optional<ConfigValue> parse_config(std::string_view text, const std::string& file,
                                        Diagnostics& diagnostics) {
  return Pass(text, file, diagnostics).run();
}

}  // namespace aisle::workloads
