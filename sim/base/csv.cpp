// SPDX-License-Identifier: Apache-2.0
#include "sim/base/csv.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

namespace aisle {
namespace {

using Cell = CsvTable::Cell;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Cuts text into records, noting where every cell starts.
class Splitter {
 public:
  Splitter(std::string_view text, const std::string& file, Diagnostics& diagnostics, int line = 1)
      : text_(text), file_(file), diagnostics_(diagnostics), line_(line) {}

  /// The next record that is not an empty line; false at the end.
  bool next(std::vector<Cell>& record) {
    while (at_ < text_.size()) {
      record.clear();
      do record.push_back(cell());
      while (take(','));
      take('\r');
      if (!take('\n') && at_ < text_.size()) skip_line();
      if (record.size() > 1 || !record.front().text.empty()) return true;
    }
    return false;
  }

 private:
  Place here() const { return {file_, line_, static_cast<int>(at_ - line_start_) + 1}; }

  bool take(char letter) {
    if (at_ >= text_.size() || text_[at_] != letter) return false;
    step();
    return true;
  }

  void step() {
    if (text_[at_++] == '\n') {
      ++line_;
      line_start_ = at_;
    }
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool at_cell_end() const {
    return at_ >= text_.size() || text_[at_] == ',' || text_[at_] == '\n' ||
           (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
  }

  void skip_line() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    take('\n');
  }

  Cell cell() {
    skip_blanks();
    const Place start = here();
    Cell out{{}, start.line, start.column};
    if (take('"')) {
      quoted(out, start);
      return out;
    }
    while (!at_cell_end()) {
      if (text_[at_] == '"') {
        diagnostics_.error(here(), {}, "a quote inside a cell that is not quoted",
                           "put the whole cell in quotes and double those inside");
        at_ = std::min(text_.find_first_of(",\n", at_), text_.size());
        break;
      }
      out.text += text_[at_];
      step();
    }
    out.text.erase(out.text.find_last_not_of(" \t") + 1);
    return out;
  }

  /// The rest of a cell whose opening quote is taken.
  void quoted(Cell& out, const Place& start) {
    for (;;) {
      if (at_ >= text_.size()) {
        diagnostics_.error(start, {}, "a quoted cell never ends", "close the quote");
        return;
      }
      if (take('"')) {
        if (!take('"')) break;
        out.text += '"';
        continue;
      }
      out.text += text_[at_];
      step();
    }
    skip_blanks();
    if (!at_cell_end()) {
      diagnostics_.error(here(), {}, "text after the closing quote of a cell",
                         "double a quote that belongs to the text");
      at_ = std::min(text_.find_first_of(",\n", at_), text_.size());
    }
  }

  std::string_view text_;
  const std::string& file_;
  Diagnostics& diagnostics_;
  std::size_t at_ = 0, line_start_ = 0;
  int line_;
};

bool read_header(std::vector<Cell> cells, CsvTable& table, Diagnostics& diagnostics) {
  bool whole = true;
  for (Cell& cell : cells) {
    if (table.column(cell.text) >= 0) {
      diagnostics.error(table.place(cell), {}, fmt::format("column '{}' stands twice", cell.text));
      whole = false;
    }
    table.header.push_back(std::move(cell.text));
  }
  return whole;
}

}  // namespace

int CsvTable::column(std::string_view name) const {
  const auto found = std::find(header.begin(), header.end(), name);
  return found == header.end() ? -1 : static_cast<int>(found - header.begin());
}

std::optional<double> plain_number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<CsvTable> parse_csv(std::string_view text, const std::string& file,
                                  Diagnostics& diagnostics) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const int errors_before = diagnostics.error_count();
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    const auto line =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(zero), '\n');
    diagnostics.error({file, static_cast<int>(line) + 1, 1}, {}, "this is not text",
                      "comma-separated values with a header line are wanted");
    return std::nullopt;
  }
  CsvTable table;
  table.file = file;
  Splitter splitter(text, file, diagnostics);
  std::vector<Cell> record;
  if (!splitter.next(record)) {
    diagnostics.error({file, 1, 1}, {}, "the file is empty",
                      "comma-separated values with a header line are wanted");
    return std::nullopt;
  }
  read_header(std::move(record), table, diagnostics);
  for (;;) {
    const int errors = diagnostics.error_count();
    if (!splitter.next(record)) break;
    if (diagnostics.error_count() > errors) continue;  // what is cut wrongly has any length
    if (record.size() == table.header.size()) {
      table.rows.push_back(std::move(record));
      continue;
    }
    const Cell& last = record.back();
    diagnostics.error(
        {file, record.front().line, last.column}, {},
        fmt::format("a row of {} cells under a header of {}", record.size(), table.header.size()),
        record.size() > table.header.size() ? "quote cells that hold commas" : "");
  }
  if (diagnostics.error_count() > errors_before) return std::nullopt;
  return table;
}

CsvStream::CsvStream(Read read, std::string file) : read_(std::move(read)), file_(std::move(file)) {
  while (buffer_.size() < kByteOrderMark.size() && fill()) {}
  if (std::string_view(buffer_).starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

bool CsvStream::fill() {
  constexpr std::size_t kBlock = std::size_t{64} << 10;
  if (ended_) return false;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kBlock);
  const std::size_t got = read_(buffer_.data() + before, kBlock);
  buffer_.resize(before + got);
  ended_ = got == 0;
  return got > 0;
}

/// Just behind the line feed that ends the line of `from`, or the end of the input. Of a line
/// longer than kLongest what is before is dropped.
std::size_t CsvStream::line_end(std::size_t from) {
  for (;;) {
    const std::size_t feed = buffer_.find('\n', from);
    if (feed != std::string::npos) return feed + 1;
    from = buffer_.size();
    if (from - at_ > kLongest) {
      buffer_.erase(at_, from - at_);
      from = at_;
      cut_ = true;
    }
    if (!fill()) return buffer_.size();
  }
}

/// The end of the record at at_; its line's end if its quotes never close.
std::size_t CsvStream::record_end() {
  bool quoted = false, closed = false, at_start = true;
  for (std::size_t i = at_;; ++i) {
    if (i == buffer_.size() && !fill()) return quoted ? line_end(at_) : i;
    if (i - at_ > kLongest) return line_end(at_);
    const char letter = buffer_[i];
    if (quoted) {
      quoted = letter != '"';
      closed = !quoted;
      continue;
    }
    if (letter == '\n') return i + 1;
    quoted = letter == '"' && (at_start || closed);  // a doubled quote: the cell goes on
    closed = false;
    at_start = letter == ',' || (at_start && (letter == ' ' || letter == '\t'));
  }
}

void CsvStream::take(std::size_t end) {
  line_ += static_cast<int>(std::count(buffer_.begin() + static_cast<std::ptrdiff_t>(at_),
                                       buffer_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
  at_ = end;
}

void CsvStream::drop_taken() {
  constexpr std::size_t kDrop = std::size_t{256} << 10;
  if (at_ <= kDrop) return;
  buffer_.erase(0, at_);
  at_ = 0;
}

CsvStream::Got CsvStream::next(std::vector<Cell>& record) {
  for (;;) {
    drop_taken();
    const std::size_t end = record_end();
    if (end == at_) return Got::end;
    const std::string_view text = std::string_view(buffer_).substr(at_, end - at_);
    line_of_record_ = line_;
    Diagnostics faults;
    Splitter splitter(text, file_, faults, line_);
    const bool any = splitter.next(record);
    if (text.find('\0') != std::string_view::npos) {
      faults.error({file_, line_, 1}, {}, "this is not text");
    }
    if (std::exchange(cut_, false)) faults.error({file_, line_, 1}, {}, "a line without end");
    take(end);
    if (faults.has_errors()) {
      complaint_ = faults.all().front().sentence;
      return Got::malformed;
    }
    if (any) return Got::record;
  }
}

std::string_view CsvStream::peek_line() {
  const std::size_t end = line_end(at_);
  std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void CsvStream::skip_line() {
  drop_taken();
  line_of_record_ = line_;
  take(line_end(at_));
  cut_ = false;
}

std::optional<CsvStream::Read> open_blocks(const std::string& path, Diagnostics& diagnostics) {
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) {
    diagnostics.error({path, 0, 0}, {}, "no such file");
    return std::nullopt;
  }
  if (std::filesystem::is_directory(path, failure)) {
    diagnostics.error({path, 0, 0}, {}, "this is a folder", "name a file in it");
    return std::nullopt;
  }
  const auto in = std::make_shared<std::ifstream>(path, std::ios::binary);
  if (!*in) {
    diagnostics.error({path, 0, 0}, {}, "the file cannot be read");
    return std::nullopt;
  }
  return [in](char* to, std::size_t size) {
    in->read(to, static_cast<std::streamsize>(size));
    return static_cast<std::size_t>(in->gcount());
  };
}

std::optional<CsvTable> read_csv(const std::string& path, Diagnostics& diagnostics) {
  const auto read = open_blocks(path, diagnostics);
  if (!read) return std::nullopt;
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  std::string text;
  for (std::size_t got = kBlock; got > 0;) {
    const std::size_t before = text.size();
    text.resize(before + kBlock);
    got = (*read)(text.data() + before, kBlock);
    text.resize(before + got);
  }
  return parse_csv(text, path, diagnostics);
}

}  // namespace aisle
