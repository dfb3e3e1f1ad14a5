// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.pb.h"
#include "sim/base/diagnostics.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace aisle {
class SourceMap;
}

namespace aisle::topology {
class Catalogue;
}

namespace aisle::power {

/// Whether a text is of a form, in which 0 stands for any digit: "0000-00-00" for days.
bool has_form(std::string_view text, std::string_view form);

/// Quarters count from the year 0: 2026-Q1 is 4 * 2026.
std::optional<int> parse_quarter(std::string_view text);
std::string quarter_name(int quarter);
/// A day in its middle, "2026-02-15".
std::string quarter_middle(int quarter);

/// Square pieces of this area on a 300 mm wafer with 3 mm of edge lost: rows of them, the better of
/// a row and a boundary between rows through the middle.
int pieces_per_wafer(double area_mm2);

/// What limits how many chips are made.
enum class SupplyLimit { wafers, stacks, dies };
inline constexpr int kSupplyLimits = 3;
const char* to_string(SupplyLimit limit);

/// By limit; absent where it does not bind.
using SupplyAmounts = std::array<std::optional<double>, kSupplyLimits>;

/// What is there for one maker in a quarter: wafers of interposers, memory stacks, dies. The
/// maker's share counts for wafers and stacks; one without a share gets all.
SupplyAmounts supplied(const pb::Supply& supply, const std::string& vendor, int quarter,
                       pb::SupplyLevel level);

/// What one accelerator takes of it, yield included; nothing for one that the supply does not name.
std::optional<SupplyAmounts> needed(const pb::Supply& supply, const topology::Catalogue& catalogue,
                                    const std::string& accelerator, pb::SupplyLevel level);

struct ChipSupply {
  double chips = 0;
  SupplyLimit bound_by = SupplyLimit::wafers;
};

/// Accelerators of one kind in a quarter, were everything of its maker made into it.
std::optional<ChipSupply> chips_per_quarter(const pb::Supply& supply,
                                            const topology::Catalogue& catalogue,
                                            const std::string& accelerator, int quarter,
                                            pb::SupplyLevel level);

/// Faults of an entry: quarters that are none or out of order, figures whose low end is above the
/// high one, shares above one, negative figures, unknown accelerators.
void check_supply(const pb::Supply& supply, const topology::Catalogue& catalogue,
                  const SourceMap& places, Diagnostics& diagnostics);

}  // namespace aisle::power
