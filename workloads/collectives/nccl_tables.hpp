// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/collectives/setting.hpp"

namespace aisle::workloads {

/// An algorithm and protocol of NCCL, the time that NCCL itself expects of it, and its channels.
struct NcclChoice {
  Algorithm algorithm = Algorithm::ring;
  Protocol protocol = Protocol::simple;
  Seconds expected;
  int channels = 0;
};

/// What NCCL takes: the least expected time of its own cost model (src/graph/tuning.cc,
/// uncalibrated and by architecture) among what the setting allows; a forced algorithm or protocol
/// narrows that.
NcclChoice nccl_choice(const Setting& setting);

/// Rate at which NCCL's table lets LL stream inside a domain.
BytesPerSecond nccl_ll_rate(const Setting& setting);

/// Channels of in-switch reductions, one domain.
int nvls_channels(Architecture architecture);

/// Whether NCCL's NVLS kernels can run: in-switch reduction, and more than 4 members.
bool nvls_runs(const Setting& setting);

}  // namespace aisle::workloads
