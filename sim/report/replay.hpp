// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: replays of recorded traces.
#pragma once

#include "sim/report/text.hpp"
#include "sim/study/result.pb.h"

#include <string>

namespace aisle::sim::report {

/// "rank0.json.gz, 1,152 ranks".
std::string replay_line(const pb::Replay& replay);
/// Recorded and replayed time, and what binds.
std::string replay_answer(const pb::Result& result);
/// Kernel families, recorded and replayed.
void append_replay(Page& page, const pb::Result& result);

}  // namespace aisle::sim::report
