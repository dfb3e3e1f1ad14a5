// SPDX-License-Identifier: Apache-2.0
// Internal to sim/study: rows of a ledger of training steps in the simulator's words.
#pragma once

#include "sim/base/csv.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/models/model.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace aisle::sim {

/// One measured training step, or a run of many. Columns: docs/guide/validating.md. What a row does
/// not say is absent.
struct TrainingRow {
  std::string id, model, chip, precision, recompute, schedule, metric, source, note;
  std::optional<int> layers, hidden, heads, kv_heads, feed_forward;
  std::optional<int> expert_width, experts, top_k, shared_experts, vocabulary;
  std::optional<int> sequence, chips, domain;
  std::optional<int> tensor, pipeline, virtual_stages, data, expert, context, zero;
  std::optional<int> micro_batch, global_batch;
  std::optional<BytesPerSecond> nic;  ///< per chip, one direction
  double value = 0;                   ///< of the metric
  Place place;                        ///< of the row

  /// Who published it: the id up to its first dash ("mlp-017" is of "mlp").
  std::string_view family() const { return std::string_view(id).substr(0, id.find('-')); }
};

/// Columns without which a table is no ledger of training steps.
const std::vector<std::string>& required_training_columns();

/// The rows of a table that has the required columns; every number that is none, or out of range,
/// is reported at its cell.
std::optional<std::vector<TrainingRow>> read_training_rows(const CsvTable& table,
                                                           Diagnostics& diagnostics);

/// How model FLOPs are counted behind a published TFLOP/s or MFU.
enum class FlopConvention {
  causal,          ///< half of the attention square, prediction modules where they are trained
  full_attention,  ///< the whole square
  recompute        ///< the whole square, and layers that are computed again once more
};

/// A row as a question to the simulator.
struct TrainingQuestion {
  pb::Scenario scenario;
  workloads::ModelGraph model;
  FlopConvention convention = FlopConvention::causal;
  /// Whether the row gives layout, batch, number format and sequence; else some were guessed.
  bool given = true;
  /// Whether more recomputation is tried where it does not fit, since the row names none.
  bool may_recompute = false;
  double run_tokens = 0;  ///< of the whole run, for GPU-hours; 0: not stated
  /// Measured time over that of training alone (evaluation included); 1: training alone.
  double beside_training = 1;
  std::vector<std::string> assumed;  ///< what the row leaves open and was filled in
};

/// The row in the simulator's words, or why it cannot be put so.
std::variant<TrainingQuestion, std::string> express(const TrainingRow& row,
                                                    const topology::Catalogue& catalogue);

/// The catalogue's model where name and sizes are the row's, else one made from the row's columns.
/// Empty if the row has neither.
std::optional<pb::Model> model_of_row(const TrainingRow& row, const topology::Catalogue& catalogue,
                                      std::vector<std::string>& assumed);

/// What a question is answered with.
struct TrainingAnswer {
  double figure = 0;  ///< in the unit of the row's metric
  std::string assumed;
  std::string scenario;  ///< as text, with what was chosen for it
  std::string misfit;  ///< why it ought not to fit, though it ran; the figure is without that limit
};

/// The figure of the row's metric by the analytic engine, or why there is none.
std::variant<TrainingAnswer, std::string> predict(const TrainingRow& row, TrainingQuestion question,
                                                  const topology::Catalogue& catalogue);

struct ValidateOptions;
struct ValidationRow;

/// Every row of the ledger that the options choose, with its prediction where it has one.
std::optional<std::vector<ValidationRow>> validate_training(const CsvTable& table,
                                                            const ValidateOptions& options,
                                                            const topology::Catalogue& catalogue,
                                                            Diagnostics& diagnostics);

/// "8 and fewer", "to 64", ..., for chips of a job.
std::string chips_class(int chips);

}  // namespace aisle::sim
