// SPDX-License-Identifier: Apache-2.0
#include "sim/base/table.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace aisle {
namespace {

// Characters, not bytes; every continuation byte of UTF-8 is 10xxxxxx.
std::size_t width(std::string_view cell) {
  return static_cast<std::size_t>(
      std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_number(std::string_view cell) {
  const std::size_t first = cell.find_first_not_of("+-.~<>$ ");
  return first != std::string_view::npos && cell[first] >= '0' && cell[first] <= '9';
}

bool is_blank(std::string_view cell) {
  return cell.empty() || cell == "-";
}

}  // namespace

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {}

void Table::add(std::vector<std::string> row) {
  AISLE_ASSERT(row.size() == header_.size(), "a table row has as many cells as the header");
  rows_.push_back(std::move(row));
}

std::string Table::to_string() const {
  const std::size_t columns = header_.size();
  std::vector<std::size_t> widths(columns);
  std::vector<bool> right(columns);
  for (std::size_t c = 0; c < columns; ++c) {
    widths[c] = width(header_[c]);
    bool any = false;
    bool all = true;
    for (const auto& row : rows_) {
      widths[c] = std::max(widths[c], width(row[c]));
      if (is_blank(row[c])) continue;
      any = true;
      all = all && is_number(row[c]);
    }
    right[c] = any && all;
  }
  std::string out;
  const auto add_line = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string padding(widths[c] - width(row[c]), ' ');
      if (c > 0) line += "  ";
      line += right[c] ? padding + row[c] : row[c] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  add_line(header_);
  for (const auto& row : rows_) add_line(row);
  return out;
}

std::string csv_row(const std::vector<std::string>& cells) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      out += cells[i];
      continue;
    }
    out += '"';
    for (const char c : cells[i]) {
      if (c == '"') out += '"';
      out += c;
    }
    out += '"';
  }
  return out + '\n';
}

}  // namespace aisle
