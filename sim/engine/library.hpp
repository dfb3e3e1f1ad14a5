// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace aisle::sim {

/// The library below the event engine with its version: "SimGrid 3.32.0".
std::string event_library();

}  // namespace aisle::sim
