// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/csv.hpp"
#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::workloads::traces {

/// The first line of a text, and whether it is a table's header that names all of `columns`
/// ("name" also stands for "Name (ns)" and "Name(us)"), without case.
bool has_columns(std::string_view head, std::initializer_list<std::string_view> columns);

/// Rows of a table with columns found by name. Every row counts as an event; malformed ones are
/// counted as unused here, the others must be `imported()` or lost by the importer.
class TableRows {
 public:
  /// A column of times or sizes: its unit stands in the header, "Duration (ns)".
  struct Column {
    int index = -1;
    int exponent = 0;  ///< of ten: ns (or bytes) per unit

    explicit operator bool() const { return index >= 0; }
  };

  TableRows(Source& source, Trace& trace, Diagnostics& diagnostics);

  /// Reads the header; false, with an error, if there is none.
  bool read_header();

  /// The first of `names` that the header has; without case, units left away.
  Column column(std::initializer_list<std::string_view> names) const;

  const std::vector<std::string>& header() const { return header_; }

  CsvStream& stream() { return stream_; }

  bool next();

  /// Text of a cell; "" where the row is short, or the cell says "N/A" or the like.
  std::string_view text(Column column) const;
  std::optional<std::int64_t> integer(Column column) const;
  std::optional<double> number(Column column) const;
  /// A time in ns, or a size in bytes, by the unit of the header.
  std::optional<std::int64_t> scaled(Column column) const;

  void imported() { ++trace_.accounting.imported; }

  /// Counts the row as unused.
  void lose(std::string_view name, Severity severity, Fault fault, std::string_view advice);

  /// Warns of a stream that broke off and of malformed rows; false, with an error, if no row was
  /// imported and at least one was malformed.
  bool finish();

 private:
  Source& source_;
  Trace& trace_;
  Diagnostics& diagnostics_;
  CsvStream stream_;
  std::vector<std::string> header_;
  std::vector<CsvTable::Cell> row_;
  std::int64_t malformed_ = 0, imported_before_ = 0;
  aisle::Place first_malformed_;
  std::string complaint_;
};

/// Says that a compressed file broke off, and counts it; for importers that read to the end.
void warn_if_broken(const Source& source, Trace& trace, Diagnostics& diagnostics, int line = 0);

}  // namespace aisle::workloads::traces
