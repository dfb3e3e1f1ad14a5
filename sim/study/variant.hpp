// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"

namespace aisle::sim {

/// The study with another scenario in place of its own. Places of its text do not hold for that,
/// but its file does: others are named relative to it. Used by sim/study alone.
Study variant_of(const Study& study, pb::Scenario scenario);

}  // namespace aisle::sim
