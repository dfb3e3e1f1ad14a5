// SPDX-License-Identifier: Apache-2.0
#include "sim/base/statistics.hpp"

#include <boost/math/special_functions/erf.hpp>

#include <cmath>

namespace aisle {

double expected_maximum(double draws) {
  if (!(draws > 1)) return 0;
  const double probability = (draws - 0.375) / (draws + 0.25);
  return std::sqrt(2.0) * boost::math::erf_inv(2 * probability - 1);
}

}  // namespace aisle
