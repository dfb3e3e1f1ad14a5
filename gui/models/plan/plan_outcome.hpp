// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"
#include "sim/base/diagnostics.hpp"

#include <QJsonObject>
#include <QString>

#include <optional>

namespace aisle::gui {

/// A plan as `aisle plan -o FILE.json` wrote it (docs/formats/plan.md).
struct PlanOutcome {
  QString path;
  QJsonObject json;
};

/// Whether a file is one.
bool is_plan(const QString& path);
std::optional<PlanOutcome> read_plan(const QString& path, Diagnostics& diagnostics);

/// What a plan says: the answer in words, what is bought and used by quarter, power, cost, what
/// binds and what it is worth, sensitivity; or which limits are at odds.
ViewContent plan_content(const PlanOutcome& plan);

}  // namespace aisle::gui
