// SPDX-License-Identifier: Apache-2.0
// Internal to sim/study: rows of a ledger of inference runs in the simulator's words.
#pragma once

#include "sim/base/csv.hpp"
#include "sim/study/serving_load.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/models/model.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace aisle::sim {

/// One measured figure of a serving run. Columns: docs/guide/validating.md. Loads are in words
/// ("max 8, mean 7.98", "128 req/GPU", "max load"), as are some values ("20-22").
struct InferenceRow {
  std::string id, model, chip, precision, engine, mode, batch, rate, metric, unit, source, note;
  std::optional<int> chips, nodes, tensor, pipeline, expert, data;
  std::optional<double> prompt, output;
  std::optional<double> value;  ///< absent: no single number
  Place place;

  /// Who published it: the id up to its first dash.
  std::string_view family() const { return std::string_view(id).substr(0, id.find('-')); }
};

/// Columns without which a table is no ledger of inference runs.
const std::vector<std::string>& required_inference_columns();

std::optional<std::vector<InferenceRow>> read_inference_rows(const CsvTable& table,
                                                             Diagnostics& diagnostics);

/// The first number in a text, digits grouped by nothing; nothing where there is none.
std::optional<double> number_in(std::string_view text);
/// The number behind `word` in a text ("token budget" in "token budget 8192, 30251 KV blocks").
std::optional<double> number_after(std::string_view text, std::string_view word);

/// The number that stands right before `word`.
std::optional<double> number_before(std::string_view text, std::string_view word);

/// How requests come.
struct InferenceLoad {
  enum class Kind {
    fixed_batch,   ///< so many together, whole
    varied_batch,  ///< the same with answers of many lengths, which end one by one
    prompts,       ///< their prompts alone
    decoding,      ///< their decoding alone
    closed,        ///< so many are always there
    open,          ///< so many per second arrive
    speed,         ///< as many as leave each user so many tokens per second
  };
  Kind kind = Kind::closed;
  double amount = 0;       ///< requests, or requests per second, or tokens per second and user
  bool per_group = false;  ///< of each attention group, else of the whole system
  double requests = 0;     ///< of the whole run; 0: it goes on
  bool endless = false;    ///< of `closed`: as many as can be served
};

/// A row as a question to the simulator.
struct InferenceQuestion {
  workloads::ModelGraph model;
  std::string accelerator;
  workloads::ServingJob job;  ///< but for its model
  EngineHost host;
  RequestLengths lengths;
  InferenceLoad load;
  std::vector<workloads::ServingLayout> layouts;  ///< the row's, or those that it leaves open
  int stated_chips = 0;                           ///< of all replicas; 0: the row names none
  int replicas = 1, chips = 1;                    ///< of the layout at hand
  bool disaggregated = false;                     ///< prompts run on accelerators of their own
  int prompt_workers = 0, workers = 0;  ///< that compute prompts, that generate; 0: not stated
  double tokens_per_pass = 1;           ///< with speculation: tokens that one pass yields
  std::optional<double> cache_tokens;   ///< that each accelerator group holds, where the row says
  std::optional<double> price;          ///< dollars per accelerator and hour, where the row says
  bool given = true;  ///< whether the row gives layout, lengths, load and number format
  std::vector<std::string> assumed;
};

/// The row in the simulator's words, or why it cannot be put so.
std::variant<InferenceQuestion, std::string> express(const InferenceRow& row,
                                                     const topology::Catalogue& catalogue);

/// The question's load request by request, on one replica or the workers of a disaggregated system;
/// nothing where none is served. `users`: requests that are always there, or arrive per second;
/// `expected`: the closed form's answer.
std::optional<OperatingPoint> played_load(const InferenceQuestion& question, double users,
                                          const OperatingPoint& expected,
                                          const topology::Cluster& cluster,
                                          const topology::Catalogue& catalogue);

struct InferenceAnswer {
  double figure = 0;  ///< in the unit of the row
  std::string assumed;
};

/// Kernel times and clusters are kept between questions of one machine.
class InferencePredictor {
 public:
  explicit InferencePredictor(const topology::Catalogue& catalogue);
  ~InferencePredictor();
  InferencePredictor(const InferencePredictor&) = delete;
  InferencePredictor& operator=(const InferencePredictor&) = delete;

  std::variant<InferenceAnswer, std::string> predict(const InferenceRow& row,
                                                     InferenceQuestion question);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct ValidateOptions;
struct ValidationRow;

/// Every row of the ledger that the options choose, with its prediction where it has one.
std::optional<std::vector<ValidationRow>> validate_inference(const CsvTable& table,
                                                             const ValidateOptions& options,
                                                             const topology::Catalogue& catalogue,
                                                             Diagnostics& diagnostics);

}  // namespace aisle::sim
