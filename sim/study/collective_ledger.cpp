// SPDX-License-Identifier: Apache-2.0
// Reading the rows of a ledger of collectives.
#include "sim/study/collective_ledger.hpp"

#include "sim/study/ledger_cells.hpp"

#include <fmt/core.h>

namespace aisle::sim {

namespace {

LedgerRow read_row(LedgerCells reader) {
  LedgerRow row;
  row.id = reader.text("id");
  row.collective = reader.text("collective");
  row.algorithm = reader.text("algorithm");
  row.protocol = reader.text("protocol");
  row.chip = reader.text("chip");
  row.fabric = reader.text("fabric");
  row.library = reader.text("library_version");
  row.note = reader.text("note");
  row.place = reader.place();
  row.nodes = reader.count("nodes");
  row.ranks = reader.count("gpus");
  const BytesPerSecond gigabytes = units::GB / units::s;
  if (const auto nic = reader.number("nic_gbps_per_gpu")) row.nic = *nic * units::Gb / units::s;
  if (const auto bytes = reader.number("message_bytes")) row.bytes = *bytes * units::B;
  if (const auto time = reader.number("time_us")) row.time = *time * units::us;
  if (const auto rate = reader.number("algbw_GBps")) row.algorithm_bandwidth = *rate * gigabytes;
  if (const auto rate = reader.number("busbw_GBps")) row.bus_bandwidth = *rate * gigabytes;
  return row;
}

}  // namespace

const std::vector<std::string>& required_collective_columns() {
  static const std::vector<std::string> columns = {
      "id", "collective", "chip", "nodes", "gpus", "fabric", "message_bytes", "time_us"};
  return columns;
}

std::optional<std::vector<LedgerRow>> read_collective_rows(const CsvTable& table,
                                                           Diagnostics& diagnostics) {
  const int errors_before = diagnostics.error_count();
  std::vector<LedgerRow> rows;
  rows.reserve(table.rows.size());
  for (const auto& cells : table.rows)
    rows.push_back(read_row(LedgerCells(table, cells, diagnostics)));
  if (diagnostics.error_count() > errors_before) return std::nullopt;
  return rows;
}

std::string LedgerMachine::key() const {
  return fmt::format("{}|{}|{}|{}|{}", accelerator, fabric, domains, domain_size,
                     nic.in(units::GB / units::s));
}

}  // namespace aisle::sim
