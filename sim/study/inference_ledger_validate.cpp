// SPDX-License-Identifier: Apache-2.0
// Rows of a ledger of inference runs beside what the simulator says of them.
#include "sim/study/collective_ledger.hpp"
#include "sim/study/inference_ledger.hpp"
#include "sim/study/training_ledger.hpp"
#include "sim/study/validate.hpp"

#include <fmt/core.h>

namespace aisle::sim {

namespace {

/// What a metric is of: "throughput", "first token", "gap", "end to end", "energy", "cost".
std::string kind_of(const std::string& metric) {
  if (metric.starts_with("ttft") || metric == "prompt_time") return "first token";
  if (metric.starts_with("tpot") || metric.starts_with("itl") || metric == "token_time") {
    return "gap";
  }
  if (metric.starts_with("e2e") || metric == "phase_time") return "end to end";
  if (metric.starts_with("energy") || metric.find("power") != std::string::npos) return "energy";
  if (metric.starts_with("cost") || metric.ends_with("per_MW")) return "cost";
  if (metric.starts_with("kv_")) return "transfer";
  if (metric.find("throughput") != std::string::npos || metric.find("speed") != std::string::npos) {
    return "throughput";
  }
  return "other";
}

/// "TP8 PP2 EP8 DP2, 128 at 5 req/s, 1024/128": what the row states.
std::string layout_of(const InferenceRow& row) {
  std::string out;
  const auto add = [&out](const char* name, const std::optional<int>& ranks) {
    if (ranks && *ranks > 1) out += fmt::format("{}{}{}", out.empty() ? "" : " ", name, *ranks);
  };
  add("TP", row.tensor);
  add("PP", row.pipeline);
  add("EP", row.expert);
  add("DP", row.data);
  if (!row.batch.empty()) out += fmt::format("{}{}", out.empty() ? "" : ", ", row.batch);
  if (!row.rate.empty()) out += fmt::format(" at {}", row.rate);
  return out;
}

ValidationRow described(const InferenceRow& row, const topology::Catalogue& catalogue) {
  ValidationRow out;
  out.ledger = LedgerKind::inference;
  out.id = row.id;
  out.kind = kind_of(row.metric);
  out.chip = row.chip;
  out.accelerator = find_accelerator(row.chip, catalogue);
  if (out.accelerator.empty()) out.accelerator = row.chip;
  out.model = row.model;
  out.metric = row.metric;
  out.measured = row.value.value_or(0);
  out.source = std::string(row.family());
  out.half = half_of(fmt::format("{} {}", row.family(), row.model));
  out.precision = row.precision.empty() ? "not stated" : row.precision;
  out.scale = row.chips ? chips_class(*row.chips) : "not stated";
  out.chips = row.chips.value_or(0);
  out.layout = layout_of(row);
  return out;
}

}  // namespace

std::optional<std::vector<ValidationRow>> validate_inference(const CsvTable& table,
                                                             const ValidateOptions& options,
                                                             const topology::Catalogue& catalogue,
                                                             Diagnostics& diagnostics) {
  const auto rows = read_inference_rows(table, diagnostics);
  if (!rows) return std::nullopt;
  InferencePredictor predictor(catalogue);
  std::vector<ValidationRow> out;
  for (const InferenceRow& row : *rows) {
    ValidationRow validated = described(row, catalogue);
    if (!options.kind.empty() && validated.kind != options.kind) continue;
    if (!options.half.empty() && validated.half != options.half) continue;
    const auto question = express(row, catalogue);
    if (const auto* reason = std::get_if<std::string>(&question)) {
      validated.reason = *reason;
    } else {
      const auto& asked = std::get<InferenceQuestion>(question);
      validated.completeness = asked.given ? "given" : "guessed";
      const auto answer = predictor.predict(row, asked);
      if (const auto* refused = std::get_if<std::string>(&answer)) {
        validated.reason = *refused;
      } else {
        validated.predicted = std::get<InferenceAnswer>(answer).figure;
        validated.reason = std::get<InferenceAnswer>(answer).assumed;
      }
    }
    out.push_back(std::move(validated));
  }
  return out;
}

}  // namespace aisle::sim
