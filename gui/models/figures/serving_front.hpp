// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"
#include "sim/base/diagnostics.hpp"

#include <QString>

#include <optional>

namespace aisle::gui {

/// Whether a file is what `aisle search --json` prints of a serving study.
bool is_serving_search(const QString& path);
/// Throughput over what each user gets: every load that was played, of all layouts, that no other
/// beats in both; and the layouts behind it.
std::optional<ViewContent> read_serving_front(const QString& path, Diagnostics& diagnostics);

}  // namespace aisle::gui
