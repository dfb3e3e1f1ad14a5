// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "workloads/traffic.hpp"

#include <cstdint>
#include <vector>

namespace aisle::sim {

/// When each flow of a traffic ended; parallel to traffic.flows.
struct FlowExecution {
  std::vector<double> end_s;
  std::vector<double> job_end_s;      ///< [jobs]
  std::vector<std::int32_t> held_by;  ///< [flows] link that held it longest; -1: its own limit
  std::vector<double> bytes_on_link;  ///< [links] one of the links that each stands for
  std::vector<double> busiest_share;  ///< [links] largest share of capacity in use at any time
};

/// Flow-level simulation: at any time, rates are max-min fair between flows (bytes per second, by
/// progressive filling), each at most its own limit; they are found anew whenever a flow starts or
/// ends, for the flows that this can reach through full links. Deterministic. Cost: log(flows) for
/// each such moment where no full link is touched, otherwise draws of the flows so joined x
/// log(links).
FlowExecution execute(const workloads::Traffic& traffic);

/// The same traffic in closed form, by job: each phase lasts as long as its slowest flow alone, or
/// as the work of the busiest link that its flows draw on, to which the other jobs add all of
/// theirs. Equal to execute() for a lone job whose flows over that link end together; above it
/// where jobs overlap only in part.
std::vector<Seconds> bound(const workloads::Traffic& traffic);

/// Bytes on one of the links that each link stands for, once all flows have ended.
std::vector<double> bytes_on_links(const workloads::Traffic& traffic);

/// Traffic with interchangeable flows and links merged: colour refinement over flow-link incidence,
/// capacities, volumes, limits, starts, jobs and phases, until nothing splits (an equitable
/// partition, so the rates of the quotient are those of the whole).
struct FoldedTraffic {
  workloads::Traffic traffic;
  std::vector<std::int32_t> class_of_flow, class_of_link;
};

FoldedTraffic fold(const workloads::Traffic& traffic);

}  // namespace aisle::sim
