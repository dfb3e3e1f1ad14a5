// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/proto_text.hpp"

#include <string>
#include <vector>

namespace aisle::pb {
class Accelerator;
}

namespace aisle::topology {

/// Figures of an accelerator that follow from the parts of its package. `changed` is `sold` with
/// the figures of `chosen` (cluster.what_if) merged in; where `chosen` changes compute dies, their
/// area, HBM stacks or the memory's generation, the figures that it does not state itself follow
/// (docs/model/topology.md, "Another package"):
///   peaks, cores, L2, link between dies ~ dies x area (the link: dies alone)
///   memory ~ stacks x what a stack of the generation has
///   TDP = (TDP sold - memory at full rate) x dies x area + memory at full rate
/// Returns what was derived, in sentences. Errors go to the fields of cluster.what_if.
std::vector<std::string> derive_from_package(const pb::Accelerator& sold,
                                             const pb::Accelerator& chosen,
                                             pb::Accelerator& changed, const SourceMap& places,
                                             Diagnostics& diagnostics);

/// Silicon of the accelerator over that of the one sold: dies x area.
double silicon_ratio(const pb::Accelerator& sold, const pb::Accelerator& changed);

}  // namespace aisle::topology
