// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/table_rows.hpp"

#include "workloads/traces/assemble.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

namespace aisle::workloads::traces {
namespace {

struct Name {
  std::string stem;  // lower case
  std::string unit;  // "" where none
};

/// Nanoseconds, or bytes, in a unit as a power of ten; 0 for ratios.
std::optional<int> exponent_of(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, int>, 21> kUnits = {{
      {"ns", 0},    {"nsec", 0}, {"us", 3},   {"usec", 3}, {"\xc2\xb5s", 3}, {"\xce\xbcs", 3},
      {"ms", 6},    {"msec", 6}, {"s", 9},    {"sec", 9},  {"seconds", 9},   {"b", 0},
      {"bytes", 0}, {"kb", 3},   {"mb", 6},   {"gb", 9},   {"%", 0},         {"gb/s", 0},
      {"mb/s", 0},  {"gbps", 0}, {"mbps", 0},
  }};
  for (const auto& [name, exponent] : kUnits) {
    if (unit == name) return exponent;
  }
  return std::nullopt;
}

/// "Duration(us)", "Start (ns)" and "Total Time (ns)" in name and unit. Other brackets belong to
/// the name: "Communication(Not Overlapped)".
Name split(std::string_view header) {
  const std::string text = lowered(trimmed(header));
  const std::size_t open = text.rfind('(');
  if (open != std::string::npos && text.ends_with(')')) {
    const std::string unit = text.substr(open + 1, text.size() - open - 2);
    if (exponent_of(unit)) return {std::string(trimmed(text.substr(0, open))), unit};
  }
  return {text, {}};
}

/// The first record of several cells; what stands before a table is talk of the tool that wrote it.
bool first_row(CsvStream& stream, std::vector<CsvTable::Cell>& record) {
  constexpr int kTalk = 64;
  for (int i = 0; i < kTalk; ++i) {
    const CsvStream::Got got = stream.next(record);
    if (got == CsvStream::Got::end) return false;
    if (got == CsvStream::Got::record && record.size() > 1) return true;
  }
  return false;
}

}  // namespace

bool has_columns(std::string_view head, std::initializer_list<std::string_view> columns) {
  bool given = false;
  CsvStream stream(
      [&](char* to, std::size_t size) {
        if (std::exchange(given, true)) return std::size_t{0};
        const std::size_t taken = std::min(size, head.size());
        std::copy_n(head.data(), taken, to);
        return taken;
      },
      {});
  std::vector<CsvTable::Cell> record;
  if (!first_row(stream, record)) return false;
  return std::all_of(columns.begin(), columns.end(), [&](std::string_view wanted) {
    return std::any_of(record.begin(), record.end(), [&](const CsvTable::Cell& cell) {
      return split(cell.text).stem == wanted || lowered(cell.text) == wanted;
    });
  });
}

TableRows::TableRows(Source& source, Trace& trace, Diagnostics& diagnostics)
    : source_(source),
      trace_(trace),
      diagnostics_(diagnostics),
      stream_([&source](char* to, std::size_t size) { return source.read(to, size); },
              source.name()),
      imported_before_(trace.accounting.imported) {}

bool TableRows::read_header() {
  if (!first_row(stream_, row_)) {
    diagnostics_.error(stream_.place(), {}, "there is no header line",
                       "a table starts with the names of its columns");
    return false;
  }
  header_.clear();
  for (const CsvTable::Cell& cell : row_) header_.push_back(cell.text);
  return true;
}

TableRows::Column TableRows::column(std::initializer_list<std::string_view> names) const {
  for (const std::string_view wanted : names) {
    for (std::size_t i = 0; i < header_.size(); ++i) {
      const Name name = split(header_[i]);
      if (name.stem != wanted && lowered(header_[i]) != wanted) continue;
      return {static_cast<int>(i), exponent_of(name.unit).value_or(0)};
    }
  }
  return {};
}

bool TableRows::next() {
  for (;;) {
    const CsvStream::Got got = stream_.next(row_);
    if (got == CsvStream::Got::end) return false;
    ++trace_.accounting.events;
    if (got == CsvStream::Got::record) return true;
    if (malformed_++ == 0) {
      first_malformed_ = stream_.place();
      complaint_ = stream_.complaint();
    }
    trace_.accounting.lose("malformed row", Severity::warning, Fault::file,
                           "export the table again");
  }
}

std::string_view TableRows::text(Column column) const {
  if (column.index < 0 || static_cast<std::size_t>(column.index) >= row_.size()) return {};
  const std::string_view cell = trimmed(row_[static_cast<std::size_t>(column.index)].text);
  for (const std::string_view nothing : {"N/A", "n/a", "NA", "-", "nan", "None", "<NA>", "NULL"}) {
    if (cell == nothing) return {};
  }
  return cell;
}

std::optional<std::int64_t> TableRows::integer(Column column) const {
  return scaled_integer(text(column), 0);
}

std::optional<double> TableRows::number(Column column) const {
  return to_number(text(column));
}

std::optional<std::int64_t> TableRows::scaled(Column column) const {
  return scaled_integer(text(column), column.exponent);
}

void TableRows::lose(std::string_view name, Severity severity, Fault fault,
                     std::string_view advice) {
  trace_.accounting.lose(name, severity, fault, advice);
}

bool TableRows::finish() {
  warn_if_broken(source_, trace_, diagnostics_, stream_.place().line);
  if (malformed_ == 0) return true;
  const std::string sentence =
      fmt::format("{} of the rows are malformed: {}", malformed_, complaint_);
  if (trace_.accounting.imported == imported_before_) {
    diagnostics_.error(first_malformed_, {}, sentence, "export the table again");
    return false;
  }
  diagnostics_.warning(first_malformed_, {}, sentence, "export the table again");
  return true;
}

void warn_if_broken(const Source& source, Trace& trace, Diagnostics& diagnostics, int line) {
  if (!source.broken()) return;
  ++trace.accounting.events;
  trace.accounting.lose("rest of a damaged stream", Severity::warning, Fault::file,
                        "copy the file again");
  diagnostics.warning(
      {source.name(), line, line > 0 ? 1 : 0}, {},
      "the compressed stream is damaged or breaks off here: what came before was read",
      "copy the file again");
}

}  // namespace aisle::workloads::traces
