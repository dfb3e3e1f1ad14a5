// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/study.hpp"

#include <vector>

namespace aisle::pb {
class ExportRegime;
class Supply;
}  // namespace aisle::pb

/// Used by show_entry alone.
namespace aisle::sim {

/// What export rules count of a chip, and which of them decides since when.
void add_export(const topology::Catalogue& catalogue, const pb::Accelerator& chip,
                std::vector<EntryLine>& lines);

/// Which chips the rules hit, and since when.
void add_regime(const topology::Catalogue& catalogue, const pb::ExportRegime& regime,
                std::vector<EntryLine>& lines);

/// Chips of each kind by year, were the whole output of its maker that kind.
void add_supply(const topology::Catalogue& catalogue, const pb::Supply& supply,
                std::vector<EntryLine>& lines);

}  // namespace aisle::sim
