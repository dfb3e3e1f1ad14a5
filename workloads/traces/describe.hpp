// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/models/model.hpp"
#include "workloads/plan.hpp"
#include "workloads/traces/trace.hpp"

#include <optional>
#include <vector>

namespace aisle::workloads::traces {

/// Where a kernel's shape was found.
enum class ShapeFrom : std::uint8_t { none, operands, grid, model, annotation, bytes };
std::string_view to_string(ShapeFrom from);

/// A device event as calibration and replay see it.
struct Described {
  Kernel kernel;  ///< family, direction and precision always; shape, FLOPs and bytes unless `none`
  ShapeFrom from = ShapeFrom::none;
};

/// Family, shape, FLOPs and minimal HBM bytes of every device event; parallel to Trace::device.
/// Shapes come from operands of the launching operator, from the batch in an annotation
/// (execute_..._context_..._generation_...), from `model` (order and grids inside its layers) or
/// from the grid. Where nothing tells, the family stands alone.
std::vector<Described> describe(const Trace& trace, const ModelGraph* model);

/// Share of each event's time during which a communication kernel moved data on the same device;
/// parallel to Trace::device, 0 for communication itself. Rendezvous kernels do not count.
std::vector<double> beside_communication(const Trace& trace);

}  // namespace aisle::workloads::traces
