// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.pb.h"
#include "sim/base/diagnostics.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aisle {
class SourceMap;
}

namespace aisle::pb {
class Accelerator;
}

namespace aisle::power {

/// Figures that export rules ask for, from the catalogue's own; 0 where it has none.
struct ExportFigures {
  double tpp =
      0;  ///< dense TOPS (a multiply-add counts two) times bits, the largest of all formats
  std::string precision;  ///< for which that is
  double density = 0;     ///< TPP over the area of the compute dies in mm2
  double io = 0;          ///< B/s, both directions
  double memory = 0;      ///< B/s
};

ExportFigures export_figures(const pb::Accelerator& accelerator);

/// The rule that decides on a day ("2026-02-15"), or nullptr where none hits the chip. Chips of
/// domestic makers are hit by none.
const pb::ExportRule* rule_on(const pb::ExportRegime& regime, const pb::Accelerator& accelerator,
                              const std::string& day);

/// From when on which rule decides; none: the chip is free again.
struct ExportChange {
  std::string day;
  const pb::ExportRule* rule = nullptr;
};

std::vector<ExportChange> history(const pb::ExportRegime& regime,
                                  const pb::Accelerator& accelerator);

/// True for a day of the form "2026-02-15".
bool is_day(const std::string& text);

/// Faults of an entry: days that are none, quantities without unit.
void check_regime(const pb::ExportRegime& regime, const SourceMap& places,
                  Diagnostics& diagnostics);

}  // namespace aisle::power
