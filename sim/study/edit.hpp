// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/study.hpp"

#include <optional>
#include <string>
#include <vector>

/// For who edits scenarios.
namespace aisle::sim {

/// load() with other text in place of the file's, as an editor has it before it is saved; the file
/// need not be there, and names places and what is relative to it.
std::optional<Study> load_text(const std::string& study, const std::string& text,
                               const std::vector<std::string>& assignments,
                               Diagnostics& diagnostics);

/// The file with the schemas of all messages and their comments, as protoc wrote it: a
/// FileDescriptorSet.
std::string schema_file();

}  // namespace aisle::sim
