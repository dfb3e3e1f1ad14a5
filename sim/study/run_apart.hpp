// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <functional>
#include <optional>

namespace aisle::sim {

/// What came of a run in a child process: a result, or why there is none.
struct ApartRun {
  std::optional<pb::Result> result;
  bool bad_input = false;  ///< else the child failed or was interrupted
};

/// Runs a study in a child process, since the event engine runs once per process. `report` is
/// called there with what the run had to say.
ApartRun run_apart(const Study& study, const topology::Catalogue& catalogue,
                   const std::function<void(const Diagnostics&)>& report = {});

}  // namespace aisle::sim
