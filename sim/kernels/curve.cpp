// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/curve.hpp"

#include "sim/kernels/calibration.pb.h"

#include <algorithm>
#include <cmath>

namespace aisle::sim {
namespace {

using workloads::Direction;
using workloads::Family;
using workloads::Kernel;

// FLOPs of the backward pass of attention over those of the forward: five products for two.
constexpr double kAttentionBackward = 2.5;

constexpr double kCube = 3;
constexpr double kTile = 128;

struct Lengths {
  double m = 1, n = 1, k = 1;
  double groups = 1;
};

bool is_attention(Family family) {
  return family == Family::attention || family == Family::attention_decode ||
         family == Family::mla || family == Family::mla_decode;
}

Lengths lengths_of(const Kernel& kernel) {
  Lengths lengths{std::max<double>(1, static_cast<double>(kernel.m)),
                  std::max<double>(1, static_cast<double>(kernel.n)),
                  std::max<double>(1, static_cast<double>(kernel.k)),
                  std::max<double>(1, kernel.groups)};
  if (is_attention(kernel.family)) {
    // k counts heads here. A causal pass sees half of the context on average, which the 2 of a
    // multiply-add cancels.
    const double passes = kernel.direction == Direction::forward ? 1 : kAttentionBackward;
    const double context = kernel.flops.si() / passes / (lengths.m * lengths.n * lengths.k);
    const double rows = std::max(1.0, lengths.m * lengths.k / lengths.groups);
    return {rows, 1, std::max(1.0, context), lengths.groups};
  }
  // The rows of all groups are m, and in a weight gradient the depth k.
  double& rows = kernel.direction == Direction::wgrad ? lengths.k : lengths.m;
  rows = std::max(1.0, rows / lengths.groups);
  return lengths;
}

}  // namespace

DeviceRates rates_of(const topology::Accelerator& accelerator) {
  DeviceRates rates;
  for (std::size_t i = 0; i < rates.flops_per_s.size(); ++i) {
    rates.flops_per_s[i] = accelerator.peak[i].value.si();
  }
  rates.hbm_bytes_per_s = accelerator.hbm_bandwidth.value.si();
  rates.cores = std::max(1, accelerator.cores);
  return rates;
}

CurveTerms CurveTerms::from(const pb::Curve& curve) {
  CurveTerms terms;
  terms.efficiency = curve.efficiency();
  terms.hbm_efficiency = curve.hbm_efficiency();
  terms.fixed_s = curve.fixed_us() * 1e-6;
  terms.half_m = curve.half_m();
  terms.half_n = curve.half_n();
  terms.half_k = curve.half_k();
  terms.tile_m = curve.tile_m();
  terms.tile_n = curve.tile_n();
  terms.cores = curve.cores();
  terms.half_bytes = curve.half_kb() * 1e3;
  terms.half_blocks = curve.half_blocks();
  terms.overlap = curve.overlap();
  terms.split_k = curve.split_k();
  terms.correction = Correction::from(curve.correction());
  return terms;
}

double CurveTerms::shape(const Kernel& kernel, int device_cores) const {
  const Lengths lengths = lengths_of(kernel);
  if (tile_m <= 0 || tile_n <= 0) {
    return lengths.k / (lengths.k + half_k) * lengths.m / (lengths.m + half_m) * lengths.n /
           (lengths.n + half_n);
  }
  const double rows = std::ceil(lengths.m / tile_m), columns = std::ceil(lengths.n / tile_n);
  const double tiles = rows * columns * lengths.groups;
  const double width = cores > 0 ? std::min(cores, device_cores) : device_cores;
  const double filled = lengths.m / (rows * tile_m) * lengths.n / (columns * tile_n);
  const auto used = [&](double parts) {
    const double blocks = tiles * parts, depth = lengths.k / parts;
    return depth / (depth + half_k) * filled * blocks / (std::ceil(blocks / width) * width);
  };
  if (split_k < 2 || 2 * tiles > width) return used(1);
  // The split that fills the cores once, or as far as it may go: the better of it and none.
  return std::max(used(1), used(std::min<double>(split_k, std::floor(width / tiles))));
}

double CurveTerms::tiles(const Kernel& kernel) const {
  const Lengths lengths = lengths_of(kernel);
  const double m = tile_m > 0 ? tile_m : kTile, n = tile_n > 0 ? tile_n : kTile;
  return std::ceil(lengths.m / m) * std::ceil(lengths.n / n) * lengths.groups;
}

Seconds CurveTerms::formula(const Kernel& kernel, const DeviceRates& rates) const {
  const double peak = rates.flops_per_s[static_cast<std::size_t>(kernel.precision)];
  double compute = 0, memory = 0;
  if (efficiency > 0 && peak > 0 && kernel.flops.si() > 0) {
    compute = kernel.flops.si() / (peak * efficiency * shape(kernel, rates.cores));
  }
  if (hbm_efficiency > 0 && rates.hbm_bytes_per_s > 0 && kernel.hbm_bytes.si() > 0) {
    memory = (kernel.hbm_bytes.si() + half_bytes) / (rates.hbm_bytes_per_s * hbm_efficiency);
    if (half_blocks > 0) {
      const double of = tiles(kernel);
      const double parts = std::clamp(rates.cores / of, 1.0, std::max<double>(1, split_k));
      memory *= 1 + half_blocks / (of * parts);
    }
  }
  const double longer = std::max(compute, memory), shorter = std::min(compute, memory);
  double joined = longer;
  if (overlap > 0 && shorter > 0) {
    const double ratio = shorter / longer;
    joined *= overlap == kCube ? std::cbrt(1 + ratio * ratio * ratio)  // the usual one, cheaper
                               : std::pow(1 + std::pow(ratio, overlap), 1 / overlap);
  }
  return Seconds::from_si(fixed_s + joined);
}

Seconds CurveTerms::time_of(const Kernel& kernel, const DeviceRates& rates) const {
  const Seconds time = formula(kernel, rates);
  return correction.empty() ? time : time * std::exp(correction.at(logarithms_of(kernel)));
}

std::array<double, 3> logarithms_of(const Kernel& kernel) {
  const Lengths lengths = lengths_of(kernel);
  if (is_attention(kernel.family)) {
    return {std::log2(lengths.m), std::log2(lengths.k), std::log2(lengths.groups)};
  }
  if (kernel.family == Family::grouped_gemm) {
    return {std::log2(lengths.m), std::log2(lengths.n), std::log2(lengths.groups)};
  }
  return {std::log2(lengths.m), std::log2(lengths.n), std::log2(lengths.k)};
}

}  // namespace aisle::sim
