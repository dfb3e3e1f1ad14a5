// SPDX-License-Identifier: Apache-2.0
#include "sim/base/csv.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

// A text is either refused with an error or read into rows as long as its header, each cell at a
// place inside the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  aisle::Diagnostics diagnostics;
  const auto table = aisle::parse_csv(text, "fuzz", diagnostics);
  AISLE_ASSERT(table.has_value() == !diagnostics.has_errors(), "refused if and only if an error");
  std::size_t at = 0;
  aisle::CsvStream stream(
      [&](char* to, std::size_t most) {
        const std::size_t taken = std::min({most, size - at, std::size_t{7}});
        std::copy_n(text.data() + at, taken, to);
        at += taken;
        return taken;
      },
      "fuzz");
  std::vector<aisle::CsvTable::Cell> record;
  std::size_t records = 0;
  while (stream.next(record) != aisle::CsvStream::Got::end) ++records;
  AISLE_ASSERT(records <= size, "every record takes a byte");
  if (!table) return 0;
  AISLE_ASSERT(records == table->rows.size() + 1, "the stream gives the rows of the table");
  for (const auto& row : table->rows) {
    AISLE_ASSERT(row.size() == table->header.size(), "rows are as long as the header");
    for (const auto& cell : row) {
      AISLE_ASSERT(cell.line > 0 && cell.column > 0, "cells have a place");
      AISLE_ASSERT(static_cast<std::size_t>(cell.line) <= size + 1, "inside the text");
    }
  }
  return 0;
}
