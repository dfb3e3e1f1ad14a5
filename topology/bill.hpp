// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/catalogue/hardware.pb.h"
#include "topology/cluster_impl.hpp"

#include <vector>

namespace aisle::topology {

class Catalogue;

/// Parts that join the accelerators of a cluster, counted from its plan and priced from the parts
/// of the catalogue (part-*, sw-qm9700), whose figures scale with the rate.
std::vector<BillRow> list_parts(const Cluster::Impl& cluster, const Catalogue& catalogue,
                                const pb::Accelerator& entry, const pb::System* system);

}  // namespace aisle::topology
