// SPDX-License-Identifier: Apache-2.0
// From a Hugging Face configuration to a model description (docs/formats/model-config.md).
#include "workloads/models/import.hpp"

#include "workloads/models/architectures.hpp"
#include "workloads/models/config_translation.hpp"
#include "workloads/models/model.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace aisle::workloads {

namespace {

using Kind = ConfigValue::Kind;

/// "LlamaForCausalLM" -> "Llama".
std::string class_stem(std::string name) {
  for (const char* task : {"ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "Model"}) {
    const std::size_t at = name.find(task);
    if (at != std::string::npos) name.resize(at);
  }
  return name;
}

/// The kind of model that a configuration names, as published code calls it; may be empty.
std::string type_of(const ConfigValue& config) {
  const ConfigValue* type = config.find("model_type");
  if (type != nullptr && type->kind == Kind::text) return type->text;
  const ConfigValue* classes = config.find("architectures");
  if (classes == nullptr || classes->items.empty()) return {};
  return class_stem(classes->items.front().text);
}

/// The text model of a configuration of several; what stands beside it is named.
const ConfigValue& text_model(const ConfigValue& top, Diagnostics& diagnostics) {
  const ConfigValue* inner = nullptr;
  for (const char* name : {"text_config", "language_config", "llm_config"}) {
    const ConfigValue* found = top.find(name);
    if (found != nullptr && found->kind == Kind::object && inner == nullptr) inner = found;
  }
  if (inner == nullptr) return top;
  for (const ConfigValue& value : top.members) {
    const std::string& name = value.key;
    if (&value == inner || value.kind != Kind::object || !name.ends_with("_config")) continue;
    if (name == "quantization_config" || name == "generation_config") continue;
    diagnostics.warning(value.place, name, "is left out: only the text model is described",
                        "add its parameters as extra_parameters where they matter");
  }
  return *inner;
}

std::string name_of(const ConfigValue& top, const std::string& file) {
  namespace fs = std::filesystem;
  const ConfigValue* named = top.find("_name_or_path");
  if (named != nullptr && named->kind == Kind::text) {
    std::string last = fs::path(named->text).filename().string();
    if (!last.empty() && last != ".") return last;
  }
  const fs::path path(file);
  std::string folder = path.parent_path().filename().string();
  if (path.stem() != "config" || folder.empty() || folder.starts_with(".")) {
    return path.stem().string();
  }
  return folder;
}

}  // namespace

std::optional<pb::Model> import_model(std::string_view text, const std::string& file,
                                      SourceMap& places, Diagnostics& diagnostics) {
  places = SourceMap();
  places.note("", {file, 1, 1});
  const auto top = parse_config(text, file, diagnostics);
  if (!top) return std::nullopt;
  const ConfigValue& config = text_model(*top, diagnostics);
  std::string type = type_of(config);
  if (find_architecture(type) == nullptr && &config != &*top) type = type_of(*top);
  auto model = translate(*top, config, type, places, diagnostics);
  if (!model) return std::nullopt;
  model->set_name(name_of(*top, file));
  model->set_family(model->has_experts() ? "moe" : "dense");
  model->set_source(fmt::format("Hugging Face configuration ({})", type));
  model->set_basis(pb::vendor);
  if (!build_model(*model, places, "", diagnostics)) return std::nullopt;
  return model;
}

std::optional<pb::Model> import_model_file(const std::string& path, SourceMap& places,
                                           Diagnostics& diagnostics) {
  const auto text = read_input(path, diagnostics);
  if (!text) return std::nullopt;
  return import_model(*text, path, places, diagnostics);
}

}  // namespace aisle::workloads
