// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/estimate.hpp"
#include "sim/base/units.hpp"
#include "sim/kernels/curve.hpp"
#include "topology/cluster.hpp"
#include "workloads/collectives/collective.hpp"
#include "workloads/plan.hpp"

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

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

/// Families that a training step launches.
std::span<const workloads::Family> training_families();

/// What else the tables of products may have timed with them.
enum class Setting {
  table,     ///< as in the tables that the curves were fitted to
  training,  ///< products alone: plans of training have casts and the like as kernels of their own
  training_flash_2  ///< the same, with attention by FlashAttention-2
};

/// Kernel times of one accelerator. Predicts the time of one launch, alone on the device and
/// without the gap before it, by the curve (CurveTerms) that fits family, direction and number
/// format best. Curves come from the accelerator's own calibration (basis calibrated; extrapolated
/// where the curve rests on no sample of this chip), else from its `borrows_from` or nearest
/// calibrated relative, whose shares then apply to this chip's peaks and HBM bandwidth (basis
/// extrapolated, one caveat per donor), else from a plain roofline (basis assumed). Number formats
/// that the chip lacks run at the next wider one that it has. Errors per curve stand in the
/// calibration; formulas, sources and traps in docs/model/kernels.md.
class KernelModel {
 public:
  /// `used`: the families that the run can launch, which caveats are about.
  KernelModel(const topology::Accelerator& accelerator, const topology::Catalogue& catalogue,
              std::span<const workloads::Family> used = training_families(),
              Setting setting = Setting::table);

  KernelTime time_of(const workloads::Kernel& kernel) const;
  /// The same by the curve of one implementation (Curve.variant), where one was measured on the
  /// chip or on a relative; else as above.
  KernelTime time_of(const workloads::Kernel& kernel, const std::string& variant) const;

  /// Where the curve of the kernel was measured: what its source names before the first '@' or
  /// ':'; empty for a plain roofline. Ratios of times hold best between curves of one source.
  const std::string& source_of(const workloads::Kernel& kernel) const;

  Seconds launch_gap() const { return launch_gap_; }

  /// Factor on compute while a communication kernel is resident, beyond the cores it holds (1:
  /// none). Measured on kernels that leave those cores free anyway.
  double interference() const { return interference_; }

  const workloads::CommunicationProfile& communication() const { return communication_; }

  /// What was borrowed or assumed, in sentences for the result's caveats.
  const std::vector<std::string>& caveats() const { return caveats_; }

 private:
  struct Builder;

  struct Entry {
    CurveTerms terms;
    Basis basis = Basis::assumed;
    std::string source;
  };

  KernelTime timed(const workloads::Kernel& kernel, const Entry& entry) const;

  DeviceRates rates_;
  int device_cores_ = 1;                             ///< as the description has it
  std::unordered_map<std::string, Entry> variants_;  ///< by implementation, family, ...
  std::vector<Entry> entries_;                       ///< [family][direction][precision]
  std::array<topology::Precision, topology::kPrecisions> executed_as_{};
  Seconds launch_gap_;
  double interference_ = 1;
  workloads::CommunicationProfile communication_;
  std::vector<std::string> caveats_;
};

/// Whether the products of a kernel take longer than its bytes, each at the chip's peak.
bool is_tensor_bound(const workloads::Kernel& kernel, const topology::Accelerator& accelerator);

/// Operations that the tensor cores carry out, for energy: they work on tiles of 16 rows, full or
/// not, so products of fewer rows (of a group) and decoding attention cost those of 16.
Flops executed_flops(const workloads::Kernel& kernel);

/// One measurement of a kernel, for fitting.
struct Sample {
  workloads::Kernel kernel;
  Seconds time;
  bool held_out = false;
  double weight = 1;       ///< against the other samples
  std::uint32_t fold = 0;  ///< samples of equal number are of one shape and left out together
};

/// Fits one curve to the samples that are not held out (least squares of ln(time), Eigen's
/// Levenberg-Marquardt) and fills in its error figures on both halves. The samples are of one
/// family and number format, taken at a launch width of `cores` (0: all); of several directions,
/// the curve is for all. `corrected`: what the formula misses around the samples is added as a
/// correction.
pb::Curve fit(std::span<const Sample> samples, const topology::Accelerator& accelerator,
              int cores = 0, bool corrected = false);

/// The same curve with the correction, as stiff as it was, of other samples.
pb::Curve refit(const pb::Curve& curve, std::span<const Sample> samples,
                const topology::Accelerator& accelerator);

}  // namespace aisle::sim
