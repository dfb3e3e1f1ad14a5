// SPDX-License-Identifier: Apache-2.0
#include "sim/study/model_of.hpp"

#include "sim/base/proto_text.hpp"
#include "workloads/models/import.hpp"
#include "workloads/models/model.pb.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

namespace aisle::sim {

namespace {

namespace fs = std::filesystem;
using workloads::LayerKind;

std::string path_from(const std::string& name, const Place& place) {
  if (place.file.empty() || place.file.starts_with("-")) return name;
  return (fs::path(place.file).parent_path() / name).string();
}

const char* name_of(LayerKind kind) {
  switch (kind) {
    case LayerKind::embedding:
      return "embedding";
    case LayerKind::dense:
      return "dense";
    case LayerKind::moe:
      return "moe";
    case LayerKind::mtp:
      return "mtp";
    case LayerKind::head:
      return "head";
  }
  AISLE_ASSERT(false, "layer kind out of range");
}

}  // namespace

bool is_model_file(const std::string& name) {
  return name.ends_with(".textproto") || name.ends_with(".json");
}

std::optional<pb::Model> describe_model(const std::string& name,
                                        const topology::Catalogue& catalogue, const Place& place,
                                        const std::string& field, Diagnostics& diagnostics) {
  if (is_model_file(name)) {
    const std::string path = path_from(name, place);
    SourceMap places;
    if (name.ends_with(".json")) { return workloads::import_model_file(path, places, diagnostics); }
    pb::Model model;
    if (!read_text_file(path, model, places, diagnostics) ||
        !workloads::build_model(model, places, "", diagnostics)) {
      return std::nullopt;
    }
    return model;
  }
  if (const pb::Model* entry = catalogue.model(name)) return *entry;
  const std::string near = did_you_mean(name, catalogue.names("model"));
  diagnostics.error(place, field, fmt::format("unknown model '{}'", name),
                    near.empty() ? "`aisle list models` names them; a file ends in .textproto or "
                                   ".json (Hugging Face's config.json)"
                                 : near);
  return std::nullopt;
}

std::optional<workloads::ModelGraph> model_of(const std::string& name,
                                              const topology::Catalogue& catalogue,
                                              const Place& place, const std::string& field,
                                              Diagnostics& diagnostics) {
  const auto description = describe_model(name, catalogue, place, field, diagnostics);
  if (!description) return std::nullopt;
  return workloads::build_model(*description, SourceMap(), "", diagnostics);
}

ModelFigures figures_of(const workloads::ModelGraph& model, int sequence) {
  ModelFigures figures;
  figures.parameters = workloads::count_parameters(model);
  figures.sequence = sequence;
  const auto training = [&](bool with_mtp) {
    return workloads::training_flops_per_token(model, sequence, with_mtp).in(units::FLOP);
  };
  figures.training_flops_per_token = training(false);
  figures.training_flops_per_token_with_mtp = training(true);
  for (const workloads::Layer& layer : model.layers) {
    const workloads::ParameterCount count = workloads::count_parameters(model, layer);
    LayerKindCount own{name_of(layer.kind),
                       1,
                       layer.attention.window,
                       count.total,
                       count.active,
                       workloads::forward_flops(model, layer, 1, sequence).in(units::FLOP)};
    const auto known =
        std::find_if(figures.kinds.begin(), figures.kinds.end(), [&](const LayerKindCount& kind) {
          return kind.kind == own.kind && kind.window == own.window;
        });
    if (known != figures.kinds.end()) {
      ++known->layers;
    } else {
      figures.kinds.push_back(std::move(own));
    }
  }
  return figures;
}

}  // namespace aisle::sim
