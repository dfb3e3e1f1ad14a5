// SPDX-License-Identifier: Apache-2.0
// Internal to sim/study: tables of measured collectives in the columns of those who published them.
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/study/collective_ledger.hpp"

namespace aisle::sim {

/// Whether the columns are those of a published table of collectives.
bool is_collective_table(const CsvTable& table);

/// Every measurement of such a table as a row of a ledger. Bad cells are located errors.
std::optional<std::vector<LedgerRow>> read_collective_table(const CsvTable& table,
                                                            const topology::Catalogue& catalogue,
                                                            Diagnostics& diagnostics);

}  // namespace aisle::sim
