// SPDX-License-Identifier: Apache-2.0
#include "workloads/models/config_fields.hpp"

#include "workloads/models/architectures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

using Kind = ConfigValue::Kind;

/// Sizes are int32 in a description.
constexpr double kLargest = 2147483647;

bool contains_any(std::string_view name, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

/// Whether a name that is not understood may stand for a size or a kind of layer. What training and
/// decoding are tuned by does not change what is computed.
bool looks_structural(std::string_view name) {
  return contains_any(name, {"layer",  "head",  "hidden", "_dim",    "dim_",   "rank",    "expert",
                             "window", "attn",  "atten",  "ssm",     "mamba",  "state",   "conv",
                             "chunk",  "block", "ffn",    "mlp",     "inter",  "vocab",   "embd",
                             "embed",  "moe",   "cross",  "encoder", "width",  "pattern", "mtp",
                             "nextn",  "n_",    "num_",   "_per_",   "sparse", "kv_"}) &&
         !contains_any(name, {"drop",
                              "eps",
                              "_act",
                              "act_",
                              "softcap",
                              "scal",
                              "multipli",
                              "init",
                              "aux",
                              "rope",
                              "rotary",
                              "theta",
                              "dtype",
                              "fp32",
                              "token_id",
                              "loss",
                              "jitter",
                              "clip",
                              "impl",
                              "output_",
                              "softmax",
                              "epsilon",
                              "return_",
                              "beam",
                              "label",
                              "rotary",
                              "cache",
                              "bos_token",
                              "quant",
                              "temper",
                              "num_return",
                              "version",
                              "pretraining_tp",
                              "ep_size",
                              "query_pre",
                              "chunk_size_feed_forward",
                              "encoder_no_repeat",
                              "cross_attention_hid",
                              "tie_encoder",
                              "no_repeat",
                              "residual",
                              "router_bias",
                              "interpol"});
}

bool is_nothing(const ConfigValue& value) {
  switch (value.kind) {
    case Kind::null:
    case Kind::text:
      return true;
    case Kind::boolean:
      return !value.flag;
    case Kind::number:
      return value.number == 0;
    case Kind::list:
      return value.items.empty();
    case Kind::object:
      return value.members.empty();
  }
  return true;
}

std::string listed(FieldNames names) {
  std::string text;
  for (const std::string_view name : names) {
    text += (text.empty() ? "" : " or ") + fmt::format("'{}'", name);
  }
  return text;
}

}  // namespace

ConfigFields::ConfigFields(const ConfigValue& top, std::string type, SourceMap& places,
                           Diagnostics& diagnostics)
    : top_(top), scopes_{&top}, type_(std::move(type)), places_(places), diagnostics_(diagnostics) {
  for (const char* nested : {"attn_config", "ffn_config"}) {
    const ConfigValue* object = top.find(nested);
    if (object == nullptr || object->kind != Kind::object) continue;
    scopes_.push_back(object);
    used_.insert(nested);
  }
}

const ConfigValue* ConfigFields::find(std::string_view name) const {
  for (const ConfigValue* scope : scopes_) {
    const ConfigValue* value = scope->find(name);
    if (value != nullptr && value->kind != Kind::null) return value;
  }
  return nullptr;
}

const ConfigValue* ConfigFields::value(std::string_view name) {
  used_.emplace(name);
  return find(name);
}

void ConfigFields::understood(FieldNames names) {
  for (const std::string_view name : names) used_.emplace(name);
}

std::optional<std::int64_t> ConfigFields::default_of(FieldNames names) {
  for (const std::string_view name : names) {
    const ArchitectureDefault* known = find_default(type_, name);
    if (known == nullptr) continue;
    warning(name, fmt::format("is missing: {} is taken, the default of {}", known->value, type_),
            "give it where the model differs");
    return static_cast<std::int64_t>(known->value);
  }
  return std::nullopt;
}

std::optional<std::int64_t> ConfigFields::whole(FieldNames names, const std::string& target) {
  std::optional<std::int64_t> result;
  std::string_view taken;
  for (const std::string_view name : names) {
    const ConfigValue* found = value(name);
    if (found == nullptr) continue;
    const bool is_whole = found->kind == Kind::number && found->number == std::floor(found->number);
    if (!is_whole || found->number < 0 || found->number > kLargest) {
      error(name, "is no whole number from 0 to 2147483647");
      return 0;
    }
    const auto number = static_cast<std::int64_t>(found->number);
    if (result && *result != number) {
      error(name, fmt::format("is {}, but {} says {}", number, taken, *result),
            "both name the same size: leave the wrong one out");
    }
    if (result) continue;
    result = number;
    taken = name;
    if (!target.empty()) places_.note(target, found->place);
  }
  return result ? result : default_of(names);
}

std::int64_t ConfigFields::needed(FieldNames names, const std::string& target,
                                  const std::string& hint) {
  const auto found = whole(names, target);
  if (found) return *found;
  diagnostics_.error(top_.place, std::string(*names.begin()), "is missing",
                     hint.empty() ? "looked for " + listed(names) : hint);
  return 0;
}

std::optional<bool> ConfigFields::flag(FieldNames names) {
  std::optional<bool> result;
  for (const std::string_view name : names) {
    const ConfigValue* found = value(name);
    if (found == nullptr || result) continue;
    if (found->kind == Kind::boolean) {
      result = found->flag;
    } else {
      error(name, "is neither true nor false");
    }
  }
  return result;
}

std::string ConfigFields::text(std::string_view name) {
  const ConfigValue* found = value(name);
  return found != nullptr && found->kind == Kind::text ? found->text : std::string();
}

void ConfigFields::error(std::string_view name, const std::string& sentence,
                         const std::string& hint) {
  const ConfigValue* found = find(name);
  diagnostics_.error(found == nullptr ? top_.place : found->place, std::string(name), sentence,
                     hint);
}

void ConfigFields::warning(std::string_view name, const std::string& sentence,
                           const std::string& hint) {
  const ConfigValue* found = find(name);
  diagnostics_.warning(found == nullptr ? top_.place : found->place, std::string(name), sentence,
                       hint);
}

void ConfigFields::warn_of_unused() {
  for (const ConfigValue* scope : scopes_) {
    for (const ConfigValue& value : scope->members) {
      const std::string& name = value.key;
      if (used_.contains(name) || is_nothing(value) || !looks_structural(name)) continue;
      diagnostics_.warning(value.place, name, "has no meaning here and is left out",
                           "check the counts if it adds or changes layers");
    }
  }
}

}  // namespace aisle::workloads
