// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/csv.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace aisle::workloads {

/// Tokens that each expert of a mixture received, as somebody recorded them: an assignment of a
/// token to one expert counts one.
struct ExpertLoads {
  int experts = 0;
  std::vector<int> layers;  ///< numbers that the table gives them, ascending
  std::vector<std::string>
      steps;                   ///< in the order of the table; one without a name where undivided
  std::vector<double> tokens;  ///< [steps, layers, experts]

  std::span<const double> row(std::size_t step, std::size_t layer) const {
    const auto width = static_cast<std::size_t>(experts);
    return std::span(tokens).subspan((step * layers.size() + layer) * width, width);
  }
};

/// Which rows of a table count, and what divides them.
struct LoadSelection {
  std::vector<std::string> where;  ///< "column=value", each of which must hold
  std::string step;  ///< column whose values follow one another; empty: all rows are added
};

/// Reads a table in one of these forms, recognised by its columns; others are labels:
///   layer (or layer_to), e0, e1, ...        tokens by expert (also to_e0, ...); equal layers add
///   layer, expert, tokens (count, load)     the same, an expert a row
///   L0, L1, ... (one per layer)             a token a row: the experts that it chose
/// Of a column `selection` rows with `topk` alone count, unless `where` says otherwise: the others
/// hold the same tokens again. Numbers are finite and not negative, every step has every layer, and
/// every layer received something; else errors at the cell.
std::optional<ExpertLoads> expert_loads(const CsvTable& table, const LoadSelection& selection,
                                        Diagnostics& diagnostics);

/// The same from a file.
std::optional<ExpertLoads> read_expert_loads(const std::string& path,
                                             const LoadSelection& selection,
                                             Diagnostics& diagnostics);

}  // namespace aisle::workloads
