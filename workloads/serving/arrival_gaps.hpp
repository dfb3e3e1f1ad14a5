// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/random.hpp"

#include <cstdint>

namespace aisle::workloads {

/// Gaps between arrivals, with mean 1.
class Gaps {
 public:
  enum class Kind : std::uint8_t { none, equal, exponential, gamma, weibull };

  explicit Gaps(Kind kind) : kind_(kind) {}

  /// Gamma or Weibull by the shape parameter.
  static Gaps of_shape(Kind kind, double shape);
  /// The same by the standard deviation over the mean.
  static Gaps of_variation(Kind kind, double variation);

  double draw(Random& random) const;

 private:
  Kind kind_;
  double shape_ = 1, scale_ = 1;
};

}  // namespace aisle::workloads
