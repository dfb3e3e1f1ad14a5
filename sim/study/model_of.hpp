// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/models/model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aisle::sim {

/// Whether a model's name is that of a file: a description (.textproto) or a Hugging Face
/// configuration (.json).
bool is_model_file(const std::string& name);

/// The description of the model of that name: an entry of the catalogue, or a file. `place` and
/// `field` are where it was asked for; a file's path is relative to the file that names it, or to
/// the working folder where a flag does.
std::optional<pb::Model> describe_model(const std::string& name,
                                        const topology::Catalogue& catalogue, const Place& place,
                                        const std::string& field, Diagnostics& diagnostics);

/// The same, checked and unfolded into layers.
std::optional<workloads::ModelGraph> model_of(const std::string& name,
                                              const topology::Catalogue& catalogue,
                                              const Place& place, const std::string& field,
                                              Diagnostics& diagnostics);

/// Layers of one shape.
struct LayerKindCount {
  std::string kind;  ///< "embedding", "dense", "moe", "head", "mtp"
  int layers = 0;
  int window = 0;  ///< tokens that its attention looks back; 0: all
  std::int64_t parameters = 0, active_parameters = 0;  ///< of one layer
  double forward_flops_per_token = 0;                  ///< of one layer, causal attention
};

/// What follows from a model's shapes, for checking against what its makers say.
struct ModelFigures {
  workloads::ModelCount parameters;
  int sequence = 0;  ///< for which FLOPs are counted
  /// Forward and backward, without and with MTP modules.
  double training_flops_per_token = 0, training_flops_per_token_with_mtp = 0;
  std::vector<LayerKindCount> kinds;
};

ModelFigures figures_of(const workloads::ModelGraph& model, int sequence);

}  // namespace aisle::sim
