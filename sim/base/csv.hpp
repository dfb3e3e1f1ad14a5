// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
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

/// The finite number that a text is, and nothing besides.
std::optional<double> plain_number(std::string_view text);

/// Every line that is malformed is reported, and no table given: a quote inside an unquoted cell,
/// text after a closing quote, a quote that never closes, a row of another length than the header,
/// a column named twice, an empty text, bytes that are no text.
std::optional<CsvTable> parse_csv(std::string_view text, const std::string& file,
                                  Diagnostics& diagnostics);

/// The same grammar, one record at a time from bytes that arrive in blocks: for tables larger than
/// memory, written by others. Nothing is refused: a malformed record is handed out as such and
/// reading goes on behind it; records are of any length.
class CsvStream {
 public:
  /// Gives up to `size` further bytes; 0 at the end.
  using Read = std::function<std::size_t(char* to, std::size_t size)>;
  /// A record whose quotes hold more than this is malformed and ends with its first line.
  static constexpr std::size_t kLongest = std::size_t{1} << 20;

  CsvStream(Read read, std::string file);

  enum class Got : std::uint8_t { record, malformed, end };
  /// The next record that is not an empty line.
  Got next(std::vector<CsvTable::Cell>& record);

  /// The line at which the next record starts, without its end; "" at the end of the input.
  std::string_view peek_line();
  void skip_line();

  bool at_end() { return peek_line().empty() && at_ == buffer_.size(); }

  /// Where the last record, or the line skipped, started.
  Place place() const { return {file_, line_of_record_, 1}; }

  /// What was wrong with the last malformed record.
  const std::string& complaint() const { return complaint_; }

 private:
  bool fill();
  std::size_t line_end(std::size_t from);
  std::size_t record_end();
  void take(std::size_t end);
  void drop_taken();

  Read read_;
  std::string file_, buffer_, complaint_;
  std::size_t at_ = 0;
  int line_ = 1, line_of_record_ = 1;
  bool ended_ = false;
  bool cut_ = false;  ///< of the line at hand a part was dropped
};

/// Blocks of a file, which may be missing, unreadable or a folder.
std::optional<CsvStream::Read> open_blocks(const std::string& path, Diagnostics& diagnostics);

/// The table of a file.
std::optional<CsvTable> read_csv(const std::string& path, Diagnostics& diagnostics);

}  // namespace aisle
