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
  std::int64_t events = 0;
};

/// Flow-level simulation: at any time, rates are max-min fair between flows (bytes per second, by
/// progressive filling), each at most its own limit; they are found anew whenever a flow starts or
/// ends, for the flows that this can reach through full links. Deterministic. Cost: log(flows) for
/// each such moment where no full link is touched, otherwise draws of the flows so joined x
/// log(links).
FlowExecution execute(const workloads::Traffic& traffic);

/// The same traffic in closed form: each phase of a job takes its slowest flow's own time, or that
/// of the link with the most work, with all jobs counted on links that they share as if they
/// overlapped all along. Equal to execute() where all flows of a phase that share a link that binds
/// end together, and never below it for a job that is alone... see docs/model/engine.md.
std::vector<Seconds> bound(const workloads::Traffic& traffic);

/// Traffic with interchangeable flows and links merged: colour refinement over flow-link incidence,
/// capacities, volumes, limits, starts, jobs and phases, until nothing splits (an equitable
/// partition, so the rates of the quotient are those of the whole).
struct FoldedTraffic {
  workloads::Traffic traffic;
  std::vector<std::int32_t> class_of_flow, class_of_link;
};

FoldedTraffic fold(const workloads::Traffic& traffic);

}  // namespace aisle::sim
