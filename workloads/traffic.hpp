// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"

#include <cstdint>
#include <span>
#include <vector>

/// Traffic: what collective operations put on the wires, before anybody knows how long it takes.
/// Schedules of algorithms become traffic; sim/engine executes it.
namespace aisle::workloads {

/// Flows over links with capacities. One flow has one progress, however many links it draws on: a
/// ring moves at the pace of its slowest hop, and is one flow over all of its hops.
struct Traffic {
  struct Draw {
    std::int32_t link;
    double weight;  ///< bytes on the link per byte of the flow
  };

  struct Flow {
    Bytes volume;
    BytesPerSecond limit;  ///< what the flow reaches alone on healthy links (calibrated)
    Seconds start;         ///< after the end of the job's previous phase, or the beginning
    std::int32_t first_draw = 0, draws = 0;
    double multiplicity = 1;  ///< equal flows that it stands for
    std::int32_t job = 0;
    std::int32_t phase = 0;  ///< starts when all flows of earlier phases of its job have ended
  };

  struct Link {
    BytesPerSecond capacity;     ///< one direction, as large transfers reach it
    double multiplicity = 1;     ///< equal links that it stands for
    std::int32_t original = -1;  ///< (one of) the network's link(s)
    std::int32_t kind = 0;       ///< links of different kinds are not merged
  };

  std::vector<Flow> flows;
  std::vector<Draw> draws;
  std::vector<Link> links;

  std::span<const Draw> draws_of(const Flow& flow) const {
    return {draws.data() + flow.first_draw, static_cast<std::size_t>(flow.draws)};
  }
};

}  // namespace aisle::workloads
