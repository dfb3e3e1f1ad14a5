// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/timeline_model.hpp"
#include "sim/base/diagnostics.hpp"

#include <QString>

#include <memory>

namespace aisle::gui {

/// What ran on the devices of a recorded trace, as a timeline from its first event. `path`: the
/// normalised form that `aisle import` wrote. Null, with errors, if it cannot be read or holds no
/// times.
std::shared_ptr<const TimelineModel> read_recorded(const QString& path, Diagnostics& diagnostics);

}  // namespace aisle::gui
