// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/estimate.hpp"
#include "sim/base/units.hpp"
#include "topology/cluster.hpp"
#include "workloads/collectives/collective.hpp"
#include "workloads/plan.hpp"

#include <span>
#include <string>
#include <vector>

namespace aisle::pb {
class Calibration;
class Curve;
}  // namespace aisle::pb

namespace aisle::topology {
class Catalogue;
}

namespace aisle::sim {

/// Time of one launch of a kernel, alone on the device, without the gap before it.
struct KernelTime {
  Seconds time;
  int cores = 0;  ///< cores that it can use: it slows down only when fewer are left
  Basis basis = Basis::assumed;
};

/// The curves of one accelerator, its own and, where it has none, a neighbour's scaled by peaks
/// (basis extrapolated), found once.
class KernelModel {
 public:
  KernelModel(const topology::Accelerator& accelerator, const topology::Catalogue& catalogue);

  KernelTime time_of(const workloads::Kernel& kernel) const;

  Seconds launch_gap() const { return launch_gap_; }

  /// Factor on compute while a communication kernel is resident, beyond the cores it holds (1:
  /// none).
  double interference() const { return interference_; }

  const workloads::CommunicationProfile& communication() const { return communication_; }

  /// What was borrowed or assumed, in sentences for the result's caveats.
  const std::vector<std::string>& caveats() const { return caveats_; }

 private:
  struct Entry;
  const topology::Accelerator accelerator_;
  std::vector<Entry> entries_;
  Seconds launch_gap_;
  double interference_ = 1;
  workloads::CommunicationProfile communication_;
  std::vector<std::string> caveats_;
};

/// One measurement of a kernel, for fitting.
struct Sample {
  workloads::Kernel kernel;
  Seconds time;
  bool held_out = false;
};

/// Fits one curve to the samples that are not held out (least squares of ln(time), Eigen's
/// Levenberg-Marquardt) and fills in its error figures on both halves.
pb::Curve fit(std::span<const Sample> samples, const topology::Accelerator& accelerator);

}  // namespace aisle::sim
