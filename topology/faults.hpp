// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "topology/fabric.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace aisle::topology {

enum class PartKind { accelerator, scale_up, nic, leaf, spine, core };

struct Part {
  PartKind kind = PartKind::nic;
  int number = 0;
};

/// A broken or slow part: a device (one end) or the cables between two neighbours.
struct PartFault {
  Part end;
  std::optional<Part> other;
  double rate = 0;  ///< share of the healthy rate that is left
};

/// What parts there are to name.
struct PartCounts {
  int accelerators = 1, domain_size = 1;
  std::string accelerator_word = "gpu";
  FabricCounts fabric;
};

/// Reads "nic 17", "leaf 3 - spine 2". Reports, at `place`, a kind of part that does not exist, a
/// number beyond the last, and a pair that no cable can join.
std::optional<PartFault> parse_part(std::string_view text, double rate, const PartCounts& counts,
                                    const Place& place, const std::string& field,
                                    Diagnostics& diagnostics);

}  // namespace aisle::topology
