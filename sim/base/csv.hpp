// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle {

/// Comma-separated values with a header line (RFC 4180): quoted cells may hold commas, line breaks
/// and doubled quotes; lines end in LF or CRLF; a byte-order mark is skipped, and so are empty
/// lines. Blanks round an unquoted cell are dropped.
struct CsvTable {
  struct Cell {
    std::string text;
    int line = 0, column = 0;  ///< where it starts, from 1; columns count bytes
  };

  std::string file;  ///< as places name it
  std::vector<std::string> header;
  std::vector<std::vector<Cell>> rows;  ///< each as long as the header

  /// Number of the column, or -1.
  int column(std::string_view name) const;

  Place place(const Cell& cell) const { return {file, cell.line, cell.column}; }
};

/// Every line that is malformed is reported, and no table given: a quote inside an unquoted cell,
/// text after a closing quote, a quote that never closes, a row of another length than the header,
/// a column named twice, an empty text, bytes that are no text.
std::optional<CsvTable> parse_csv(std::string_view text, const std::string& file,
                                  Diagnostics& diagnostics);

/// The same from a file, which may be missing, unreadable or a folder.
std::optional<CsvTable> read_csv(const std::string& path, Diagnostics& diagnostics);

}  // namespace aisle
