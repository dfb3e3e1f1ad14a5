// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"

#include <memory>
#include <vector>

namespace aisle::pb {
class Result;
}

namespace aisle::gui {

/// Results side by side, as `aisle compare` has them; the first is the base.
struct Comparison {
  QStringList names;         ///< of the results
  Table metrics;             ///< metric, a value of each result, its difference from the first
  QStringList explanations;  ///< why each further one takes longer or shorter, by resource
  Figure resources;          ///< stacked bars, one for each result
  Table differences;         ///< by resource, against the first
};

/// "deepseek-v3 on h800-sxm"; empty where neither is named.
QString subject_of(const pb::Result& result);

/// "A  Llama 3 405B on H100", ...: titles, or model and accelerator where titles are the same.
QStringList result_names(const std::vector<std::shared_ptr<const pb::Result>>& results);

/// Empty tables for fewer than two results.
Comparison compare(const std::vector<std::shared_ptr<const pb::Result>>& results);

}  // namespace aisle::gui
