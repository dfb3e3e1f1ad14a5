// SPDX-License-Identifier: Apache-2.0
// Ratios of kernel times between chips; kernels of which a trace shows the time but not the shape.
#include "sim/study/replay.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/figures.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::sim {

namespace {

using workloads::Direction;
using workloads::Family;
using workloads::Kernel;

// A layer's usual rows, columns and heads; only the length that is searched for moves the time.
constexpr std::int64_t kRows = 4096, kColumns = 4096, kHeads = 64, kHeadSizes = 256;
constexpr int kExperts = 8;
constexpr double kMostLog = 36;  // of bytes or lengths: beyond any kernel

std::int64_t whole(double length) {
  return std::max<std::int64_t>(1, std::llround(length));
}

/// The kernel at a size of 2^log: bytes moved, the depth of a product, or the tokens attended to.
Kernel sized(Kernel kernel, double log) {
  const double size = std::exp2(log);
  const double element = topology::size_of(kernel.precision).si();
  const auto rows = static_cast<double>(kRows), columns = static_cast<double>(kColumns);
  kernel.groups = 1;
  switch (kernel.family) {
    case Family::gemm:
    case Family::convolution:
    case Family::grouped_gemm: {
      const double groups = kernel.family == Family::grouped_gemm ? kExperts : 1;
      kernel.groups = static_cast<int>(groups);
      const bool deep = kernel.direction == Direction::wgrad;
      kernel.m = whole(deep ? rows : rows * groups);
      kernel.n = whole(columns);
      kernel.k = whole(deep ? size * groups : size);
      kernel.flops = Flops::from_si(2 * rows * columns * size * groups);
      kernel.hbm_bytes =
          Bytes::from_si(groups * (element * size * (rows + columns) + 2 * rows * columns));
      return kernel;
    }
    case Family::attention:
    case Family::mla: {
      const double passes = kernel.direction == Direction::forward ? 1 : 2.5;
      const auto heads = static_cast<double>(kHeads), dims = static_cast<double>(kHeadSizes);
      kernel.m = whole(size);
      kernel.n = kHeadSizes;
      kernel.k = kHeads;
      kernel.flops = Flops::from_si(passes * size * size * dims * heads);
      kernel.hbm_bytes = Bytes::from_si(2 * passes * size * dims * heads * element);
      return kernel;
    }
    default:
      kernel.m = whole(size / (element * columns));
      kernel.n = kColumns;
      kernel.k = 0;
      kernel.flops = Flops{};
      kernel.hbm_bytes = Bytes::from_si(size);
      return kernel;
  }
}

}  // namespace

Kernel stand_in(const Kernel& kernel, Seconds time, const KernelModel& model) {
  double low = 0, high = kMostLog;
  constexpr int kSteps = 40;
  for (int i = 0; i < kSteps; ++i) {
    const double middle = (low + high) / 2;
    (model.time_of(sized(kernel, middle)).time < time ? low : high) = middle;
  }
  return sized(kernel, low);
}

namespace {

/// Chips of one die in two packages or with two memories.
bool is_same_die(const topology::Accelerator& a, const topology::Accelerator& b) {
  constexpr double kSame = 0.01;
  const auto near = [](double x, double y) { return std::abs(x - y) <= kSame * std::max(x, y); };
  return a.cores == b.cores &&
         near(a.peak_of(topology::Precision::bf16).value.si(),
              b.peak_of(topology::Precision::bf16).value.si()) &&
         near(a.peak_of(topology::Precision::fp8).value.si(),
              b.peak_of(topology::Precision::fp8).value.si());
}

/// The calibration of one chip at the rates of another.
KernelModel model_as(const std::string& calibrated, topology::Accelerator rates,
                     const topology::Catalogue& catalogue) {
  rates.name = calibrated;
  return {rates, catalogue};
}

/// Whether an entry is of the die, as far as cores and matrix peaks tell.
bool is_of_die(const pb::Accelerator& entry, const topology::Accelerator& chip) {
  topology::Accelerator other;
  other.cores = static_cast<int>(topology::number_or(entry.cores(), 0));
  for (const pb::Peak& peak : entry.peak()) {
    const auto precision = topology::parse_precision(peak.precision());
    const auto rate = topology::quantity_of<FlopsPerSecond>(peak.rate());
    if (precision && rate) other.peak[static_cast<std::size_t>(*precision)].value = *rate;
  }
  return is_same_die(other, chip);
}

}  // namespace

KernelRatio::KernelRatio(const ReplayMachine& from, const ReplayMachine& to,
                         const topology::Catalogue& catalogue)
    : second_(&to.kernels),
      first_at_second_(
          model_as(from.cluster.accelerator().name, to.cluster.accelerator(), catalogue)),
      same_die_(is_same_die(from.cluster.accelerator(), to.cluster.accelerator())) {
  const topology::Accelerator& chip = from.cluster.accelerator();
  first_.push_back(from.kernels);
  if (same_die_) return;
  for (const pb::Accelerator* entry : catalogue.accelerators()) {
    if (entry->name() == chip.name || catalogue.calibration(entry->name()) == nullptr) continue;
    if (is_of_die(*entry, chip)) first_.push_back(model_as(entry->name(), chip, catalogue));
  }
}

const KernelModel& KernelRatio::first(const Kernel& kernel) const {
  if (&second(kernel) == &first_at_second_) return first_.front();
  const std::string& source = second_->source_of(kernel);
  for (const KernelModel& model : first_) {
    if (!source.empty() && model.source_of(kernel) == source) return model;
  }
  return first_.front();
}

const KernelModel& KernelRatio::second(const Kernel& kernel) const {
  const bool one_measured =
      first_.front().source_of(kernel).empty() != second_->source_of(kernel).empty();
  return same_die_ || one_measured ? first_at_second_ : *second_;
}

double KernelRatio::of(const Kernel& before, const Kernel& after) const {
  const double took = first(before).time_of(before).time.si();
  return took > 0 ? second(before).time_of(after).time.si() / took : 1;
}

}  // namespace aisle::sim
