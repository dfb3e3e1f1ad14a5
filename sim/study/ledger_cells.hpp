// SPDX-License-Identifier: Apache-2.0
// Internal to sim/study: cells of one line of a table of collectives.
#pragma once

#include "sim/base/csv.hpp"
#include "sim/base/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::sim {

/// ASCII letters in lower case; names of operations and libraries come in any.
std::string lower(std::string text);
/// Whether the words stand anywhere in the text.
bool says(std::string_view text, std::string_view words);

/// Cells of one row by the name of their column; what is wrong with them goes to the sink.
class LedgerCells {
 public:
  LedgerCells(const CsvTable& table, const std::vector<CsvTable::Cell>& row,
              Diagnostics& diagnostics)
      : table_(table), row_(row), diagnostics_(diagnostics) {}

  std::string text(std::string_view column) const;
  /// The number of a cell, above zero; nothing for an empty cell or "-".
  std::optional<double> number(std::string_view column);
  /// A whole number that must be there.
  int count(std::string_view column);
  /// A whole number of at least `least`; nothing for an empty cell or "-".
  std::optional<int> whole(std::string_view column, int least);

  const std::string& file() const { return table_.file; }

  Place place() const { return table_.place(row_.front()); }

  int line() const { return row_.front().line; }

  /// Reports the row's cell of the column.
  void error(std::string_view column, std::string sentence, std::string hint);

 private:
  const CsvTable& table_;
  const std::vector<CsvTable::Cell>& row_;
  Diagnostics& diagnostics_;
};

/// Every row of a table by `read`; nothing if a cell of any is faulty.
template <typename Row>
std::optional<std::vector<Row>> read_rows(const CsvTable& table, Row (*read)(LedgerCells),
                                          Diagnostics& diagnostics) {
  const int errors_before = diagnostics.error_count();
  std::vector<Row> rows;
  rows.reserve(table.rows.size());
  for (const auto& cells : table.rows) rows.push_back(read(LedgerCells(table, cells, diagnostics)));
  if (diagnostics.error_count() > errors_before) return std::nullopt;
  return rows;
}

}  // namespace aisle::sim
