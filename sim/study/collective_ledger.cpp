// SPDX-License-Identifier: Apache-2.0
// Reading the rows of a ledger of collectives.
#include "sim/study/collective_ledger.hpp"

#include <fmt/core.h>

#include <charconv>
#include <cmath>

namespace aisle::sim {

namespace {

using Cell = CsvTable::Cell;

/// Cells of one row by the name of their column; what is wrong with them goes to the sink.
class Reader {
 public:
  Reader(const CsvTable& table, const std::vector<Cell>& row, Diagnostics& diagnostics)
      : table_(table), row_(row), diagnostics_(diagnostics) {}

  std::string text(std::string_view column) const {
    const int at = table_.column(column);
    return at < 0 ? std::string() : row_[static_cast<std::size_t>(at)].text;
  }

  /// The number of a cell, above zero; nothing for an empty cell or "-".
  std::optional<double> number(std::string_view column) {
    const int at = table_.column(column);
    if (at < 0) return std::nullopt;
    const Cell& cell = row_[static_cast<std::size_t>(at)];
    if (cell.text.empty() || cell.text == "-") return std::nullopt;
    double value = 0;
    const char* end = cell.text.data() + cell.text.size();
    const auto read = std::from_chars(cell.text.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end) {
      error(cell, column, fmt::format("'{}' is not a number", cell.text),
            "write digits, without a unit or a thousands separator");
      return std::nullopt;
    }
    if (!(value > 0) || !std::isfinite(value)) {
      error(cell, column, fmt::format("{} is out of range", cell.text),
            "above zero; leave the cell empty if it is not known");
      return std::nullopt;
    }
    return value;
  }

  /// A whole number that must be there.
  int count(std::string_view column) {
    constexpr double kMost = 1e7;
    const int errors_before = diagnostics_.error_count();
    const std::optional<double> value = number(column);
    if (value && *value == std::floor(*value) && *value <= kMost) return static_cast<int>(*value);
    const Cell& cell = row_[static_cast<std::size_t>(table_.column(column))];
    if (diagnostics_.error_count() == errors_before) {
      error(cell, column, value ? fmt::format("{} is no count", cell.text) : "the cell is empty",
            "a whole number is wanted");
    }
    return 1;
  }

  Place place() const { return table_.place(row_.front()); }

 private:
  void error(const Cell& cell, std::string_view column, std::string sentence, std::string hint) {
    diagnostics_.error(table_.place(cell), std::string(column), std::move(sentence),
                       std::move(hint));
  }

  const CsvTable& table_;
  const std::vector<Cell>& row_;
  Diagnostics& diagnostics_;
};

LedgerRow read_row(Reader reader) {
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
  for (const auto& cells : table.rows) rows.push_back(read_row(Reader(table, cells, diagnostics)));
  if (diagnostics.error_count() > errors_before) return std::nullopt;
  return rows;
}

std::string Machine::key() const {
  return fmt::format("{}|{}|{}|{}|{}", accelerator, fabric, domains, domain_size,
                     nic.in(units::GB / units::s));
}

}  // namespace aisle::sim
