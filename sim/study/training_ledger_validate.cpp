// SPDX-License-Identifier: Apache-2.0
// Rows of a ledger of training steps beside what the simulator says of them.
#include "sim/base/proto_text.hpp"
#include "sim/study/collective_ledger.hpp"
#include "sim/study/training_ledger.hpp"
#include "sim/study/validate.hpp"

#include <fmt/core.h>

namespace aisle::sim {

namespace {

/// "TP8 PP12x2 DP4 ZeRO-1, 4 of 2048": what the row states of layout, micro-batch and batch.
std::string layout_of(const TrainingRow& row) {
  std::string out;
  const auto add = [&out](const char* name, const std::optional<int>& ranks) {
    if (ranks && *ranks > 1) out += fmt::format("{}{}{}", out.empty() ? "" : " ", name, *ranks);
  };
  add("TP", row.tensor);
  add("CP", row.context);
  add("PP", row.pipeline);
  if (row.virtual_stages.value_or(1) > 1) out += fmt::format("x{}", *row.virtual_stages);
  add("DP", row.data);
  add("EP", row.expert);
  if (row.zero) out += fmt::format("{}ZeRO-{}", out.empty() ? "" : " ", *row.zero);
  if (row.micro_batch) out += fmt::format(", {}", *row.micro_batch);
  if (row.global_batch) out += fmt::format(" of {}", *row.global_batch);
  return out;
}

/// What rows of one sweep share.
std::string sweep_of(const TrainingRow& row) {
  return fmt::format("{}, {} of {} layers x {} / {} heads, {} chips", row.family(), row.model,
                     row.layers.value_or(0), row.hidden.value_or(0), row.heads.value_or(0),
                     row.chips.value_or(0));
}

ValidationRow described(const TrainingRow& row, const topology::Catalogue& catalogue) {
  ValidationRow out;
  out.ledger = LedgerKind::training;
  out.id = row.id;
  out.kind = row.experts ? "moe" : "dense";
  out.chip = row.chip;
  out.accelerator = find_accelerator(row.chip, catalogue);
  if (out.accelerator.empty()) out.accelerator = row.chip;
  out.model = row.model;
  out.metric = row.metric;
  out.measured = row.value;
  out.source = std::string(row.family());
  out.half = half_of(fmt::format("{} {}", row.family(), row.model));
  out.precision = row.precision.empty() ? "not stated" : row.precision;
  out.scale = row.chips ? chips_class(*row.chips) : "not stated";
  out.chips = row.chips.value_or(0);
  out.layout = layout_of(row);
  out.sweep = sweep_of(row);
  out.sequences = row.global_batch.value_or(1);
  return out;
}

}  // namespace

std::optional<std::vector<ValidationRow>> validate_training(const CsvTable& table,
                                                            const ValidateOptions& options,
                                                            const topology::Catalogue& catalogue,
                                                            Diagnostics& diagnostics) {
  const auto rows = read_training_rows(table, diagnostics);
  if (!rows) return std::nullopt;
  std::vector<ValidationRow> out;
  for (const TrainingRow& row : *rows) {
    ValidationRow validated = described(row, catalogue);
    if (!options.kind.empty() && validated.kind != options.kind) continue;
    if (!options.half.empty() && validated.half != options.half) continue;
    const auto question = express(row, catalogue);
    if (const auto* reason = std::get_if<std::string>(&question)) {
      validated.reason = *reason;
    } else {
      const auto& asked = std::get<TrainingQuestion>(question);
      validated.completeness = asked.given ? "given" : "guessed";
      validated.scenario = write_text(asked.scenario);
      const auto answer = predict(row, asked, catalogue);
      if (const auto* refused = std::get_if<std::string>(&answer)) {
        validated.reason = *refused;
      } else {
        const auto& given = std::get<TrainingAnswer>(answer);
        validated.predicted = given.figure;
        validated.reason = given.assumed;
        validated.scenario = given.scenario;
        validated.memory = given.misfit.empty() ? "fits" : "said not to fit";
        if (!given.misfit.empty()) {
          validated.reason += (given.assumed.empty() ? "" : "; ") +
                              ("though it ran, does not fit: " + given.misfit);
        }
      }
    }
    out.push_back(std::move(validated));
  }
  return out;
}

}  // namespace aisle::sim
