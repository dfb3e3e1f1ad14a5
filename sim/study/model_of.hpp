// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/models/model.hpp"

#include <optional>
#include <string>

namespace aisle::sim {

/// The model of that name in the catalogue, or of the file where the name ends in ".textproto".
/// `place` and `field` are where it was asked for.
std::optional<workloads::ModelGraph> model_of(const std::string& name,
                                              const topology::Catalogue& catalogue,
                                              const Place& place, const std::string& field,
                                              Diagnostics& diagnostics);

}  // namespace aisle::sim
