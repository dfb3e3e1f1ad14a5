// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/proto_text.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aisle::pb {
class Result;
class Scenario;
}  // namespace aisle::pb

namespace aisle::sim {

/// Folder that holds catalogue/, calibration/ and studies/: $AISLE_SCENARIOS, or the one beside the
/// program's sources, or the installed one.
std::string scenarios_root();
/// Descriptor set of the schemas with comments, for explain.
std::string descriptor_set_path();

/// A scenario that was read and checked as far as its own text goes.
struct Study {
  std::string name;  ///< as the user named it
  std::string path;  ///< the scenario file
  std::unique_ptr<pb::Scenario> scenario;
  SourceMap places;
};

/// Opens a scenario file, a folder with study.textproto, or the name of a shipped study, and
/// applies `--set` assignments.
std::optional<Study> load(const std::string& study, const std::vector<std::string>& assignments,
                          Diagnostics& diagnostics);

struct RunOptions {
  bool fold = true;
  bool both_engines = false;
};

/// Runs one study. Input errors that need the catalogue (unknown chip, layout that does not divide)
/// go to `diagnostics`; "does not fit" is a result with feasible = false. One event run per process
/// (see sim/engine).
std::optional<pb::Result> run(const Study& study, const topology::Catalogue& catalogue,
                              const RunOptions& options, Diagnostics& diagnostics);

/// What would run, without running it: lines of text; errors as run() would give them.
std::optional<std::vector<std::string>> check(const Study& study,
                                              const topology::Catalogue& catalogue,
                                              Diagnostics& diagnostics);

/// Reads a result file (result.pb).
std::optional<pb::Result> read_result(const std::string& path, Diagnostics& diagnostics);

}  // namespace aisle::sim
