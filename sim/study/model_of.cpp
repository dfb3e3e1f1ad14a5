// SPDX-License-Identifier: Apache-2.0
#include "sim/study/model_of.hpp"

#include "sim/base/proto_text.hpp"
#include "workloads/models/model.pb.h"

#include <fmt/core.h>

namespace aisle::sim {

std::optional<workloads::ModelGraph> model_of(const std::string& name,
                                              const topology::Catalogue& catalogue,
                                              const Place& place, const std::string& field,
                                              Diagnostics& diagnostics) {
  SourceMap places;
  if (name.ends_with(".textproto")) {
    pb::Model model;
    if (!read_text_file(name, model, places, diagnostics)) return std::nullopt;
    return workloads::build_model(model, places, "", diagnostics);
  }
  const pb::Model* entry = catalogue.model(name);
  if (entry == nullptr) {
    const std::string near = did_you_mean(name, catalogue.names("model"));
    diagnostics.error(
        place, field, fmt::format("unknown model '{}'", name),
        near.empty() ? "`aisle list models` names them; a file ends in .textproto" : near);
    return std::nullopt;
  }
  return workloads::build_model(*entry, places, "", diagnostics);
}

}  // namespace aisle::sim
