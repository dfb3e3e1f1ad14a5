// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/kernels/kernels.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace aisle::sim {

inline const topology::Catalogue& shipped_catalogue() {
  static const std::optional<topology::Catalogue> catalogue = [] {
    Diagnostics diagnostics;
    auto read = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
    for (const Diagnostic& diagnostic : diagnostics.all()) {
      ADD_FAILURE() << to_string(diagnostic);
    }
    return read;
  }();
  return *catalogue;
}

/// An accelerator with the rates of H800 and H100 SXM unless changed.
inline topology::Accelerator hopper(const std::string& name) {
  using namespace units;
  topology::Accelerator accelerator;
  accelerator.name = name;
  const auto set = [&](topology::Precision precision, double tflops) {
    accelerator.peak[static_cast<std::size_t>(precision)] = {tflops * TFLOP / s, Basis::vendor};
  };
  set(topology::Precision::bf16, 989);
  set(topology::Precision::fp16, 989);
  set(topology::Precision::fp8, 1979);
  accelerator.cores = 132;
  accelerator.hbm_bandwidth = {3.35 * TB / s, Basis::vendor};
  return accelerator;
}

inline workloads::Kernel product(std::int64_t m, std::int64_t n, std::int64_t k,
                                 topology::Precision precision = topology::Precision::bf16) {
  workloads::Kernel kernel;
  kernel.precision = precision;
  kernel.m = m;
  kernel.n = n;
  kernel.k = k;
  const auto rows = static_cast<double>(m), columns = static_cast<double>(n),
             depth = static_cast<double>(k);
  kernel.flops = 2 * rows * columns * depth * units::FLOP;
  kernel.hbm_bytes =
      (topology::size_of(precision).si() * (rows * depth + columns * depth) + 2 * rows * columns) *
      units::B;
  return kernel;
}

}  // namespace aisle::sim
