// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/arrival_gaps.hpp"

#include <cmath>

namespace aisle::workloads {

namespace {

/// Marsaglia and Tsang; shapes below one by the power of a uniform draw.
double draw_gamma(Random& random, double shape) {
  if (shape < 1) {
    return draw_gamma(random, shape + 1) * std::pow(1 - random.uniform(), 1 / shape);
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

/// Shape of a Weibull distribution whose standard deviation is so many means.
double weibull_shape(double variation) {
  double low = 0.1, high = 20;
  for (int round = 0; round < 60; ++round) {
    const double k = (low + high) / 2, mean = std::tgamma(1 + 1 / k);
    const double square = std::tgamma(1 + 2 / k) / (mean * mean) - 1;
    (square > variation * variation ? low : high) = k;
  }
  return (low + high) / 2;
}

}  // namespace

Gaps Gaps::of_shape(Kind kind, double shape) {
  Gaps gaps(kind);
  gaps.shape_ = shape;
  gaps.scale_ = kind == Kind::weibull ? 1 / std::tgamma(1 + 1 / shape) : 1 / shape;
  return gaps;
}

Gaps Gaps::of_variation(Kind kind, double variation) {
  return of_shape(kind,
                  kind == Kind::weibull ? weibull_shape(variation) : 1 / (variation * variation));
}

double Gaps::draw(Random& random) const {
  switch (kind_) {
    case Kind::none:
      return 0;
    case Kind::equal:
      return 1;
    case Kind::gamma:
      return scale_ * draw_gamma(random, shape_);
    case Kind::weibull:
      return scale_ * std::pow(random.exponential(), 1 / shape_);
    case Kind::exponential:
      break;
  }
  return random.exponential();
}

}  // namespace aisle::workloads
