// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"
#include "topology/cluster.hpp"
#include "workloads/collectives/collective.hpp"
#include "workloads/plan.hpp"
#include "workloads/traffic.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace aisle::workloads {

/// One job's collective: who takes part, what it costs alone, and what differs from rank to rank.
struct CollectiveJob {
  Communication communication;
  CommunicationCost cost;    ///< cost_of(communication), on a healthy and idle network
  std::vector<int> members;  ///< accelerator ids in order of rank
  /// [members] Time at which each rank comes to the operation; empty: all at once.
  std::vector<Seconds> arrival;
  /// [members] Bytes that each rank of an exchange receives over the mean; empty: 1.
  std::vector<double> load;
};

/// Whether pairs of ranks exchange bytes on their own (all-to-all, dispatch, combine, send_recv),
/// rather than in a chain, a tree or a switch.
bool is_exchange(CollectiveKind kind);

/// How the pairs of an exchange (all-to-all, dispatch, combine) become flows.
enum class ExchangeForm : std::uint8_t {
  pairs,    ///< one flow per pair of ranks: exact, their square in number
  classes,  ///< one flow per class of pairs under the network's symmetries: exact, and few
  ranks,    ///< two flows per rank, what it sends and what it receives: for uneven loads at scale
};

struct ScheduleOptions {
  bool fold = true;        ///< false: pairs, always
  bool by_ranks = false;   ///< exchanges as two flows per rank, in order of rank
  std::uint64_t seed = 1;  ///< of hashed paths
};

struct Schedule {
  Traffic traffic;
  ExchangeForm form = ExchangeForm::pairs;  ///< of the exchanges, if there are any
  std::string cut;  ///< the first pair that faults have cut from each other; empty: none
};

/// The flows of the jobs' algorithms over the cluster's network; job j of the traffic is jobs[j].
///
/// Rings, trees and in-switch reductions are coupled: one flow per rail (members of equal place in
/// their domains), which draws on every hop, because each member passes on what it has received and
/// the whole moves at the pace of the slowest hop. Pairs of an exchange are flows of their own.
/// Logarithmic algorithms are phases, one per distance. A flow's limit is the calibrated rate of
/// the operation alone, so on a healthy and idle network every job ends at cost.alone; what slows
/// it is in the links: other jobs, oversubscription, hashed paths that collide, faults. Capacities
/// are line rates, those of the fabric times the share that large transfers reach.
Schedule schedule(std::span<const CollectiveJob> jobs, const topology::Cluster& cluster,
                  const ScheduleOptions& options);

}  // namespace aisle::workloads
