// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "workloads/models/config_json.hpp"
#include "workloads/models/model.pb.h"

#include <optional>
#include <string>

namespace aisle::workloads {

/// The shapes that `config` (the whole of `outer`, or its text model) describes, an architecture of
/// kind `type`; names and sources are left out. Nothing, with errors, for a model that cannot be
/// described. Used by import.cpp alone.
std::optional<pb::Model> translate(const ConfigValue& outer, const ConfigValue& config,
                                   const std::string& type, SourceMap& places,
                                   Diagnostics& diagnostics);

}  // namespace aisle::workloads
