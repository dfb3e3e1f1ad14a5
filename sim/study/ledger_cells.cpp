// SPDX-License-Identifier: Apache-2.0
#include "sim/study/ledger_cells.hpp"

#include <fmt/core.h>

#include <cctype>
#include <charconv>
#include <cmath>

namespace aisle::sim {

namespace {

/// Beyond it a count is a slip of the pen, and products of counts would leave their types.
constexpr int kMostCounted = 10'000'000;

}  // namespace

bool says(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

std::string lower(std::string text) {
  for (char& letter : text) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return text;
}

std::string LedgerCells::text(std::string_view column) const {
  const int at = table_.column(column);
  return at < 0 ? std::string() : row_[static_cast<std::size_t>(at)].text;
}

std::optional<double> LedgerCells::number(std::string_view column) {
  const int at = table_.column(column);
  if (at < 0) return std::nullopt;
  const std::string& digits = row_[static_cast<std::size_t>(at)].text;
  if (digits.empty() || digits == "-") return std::nullopt;
  double value = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) {
    error(column, fmt::format("'{}' is not a number", digits),
          "write digits, without a unit or a thousands separator");
    return std::nullopt;
  }
  if (!(value > 0) || !std::isfinite(value)) {
    error(column, fmt::format("{} is out of range", digits),
          "above zero; leave the cell empty if it is not known");
    return std::nullopt;
  }
  return value;
}

int LedgerCells::count(std::string_view column) {
  const int errors_before = diagnostics_.error_count();
  const std::optional<double> value = number(column);
  if (value && *value == std::floor(*value) && *value <= kMostCounted)
    return static_cast<int>(*value);
  if (diagnostics_.error_count() == errors_before) {
    error(column, value ? fmt::format("{} is no count", text(column)) : "the cell is empty",
          "a whole number is wanted");
  }
  return 1;
}

std::optional<int> LedgerCells::whole(std::string_view column, int least) {
  const std::string digits = text(column);
  if (digits.empty() || digits == "-") return std::nullopt;
  int value = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  if (read.ec == std::errc() && read.ptr == end && value >= least && value <= kMostCounted) {
    return value;
  }
  error(
      column, fmt::format("'{}' is no count", digits),
      fmt::format("a whole number from {} is wanted, or an empty cell if it is not known", least));
  return std::nullopt;
}

void LedgerCells::error(std::string_view column, std::string sentence, std::string hint) {
  const int at = table_.column(column);
  diagnostics_.error(at < 0 ? place() : table_.place(row_[static_cast<std::size_t>(at)]),
                     std::string(column), std::move(sentence), std::move(hint));
}

}  // namespace aisle::sim
