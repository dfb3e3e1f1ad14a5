// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/importer.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Which files of an input tell of the same rank. Used by workloads/traces alone.
namespace aisle::workloads::traces {

struct InputFile {
  std::string path;
  const Importer* importer = nullptr;  ///< nullptr: not looked at, or of no known format
  bool named = false;                  ///< by the user; false: found in a folder
};

struct RankFiles {
  std::vector<InputFile> files;
  std::int32_t number = kNone;  ///< of the rank, as names of files and folders tell
};

/// The importer that recognises a source; nullptr if none does.
const Importer* importer_of(Source& source);

/// The files that paths stand for: first those whose names tell the number of their rank, in its
/// order, then the others in the order of the paths. Complementary files of one profiler (Ascend's
/// output folder, a report of Nsight Systems with its tables) are of one rank if they lie in one
/// folder under one prefix, or if their names tell the same rank. Folders are searched to a bounded
/// depth; what is no trace there is left out with a note.
std::vector<RankFiles> find_rank_files(const std::vector<std::string>& paths,
                                       Diagnostics& diagnostics);

}  // namespace aisle::workloads::traces
