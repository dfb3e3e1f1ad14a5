// SPDX-License-Identifier: Apache-2.0
#include "sim/study/validate.hpp"

#include "sim/base/csv.hpp"
#include "sim/base/random.hpp"
#include "sim/study/collective_ledger.hpp"
#include "sim/study/collective_tables.hpp"
#include "sim/study/inference_ledger.hpp"
#include "sim/study/kernel_ledger.hpp"
#include "sim/study/kernel_tables.hpp"
#include "sim/study/study.hpp"
#include "sim/study/training_ledger.hpp"
#include "sim/study/validate_groups.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

namespace aisle::sim {

namespace {

constexpr std::string_view kSizes[] = {"<= 64 KiB", "to 16 MiB", "above"};

/// A kind of ledger, by the columns that tell it from the others.
struct LedgerColumns {
  std::string name;
  std::vector<std::string> columns;
};

const std::vector<LedgerColumns>& ledger_kinds() {
  static const std::vector<LedgerColumns> kinds = {
      {"collectives", required_collective_columns()},
      {"training", required_training_columns()},
      {"inference", required_inference_columns()},
  };
  return kinds;
}

std::vector<std::string> absent(const CsvTable& table, const std::vector<std::string>& columns) {
  std::vector<std::string> out;
  std::copy_if(columns.begin(), columns.end(), std::back_inserter(out),
               [&](const std::string& name) { return table.column(name) < 0; });
  return out;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

/// Which of the ledgers that can be expressed the table is; says what else it is, or what it lacks.
std::optional<LedgerKind> recognise(const CsvTable& table, Diagnostics& diagnostics) {
  const LedgerColumns* likest = nullptr;
  double share = 0;
  for (const LedgerColumns& kind : ledger_kinds()) {
    const double lacks = static_cast<double>(absent(table, kind.columns).size());
    const double has = 1 - lacks / static_cast<double>(kind.columns.size());
    if (has > share) {
      likest = &kind;
      share = has;
    }
  }
  const Place top{table.file, 1, 1};
  if (likest == nullptr || share < 0.5) {
    diagnostics.error(top, {}, "the columns are those of no ledger that Aisle knows",
                      "a ledger of collectives has " + listed(required_collective_columns()));
    return std::nullopt;
  }
  const std::vector<std::string> missing = absent(table, likest->columns);
  if (!missing.empty()) {
    diagnostics.error(top, {},
                      fmt::format("a ledger of {} needs the column{} {}", likest->name,
                                  missing.size() > 1 ? "s" : "", listed(missing)),
                      did_you_mean(missing.front(), table.header));
    return std::nullopt;
  }
  if (table.rows.empty()) {
    diagnostics.error(top, {}, "the ledger has no rows under its header", "");
    return std::nullopt;
  }
  if (likest->name == "inference") return LedgerKind::inference;
  return likest->name == "training" ? LedgerKind::training : LedgerKind::collectives;
}

ValidationRow validated(const LedgerRow& row, const topology::Catalogue& catalogue,
                        CollectivePredictor& predictor) {
  ValidationRow out;
  out.id = row.id;
  out.kind = row.collective;
  out.chip = row.chip;
  out.fabric = row.fabric;
  out.algorithm = row.algorithm.empty() ? "not stated" : row.algorithm;
  out.half = half_of(sweep_of(row.id));
  out.accelerator = find_accelerator(row.chip, catalogue);
  if (out.accelerator.empty()) out.accelerator = row.chip;
  if (row.bytes) out.size = size_class(*row.bytes);
  out.metric = row.time ? "time_us" : row.algorithm_bandwidth ? "algbw_GBps" : "busbw_GBps";
  if (row.time) {
    out.measured = row.time->in(units::us);
  } else if (const auto rate =
                 row.algorithm_bandwidth ? row.algorithm_bandwidth : row.bus_bandwidth) {
    out.measured = rate->in(units::GB / units::s);
  }
  const auto question = express(row, catalogue);
  if (const auto* reason = std::get_if<std::string>(&question)) {
    out.reason = *reason;
    return out;
  }
  const auto& asked = std::get<CollectiveQuestion>(question);
  out.reach = asked.machine.domains > 1 ? "across" : "inside";
  out.size = size_class(asked.counted);
  out.reason = asked.assumption;
  const auto predicted = predictor.predict(asked);
  if (const auto* figure = std::get_if<double>(&predicted)) {
    out.predicted = *figure;
  } else {
    out.reason = std::get<std::string>(predicted);
  }
  return out;
}

}  // namespace

std::optional<Validation> validate(const ValidateOptions& options,
                                   const topology::Catalogue& catalogue, Diagnostics& diagnostics) {
  std::vector<LedgerRow> rows;
  Validation validation;
  for (const std::string& ledger : options.ledgers.empty() ? shipped_ledgers() : options.ledgers) {
    const auto table = read_table_file(ledger, diagnostics);
    if (table && is_kernel_table(*table)) {
      const auto kernels = validate_kernels(*table, options, catalogue, diagnostics);
      validation.rows.insert(validation.rows.end(), kernels.begin(), kernels.end());
      continue;
    }
    if (!table) continue;
    const bool published = is_collective_table(*table);
    const auto kind = published ? LedgerKind::collectives : recognise(*table, diagnostics);
    if (kind == LedgerKind::training || kind == LedgerKind::inference) {
      const auto runs = kind == LedgerKind::training
                            ? validate_training(*table, options, catalogue, diagnostics)
                            : validate_inference(*table, options, catalogue, diagnostics);
      if (runs) validation.rows.insert(validation.rows.end(), runs->begin(), runs->end());
    }
    if (kind != LedgerKind::collectives) continue;
    const auto read = published ? read_collective_table(*table, catalogue, diagnostics)
                                : read_collective_rows(*table, diagnostics);
    if (read) rows.insert(rows.end(), read->begin(), read->end());
  }
  if (diagnostics.has_errors()) return std::nullopt;
  CollectivePredictor predictor(catalogue, options.event);
  std::vector<std::string> kinds;
  for (const LedgerRow& row : rows) {
    if (std::find(kinds.begin(), kinds.end(), row.collective) == kinds.end()) {
      kinds.push_back(row.collective);
    }
    if (!options.kind.empty() && !same_collective(row.collective, options.kind)) continue;
    if (!options.half.empty() && half_of(sweep_of(row.id)) != options.half) continue;
    validation.rows.push_back(validated(row, catalogue, predictor));
  }
  if (validation.rows.empty()) {
    diagnostics.error({options.kind.empty() ? "--half" : "--kind", 0, 0}, {},
                      "no row of the ledgers is chosen", "they have " + listed(kinds));
    return std::nullopt;
  }
  summarise(validation);
  return validation;
}

std::vector<std::string> shipped_ledgers() {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code failure;
  for (const auto& entry :
       fs::directory_iterator(fs::path(scenarios_root()) / "validation", failure)) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string size_class(Bytes bytes) {
  const int rank = bytes <= 64.0 * units::KiB ? 0 : bytes <= 16.0 * units::MiB ? 1 : 2;
  return std::string(kSizes[rank]);
}

std::string sweep_of(std::string_view id) {
  const std::size_t last = id.find_last_not_of("0123456789");
  if (last == std::string_view::npos || last + 1 == id.size()) return std::string(id);
  const bool dash = id[last] == '-' || id[last] == '_' || id[last] == '.';
  return std::string(id.substr(0, dash ? last : last + 1));
}

std::string half_of(std::string_view sweep) {
  return Random(1, sweep).below(2) == 0 ? "fitted" : "held-out";
}

}  // namespace aisle::sim
