// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/proto_text.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aisle::pb {
class Result;
class Scenario;
}  // namespace aisle::pb

namespace aisle::sim {

struct Execution;
struct TimedPlan;

/// Version of the program, as results carry it.
std::string version();
/// Versions of the program, the engines and the catalogue in lines; the catalogue's is a hash of
/// its files.
std::string versions();
/// Folder that holds catalogue/, calibration/ and studies/: $AISLE_SCENARIOS where set, else
/// share/aisle/scenarios of the installation that the program runs from, else the source tree it
/// was built from.
std::string scenarios_root();

/// A scenario that was read and checked as far as its own text goes.
struct Study {
  Study();
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;
  ~Study();
  std::string name;  ///< as the user named it
  std::string path;  ///< the scenario file
  std::unique_ptr<pb::Scenario> scenario;
  SourceMap places;
};

/// Opens a scenario file, a folder with study.textproto, or the name of a shipped study, and
/// applies `--set` assignments.
std::optional<Study> load(const std::string& study, const std::vector<std::string>& assignments,
                          Diagnostics& diagnostics);

/// A scenario made of assignments alone: "PATH=VALUE" with the flag that the user gave in its place
/// (empty: "--set PATH=VALUE").
struct FlagAssignment {
  std::string assignment, flag;
};

std::optional<Study> assemble(const std::string& name, const std::vector<FlagAssignment>& fields,
                              Diagnostics& diagnostics);

/// Catalogue name of the accelerator that a system is sold with; empty for an unknown system.
std::string accelerator_of(const topology::Catalogue& catalogue, const std::string& system);

/// Paths of the shipped studies, by name, sorted.
std::vector<std::string> shipped_studies();

struct RunOptions {
  bool fold = true;           ///< false: every accelerator simulated on its own
  bool both_engines = false;  ///< the analytic engine beside the scenario's own
  std::function<void(const std::string&)> progress;  ///< told what starts; may be empty
  /// Given the plan of a training step and how it went, once it is over; may be empty.
  std::function<void(const TimedPlan& timed, const Execution& execution)> executed;
  /// True: serving ends with the requests that are finished; other workloads do not ask.
  const std::atomic<bool>* stop = nullptr;
};

/// Runs one study. Input errors that need the catalogue (unknown chip, layout that does not divide)
/// go to `diagnostics`; "does not fit" is a result with feasible = false. One event run per process
/// (see sim/engine).
std::optional<pb::Result> run(const Study& study, const topology::Catalogue& catalogue,
                              const RunOptions& options, Diagnostics& diagnostics);

/// One row of a collective's table: a size and what became of it.
struct CollectiveRow {
  double bytes = 0, time_s = 0, algbw_GBps = 0, busbw_GBps = 0;
  std::string algorithm, protocol, bound_by;
  int channels = 0;
};

/// Times one operation (workload.collective of the study, one job) at every size.
std::optional<std::vector<CollectiveRow>> run_sizes(
    const Study& study, const topology::Catalogue& catalogue, const std::vector<double>& bytes,
    const RunOptions& options, std::vector<std::string>& notes, Diagnostics& diagnostics);

/// What would run, without running it, in lines of text; errors as run() would give them.
std::optional<std::vector<std::string>> check(const Study& study,
                                              const topology::Catalogue& catalogue,
                                              Diagnostics& diagnostics);

/// What the comment, type and default of a scenario field say
/// ("cluster.scale_out.oversubscription").
std::optional<std::string> explain(const std::string& path, Diagnostics& diagnostics);

/// One line of a catalogue listing or of an entry's description.
struct EntryLine {
  std::vector<std::string> cells;
};

/// A listing ("accelerators", "systems", "fabrics", "models", "calibrations", "supplies",
/// "export-rules", "studies") with its header as first line; empty for an unknown kind.
std::vector<EntryLine> list_entries(const topology::Catalogue& catalogue, const std::string& kind);

/// Everything the catalogue knows under a name, or a model file says: one line per figure (field,
/// value, basis, source), models with the counts that follow from their shapes, accelerators with
/// what export rules make of them, supplies with what can be made of them, systems and scale-out
/// fabrics with the bill of materials for `chips` accelerators (0: the size published).
/// Empty, with an error that names the nearest, for an unknown name.
std::vector<EntryLine> show_entry(const topology::Catalogue& catalogue, const std::string& name,
                                  int chips, Diagnostics& diagnostics);

/// Reads a result file (result.pb) or the folder that holds it.
std::optional<pb::Result> read_result(const std::string& path, Diagnostics& diagnostics);

}  // namespace aisle::sim
