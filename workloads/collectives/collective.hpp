// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "workloads/collectives/library.hpp"
#include "workloads/plan.hpp"

#include <optional>
#include <string>

namespace aisle::workloads {

/// How communication kernels of one accelerator meet the wire; sim/kernels reads it from the
/// calibration. Shares are of line rate.
struct CommunicationProfile {
  /// Expert all-to-all, of the NIC: while nothing else runs, and beside computation.
  double dispatch_efficiency = 0.8, combine_efficiency = 0.8;
  double dispatch_efficiency_beside = 0.5, combine_efficiency_beside = 0.6;
  Seconds base = Seconds::from_si(5e-6);   ///< fixed time of a collective kernel
  Seconds hop = Seconds::from_si(0.9e-6);  ///< one step inside the scale-up domain
  int cores_collective = 16, cores_expert = 20, cores_send_recv = 2;
  LibraryModel library;  ///< collectives of NCCL's kind
  Basis basis = Basis::assumed;
};

/// What one communication operation costs each of its members: the wire bytes in each tier, the
/// time alone, and what it holds. Of send_recv, `out` is the sender's and `in` the receiver's.
struct CommunicationCost : Choice {
  Seconds alone;
  Bytes scale_up_out, scale_up_in;  ///< per member, one direction each
  Bytes scale_out_out, scale_out_in;
  Bytes hbm;        ///< read and written in the member's memory
  int cores = 0;    ///< held while it runs, subtracted from compute
  Seconds latency;  ///< the part of `alone` before bytes stream: launch, steps, hops
  Basis basis = Basis::assumed;
};

/// Why the library cannot run the communication as asked (an algorithm or protocol that the domain
/// or the operation does not support), with what to do; nothing if it can.
std::optional<std::string> why_not(const Communication& communication,
                                   const topology::Cluster& cluster);

/// Time and traffic of one communication operation over the group that it names. Formulas and
/// sources: docs/model/collectives.md.
CommunicationCost cost_of(const Communication& communication, const topology::Cluster& cluster,
                          const CommunicationProfile& profile);

/// Expected number of distinct bins that `draws` distinct items hit, when bins hold equally many of
/// `items` items (draws without replacement).
double expected_distinct(int items, int bins, int draws);

}  // namespace aisle::workloads
