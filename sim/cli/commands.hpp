// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/cli/console.hpp"
#include "sim/study/study.hpp"

#include <optional>
#include <string>
#include <vector>

/// Sub-commands of the program. Each returns the exit code: 0 done, 1 failure of the machine, 2 bad
/// input, 3 a comparison out of tolerance. stdout is results, stderr is talk.
namespace aisle::cli {

inline constexpr int kDone = 0, kMachineFailure = 1, kBadInput = 2, kOutOfTolerance = 3;

/// The study of that name with assignments; `from_stdin`: its text comes from standard input.
std::optional<sim::Study> open_study(const std::string& name,
                                     const std::vector<std::string>& assignments, bool from_stdin,
                                     Diagnostics& diagnostics);

struct RunArguments {
  std::string study;
  std::vector<std::string> assignments;
  std::string engine;  ///< "event", "analytic" or empty: the scenario's
  bool both_engines = false;
  bool no_fold = false;
  bool tornado = false;
  std::optional<long long> seed;
  std::string output;  ///< folder for the result files; empty: none are written
  std::string trace;   ///< "chakra": the plan as execution traces in that folder too
  bool from_stdin = false;
  bool json = false;
  bool quiet = false;
};

int run(const RunArguments& arguments);

struct CollectiveArguments {
  std::string system;
  int chips = 0;
  std::string operation = "all_reduce";
  std::string begin = "8", end = "8G";
  double factor = 2;
  std::string algorithm, protocol, fabric, nic, engine;
  std::vector<std::string> assignments;
  bool no_fold = false;
  bool json = false;
};

int collective(const CollectiveArguments& arguments);

struct ValidateArguments {
  std::vector<std::string> ledgers;  ///< none: those shipped
  std::string kind;                  ///< only rows of this kind; empty: all
  std::string half;                  ///< "fitted", "held-out" or empty: both
  std::string engine = "event";      ///< or "analytic"
  std::optional<double> bound;       ///< of the median error
  std::string plot;                  ///< SVG file to write; empty: none
  std::string plot_by;               ///< "kind", "chip", "chips": errors by it; empty: a scatter
  std::string scenarios;             ///< folder for the rows as scenarios; empty: none
  std::string like_rows;             ///< file for errors by what rows are of; empty: none
  bool json = false;
};

int validate(const ValidateArguments& arguments);

struct ReplayArguments {
  std::vector<std::string> traces;  ///< files or folders; several are ranks of one job
  std::string onto;                 ///< system or accelerator; empty: as recorded
  std::optional<int> ranks;
  std::string from, model, engine;
  std::vector<std::string> grow, groups;  ///< kinds; NAME=SIZE
  std::vector<std::string> assignments;
  std::string output;
  bool both_engines = false;
  bool json = false;
  bool quiet = false;
};

int replay(const ReplayArguments& arguments);

/// Reads traces of any format and writes them as the suffix of `output` says.
int import_traces(const std::vector<std::string>& paths, const std::string& output, bool json);
/// Prints what is in traces; `model` is a name of the catalogue or empty.
int inspect_traces(const std::vector<std::string>& paths, const std::string& model, int top,
                   bool json);

/// Reads a Hugging Face configuration, prints what follows from it, and writes it as a model file
/// (empty: none is written).
int import_model(const std::string& path, const std::string& output, int sequence, bool json);

struct CalibrateArguments {
  std::vector<std::string> inputs;  ///< tables of measured kernels, traces
  std::string accelerator;
  std::vector<std::string> usual;  ///< implementations that planners take for dense products
  std::string output;              ///< calibration file to write; empty: none
  bool json = false;
};

int calibrate(const CalibrateArguments& arguments);

struct SearchArguments {
  std::string study;
  std::vector<std::string> assignments;
  std::string objective;                  ///< empty: the usual one of the workload
  int limit = 5;                          ///< layouts shown
  int rerank = 0;                         ///< best estimates that are run; 0: the usual number
  std::vector<std::string> over, fixed;   ///< axes; AXIS=VALUE
  std::vector<std::string> accelerators;  ///< kinds that pools may be of
  int jobs = 0;                           ///< threads; 0: all
  std::string output;                     ///< scenario of the winner; empty: none
  bool from_stdin = false;
  bool progress = false;  ///< say how far it is even where standard error is no terminal
  bool json = false;
  bool quiet = false;
};

int search(const SearchArguments& arguments);

struct SweepArguments {
  std::string study;
  std::vector<std::string> assignments, merge;  ///< databases to merge; empty: run the study
  std::string engine, output, shard;
  int jobs = 0;  ///< processes; 0: as many as the machine has
  bool resume = false;
  bool no_blobs = false;
  bool from_stdin = false;
  bool progress = false;
  bool slurm = false, dry_run = false;
  int tasks = 8;                        ///< of the job array
  std::string partition, time, memory;  ///< as sbatch takes them; empty: the cluster's own
  bool json = false;
  bool quiet = false;
};

int sweep(const SweepArguments& arguments);

struct PlanArguments {
  std::string study;
  std::vector<std::string> assignments;
  std::vector<std::string> outputs;  ///< what is written goes by the suffix
  int jobs = 0;                      ///< points at once; 0: as many as the machine has
  bool no_sensitivity = false;
  bool from_stdin = false;
  bool progress = false;  ///< say how far it is even where standard error is no terminal
  bool json = false;
  bool quiet = false;
};

int plan(const PlanArguments& arguments);

/// `from_stdin`: the text of the one study comes from standard input.
int check(const std::vector<std::string>& studies, const std::vector<std::string>& assignments,
          bool from_stdin, bool json);
int list(const std::string& kind, bool json);
int show(const std::string& name, int chips, bool json);
int explain(const std::string& path, bool json);
/// `output`: a page, table or figure to write beside (.html, .csv, .md, .svg); empty: none.
int compare(const std::vector<std::string>& inputs, const std::string& engine,
            const std::string& output, bool json);

struct ReportArguments {
  std::vector<std::string> inputs;  ///< results, folders of them, studies; or one database
  std::string output;               ///< its suffix is the form
  std::string metric;               ///< databases: ranks the points; empty: the usual one
  std::string engine;               ///< for studies
  bool json = false;
};

int report(const ReportArguments& arguments);

}  // namespace aisle::cli
