// SPDX-License-Identifier: Apache-2.0
// How far training steps are from measured ones: the rows of ledger.csv, each with its scenario in
// rows/. Prints the table that docs/model/validation.md quotes; fails beyond the bound of a row or
// of a half.
#include "tests/command.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

const std::string kFolder = AISLE_SOURCE_DIR "/tests/validation/training/";

/// Cells of one line of comma-separated values with quotes.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char letter : line) {
    if (letter == '"') {
      quoted = !quoted;
    } else if (letter == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += letter;
    }
  }
  return cells;
}

double simulated(const std::string& id, const std::string& metric) {
  const auto outcome =
      aisle::tests::run_command(std::string(AISLE_PROGRAM " run ") + kFolder + "rows/" + id +
                                ".textproto --json -q --engine analytic");
  EXPECT_EQ(outcome.exit_code, 0) << id << "\n" << outcome.err;
  simdjson::dom::parser parser;
  const simdjson::padded_string text(outcome.out);
  double value = 0;
  EXPECT_EQ(parser.parse(text)["metrics"][metric].get(value), simdjson::SUCCESS) << id << "\n"
                                                                                 << outcome.out;
  return value;
}

TEST(TrainingLedger, EveryRowIsWithinItsBoundAndEachHalfWithinItsMedian) {
  std::istringstream ledger(aisle::tests::read_file(kFolder + "ledger.csv"));
  std::string line;
  std::getline(ledger, line);
  std::map<std::string, std::vector<double>> halves;
  while (std::getline(ledger, line)) {
    const std::vector<std::string> cells = cells_of(line);
    ASSERT_GE(cells.size(), 6u) << line;
    const double measured = std::stod(cells[3]), bound = std::stod(cells[4]);
    const double predicted = simulated(cells[0], cells[2]);
    const double error = std::log(predicted / measured);
    fmt::print("| {} | {} | {:.4g} | {:.4g} | {:+.1f} % |\n", cells[0], cells[1], measured,
               predicted, 100 * (predicted / measured - 1));
    EXPECT_LE(std::abs(error), bound) << cells[0];
    halves[cells[1]].push_back(std::abs(error));
  }
  for (auto& [half, errors] : halves) {
    std::sort(errors.begin(), errors.end());
    const double median = errors[errors.size() / 2];
    fmt::print("{}: {} rows, median {:.3f}, worst {:.3f}\n", half, errors.size(), median,
               errors.back());
    EXPECT_LE(median, half == "fitted" ? 0.03 : 0.06);
  }
  EXPECT_EQ(halves.size(), 2u);
}

}  // namespace
