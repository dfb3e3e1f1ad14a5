// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/kernels/calibration.pb.h"
#include "sim/study/kernel_tables.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/cluster.hpp"

#include <optional>
#include <string>
#include <vector>

/// Curves of an accelerator from measured kernels.
namespace aisle::sim {

struct CalibrateOptions {
  std::vector<std::string> inputs;  ///< tables
  std::string accelerator;          ///< catalogue name or alias
  /// Implementations whose curves of dense products planners take: they are written without name.
  std::vector<std::string> usual;
};

/// Rows that were not used, and why.
struct RejectedRows {
  std::string reason;
  int count = 0;
  std::vector<std::string> examples;  ///< "file:line: ..."
};

struct CalibrationRun {
  pb::Calibration calibration;    ///< what was known of the chip, with the new curves in place
  std::vector<pb::Curve> fitted;  ///< the new ones
  std::vector<RejectedRows> rejected;
  int rows = 0;  ///< of this accelerator in the inputs
  int used = 0;
};

/// Fits every family, direction, number format and implementation that the inputs measured. One
/// shape in three is held out; the errors on it are reported, then the curve is fitted to all.
std::optional<CalibrationRun> calibrate(const CalibrateOptions& options,
                                        const topology::Catalogue& catalogue,
                                        Diagnostics& diagnostics);

/// The file that the calibration goes into.
std::string calibration_text(const pb::Calibration& calibration);

/// Peaks, HBM bandwidth and cores of a catalogue entry.
topology::Accelerator accelerator_of(const std::string& name, const topology::Catalogue& catalogue);

/// Whether a row belongs to the third of the shapes that fits are judged on.
bool held_out(const KernelRow& row);

/// Why a row cannot be a measurement of one launch on the chip; empty if it can.
std::string impossible(const KernelRow& row, const topology::Accelerator& chip);

}  // namespace aisle::sim
