// SPDX-License-Identifier: Apache-2.0
// Hourly series of prices, carbon and weather, as grid operators and weather services give them.
#include "power/facility.hpp"
#include "sim/base/csv.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

namespace aisle::power {

namespace {

/// Hours since 0000-03-01 of "2025-07-01T13:00" (a space will do for the T), or of a plain number.
std::optional<double> hours_of(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0;
  if (std::sscanf(text.c_str(), "%d-%d-%d%*c%d:%d", &year, &month, &day, &hour, &minute) < 4) {
    return plain_number(text);
  }
  const int shifted = month < 3 ? year - 1 : year;
  const int days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 +
                   (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
  return 24.0 * days + hour + minute / 60.0;
}

}  // namespace

std::optional<Hourly> read_hourly(const std::string& path, const std::string& column,
                                  bool may_be_negative, Diagnostics& diagnostics) {
  const auto table = read_csv(path, diagnostics);
  if (!table) return std::nullopt;
  const int at = table->column(column);
  if (at < 1) {
    diagnostics.error({path, 1, 1}, column, "no column behind the first, the time, has this name",
                      fmt::format("there are {}", table->header.size()));
    return std::nullopt;
  }
  Hourly values;
  double last = 0;
  for (const auto& row : table->rows) {
    const auto fail = [&](const CsvTable::Cell& cell, const std::string& sentence,
                          const std::string& hint) {
      diagnostics.error(table->place(cell), column, sentence, hint);
      return std::nullopt;
    };
    const auto time = hours_of(row.front().text);
    if (!time) {
      return fail(row.front(), fmt::format("'{}' is no time", row.front().text),
                  "2025-07-01T13:00, or a number of hours");
    }
    if (!values.empty() && std::abs(*time - last - 1) > 1e-6) {
      return fail(row.front(), fmt::format("{:g} hours after the row before", *time - last),
                  "every hour has a row, in order: fill gaps first");
    }
    last = *time;
    const CsvTable::Cell& cell = row[static_cast<std::size_t>(at)];
    const auto value = plain_number(cell.text);
    if (!value) return fail(cell, fmt::format("'{}' is no number", cell.text), "fill gaps first");
    if (*value < 0 && !may_be_negative) {
      return fail(cell, fmt::format("{:g} is below 0", *value), "set it to 0 if it is meant");
    }
    values.push_back(*value);
  }
  if (values.size() < 24) {
    diagnostics.error({path, 1, 1}, column, fmt::format("has {} hours", values.size()),
                      "a day at least, better a year");
    return std::nullopt;
  }
  return values;
}

}  // namespace aisle::power
