// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/units.hpp"

namespace aisle {
class Diagnostics;
class SourceMap;
}  // namespace aisle

namespace aisle::pb {
class Offload;
}

namespace aisle::workloads::parallel {

struct StateSizes;

/// What lies in host memory. Predicts how long an accelerator is kept from going on: copies run
/// beside computation and update piece by piece, so the slowest of them counts. Bandwidths are
/// those of one accelerator, one direction; docs/model/parallel.md, "Host memory".
struct Offload {
  double optimizer = 0;    ///< share of the optimizer's states
  double activations = 0;  ///< share of what is kept for the backward pass
  bool updated_by_host = true;
  BytesPerSecond link, memory;

  /// The update of so many parameters, a share of which lies on the host.
  Seconds update(double parameters, const StateSizes& sizes) const;

  Seconds copy(Bytes one_way) const { return one_way / link; }
};

Offload read_offload(const pb::Offload& asked, const SourceMap& places, Diagnostics& diagnostics);

}  // namespace aisle::workloads::parallel
