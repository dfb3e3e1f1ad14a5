// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace aisle {
class SourceMap;
}

namespace aisle::pb {
class Model;
}

namespace aisle::workloads {

/// A Hugging Face configuration (config.json) as a model description
/// (docs/formats/model-config.md). `places` afterwards holds where each field of the description
/// came from in `file`, so that what build_model() finds points there. What is assumed or left out
/// is a warning by name; what the layers here cannot express (encoders, linear attention, state
/// spaces) is an error.
std::optional<pb::Model> import_model(std::string_view text, const std::string& file,
                                      SourceMap& places, Diagnostics& diagnostics);

/// The same from a file.
std::optional<pb::Model> import_model_file(const std::string& path, SourceMap& places,
                                           Diagnostics& diagnostics);

}  // namespace aisle::workloads
