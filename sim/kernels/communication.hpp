// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/collectives/collective.hpp"

#include <span>

namespace aisle::pb {
class Calibration;
}

namespace aisle::sim {

/// Fills in the library's constants, launch and hop, each from the nearest calibration that has it;
/// what none has stays as it is.
void read_collectives(std::span<const pb::Calibration* const> nearest_first,
                      workloads::CommunicationProfile& profile);

}  // namespace aisle::sim
