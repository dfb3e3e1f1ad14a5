// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/units.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Ledgers of published measurements against what the simulator says. Every error here is
/// |ln(predicted/measured)|, so that twice as fast and twice as slow weigh the same.
namespace aisle::sim {

/// What a ledger holds.
enum class LedgerKind { collectives, kernels, training, inference };

/// One measured figure and the predicted one.
struct ValidationRow {
  LedgerKind ledger = LedgerKind::collectives;
  std::string id, kind, chip, model, metric;
  std::string accelerator;  ///< catalogue name; the ledger's spelling where unknown
  std::string half;         ///< "fitted", "held-out"
  // Of collectives and kernels.
  std::string fabric, algorithm;  ///< as the ledger has them
  std::string size, reach;        ///< see size_class(); "inside", "across" scale-up domains
  // Of training steps and inference runs.
  std::string source;            ///< family of the source: the id up to its first dash
  std::string precision, scale;  ///< number format; see chips_class()
  std::string layout;            ///< "TP8 PP12 DP4 ZeRO-1, 4 of 2048"
  std::string completeness;      ///< "given", "guessed": layout, batch, number format, sequence
  std::string memory;            ///< "fits", "said not to fit": whether the model has room for it
  std::string sweep;             ///< rows of one source that differ in their layout alone
  int chips = 0;                 ///< 0: not stated
  double sequences = 1;          ///< of a step; what times of a sweep are compared per
  double measured = 0;
  std::optional<double> predicted;
  std::string reason;    ///< why there is no prediction; with one, what it assumes
  std::string scenario;  ///< as text, of training steps that could be expressed

  double absolute_error() const;  ///< of a row with a prediction
  int sense() const;              ///< how the metric goes with time: 1 for times, -1 for rates

  /// Whether it is of a whole run of a model, else of one operation.
  bool is_run() const { return ledger == LedgerKind::training || ledger == LedgerKind::inference; }
};

/// Absolute errors of some rows. Quantiles interpolate between neighbours.
struct ErrorGroup {
  std::string by, name;  ///< "chip", "h100-sxm"
  int rows = 0;
  double median = 0, mean = 0, p90 = 0, worst = 0;
  /// Of layouts of one sweep: Spearman's, of predicted and measured times per sequence.
  std::optional<double> rank_correlation;
};

/// The name of the row's group by a property that groups are by; nothing where it cannot have it.
std::optional<std::string> group_of(const ValidationRow& row, std::string_view by);

ErrorGroup error_group(std::string by, std::string name, std::vector<double> errors);

/// Spearman's: 1 if both put their values in the same order, -1 in opposite ones; 0 where either
/// has no order.
double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

struct Validation {
  std::vector<ValidationRow> rows;
  int expressed = 0;
  ErrorGroup all;
  std::vector<ErrorGroup> groups;  ///< by reach and size, reach, size, kind, chip, ...
};

struct ValidateOptions {
  std::vector<std::string> ledgers;  ///< files; none: those shipped
  std::string kind;                  ///< only rows of this kind; empty: all
  std::string half;                  ///< "fitted", "held-out"; empty: both
  bool event = true;                 ///< the event engine, of collectives; false: closed forms
};

/// Reads the ledgers, recognised by their columns, and predicts every row that can be expressed.
std::optional<Validation> validate(const ValidateOptions& options,
                                   const topology::Catalogue& catalogue, Diagnostics& diagnostics);

/// Ledgers that come with the program, sorted.
std::vector<std::string> shipped_ledgers();

/// "<= 64 KiB", "to 16 MiB" or "above".
std::string size_class(Bytes bytes);

/// The measurement series of a row: its id without the last number ("aic-h100-ar8-003" is of
/// "aic-h100-ar8").
std::string sweep_of(std::string_view id);

/// Which half of a ledger a series belongs to, so that what is fitted on one is judged on the
/// other: drawn by its name, the same on every machine.
std::string half_of(std::string_view sweep);

}  // namespace aisle::sim
