// SPDX-License-Identifier: Apache-2.0
#include "sim/base/statistics.hpp"

#include <boost/math/special_functions/erf.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace aisle {

double expected_maximum(double draws) {
  if (!(draws > 1)) return 0;
  const double probability = (draws - 0.375) / (draws + 0.25);
  return std::sqrt(2.0) * boost::math::erf_inv(2 * probability - 1);
}

double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace aisle
