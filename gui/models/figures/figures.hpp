// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"

namespace aisle::pb {
class Result;
}

namespace aisle::topology {
class Cluster;
}

namespace aisle::gui {

// What the views show of a result; empty where it carries nothing for them. `cluster`: the machine
// that its scenario describes, null where that is not known.

/// Power over time of the whole and of each rank, its limits, what the site draws.
ViewContent power_content(const pb::Result& result, const topology::Cluster* cluster);
/// Distributions of latency, and queue, batch, cache and throughput over time.
ViewContent serving_content(const pb::Result& result);
/// What a step and a run cost in money, energy, carbon and water.
ViewContent cost_content(const pb::Result& result);
/// Communication by what it serves, size and algorithm; load of links.
ViewContent network_content(const pb::Result& result);
/// Kernel families under the roofs of the accelerator.
ViewContent roofline_content(const pb::Result& result, const topology::Cluster* cluster);

/// Rows of metrics with these names, in this order: metric, value, basis.
Table metric_rows(const pb::Result& result, const QStringList& names);
/// A metric of a result; NaN where it has none.
double metric_value(const pb::Result& result, const char* name);

}  // namespace aisle::gui
