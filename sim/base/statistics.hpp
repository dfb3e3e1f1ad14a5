// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace aisle {

/// Expected largest of `draws` independent standard normal numbers, in standard deviations above
/// the mean: 0 for one draw, 1.43 for 8, 2.34 for 64, 3.96 for 16,384. Blom's approximation of the
/// order statistic, within 0.03 of the exact value.
double expected_maximum(double draws);

/// The value that a share of sorted values lies below, linear between neighbours; 0 of none.
double quantile(const std::vector<double>& sorted, double share);

}  // namespace aisle
